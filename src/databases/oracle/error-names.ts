// The names in the server's words about a row: the constraint or the column that refused it.

export interface ErrorNames {
  /** With its schema: `SHOP.ORDERS_PK`. */
  readonly constraint?: string;
  /** With its table: `SHOP.ORDERS.TOTAL`. */
  readonly column?: string;
}

/** Unique, check, parent missing, child there. */
const CONSTRAINTS = new Set([1, 2290, 2291, 2292]);
/** NULL into a column, a text too long for one. */
const COLUMNS = new Set([1400, 1407, 12899]);

export function namesIn(number: number, message: string): ErrorNames {
  if (CONSTRAINTS.has(number)) {
    const constraint = /\(([^():]+\.[^():]+)\)/.exec(message)?.[1];
    return constraint === undefined ? {} : { constraint };
  }
  if (COLUMNS.has(number)) {
    const column = /"([^"]+)"\."([^"]+)"\."([^"]+)"/.exec(message);
    return column === null ? {} : { column: column.slice(1).join('.') };
  }
  return {};
}
