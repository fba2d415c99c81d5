// The names in what the server says about a row that it refuses: of a column or a constraint, never a value.

export interface ErrorNames {
  readonly constraint?: string;
  readonly column?: string;
}

const KEYS = new Set([1022, 1062, 1169, 1586]);
const FOREIGN_KEYS = new Set([1216, 1217, 1451, 1452]);
const REQUIRED = new Set([1048, 1364]);
const CHECK = 3819;

/** Of a message in English. Values stand before the names, so it is the last place that counts. */
export function namesIn(errno: number, message: string): ErrorNames {
  if (KEYS.has(errno)) return constraint(afterLast(message, " for key '", /'$/));
  if (errno === CHECK) return constraint(/^Check constraint '(.*)' is violated\.$/s.exec(message)?.[1]);
  if (FOREIGN_KEYS.has(errno)) return constraint(/ CONSTRAINT `((?:[^`]|``)+)` FOREIGN KEY /.exec(message)?.[1]);
  if (REQUIRED.has(errno)) return column(/^(?:Column|Field) '(.*)' (?:cannot be|doesn't have)/s.exec(message)?.[1]);
  return column(afterLast(message, " for column '", /'(?: at row \d+|\.)?$/));
}

function constraint(name: string | undefined): ErrorNames {
  return name === undefined ? {} : { constraint: name };
}

function column(name: string | undefined): ErrorNames {
  return name === undefined ? {} : { column: name };
}

function afterLast(message: string, before: string, after: RegExp): string | undefined {
  const place = message.lastIndexOf(before);
  const end = message.search(after);
  return place === -1 || end < place + before.length ? undefined : message.slice(place + before.length, end);
}
