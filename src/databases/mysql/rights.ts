// What the account of a session may do, as the server tells it: SHOW GRANTS has what active roles give, too. No server of this
// kind can be asked for a single right.

import type { MysqlSession } from './connection.ts';

/** Everything, a database, or a table. */
export interface Place {
  readonly schema?: string;
  readonly name?: string;
}

interface Entry extends Place {
  readonly isRevoked: boolean;
  readonly privileges: ReadonlySet<string>;
}

const ALL = 'ALL PRIVILEGES';
const NAME = '(?:(`(?:[^`]|``)*`|"(?:[^"]|"")*")|\\*)';
const LINE = new RegExp(`^(GRANT|REVOKE) (.+?) ON (?:TABLE )?${NAME}\\.${NAME} (?:TO|FROM) `, 's');

/** Of newer versions of MariaDB, under the name that MySQL has for it. */
const OTHER_NAMES: ReadonlyMap<string, string> = new Map([
  ['REPLICATION CLIENT', 'BINLOG MONITOR'],
  ['REPLICATION SLAVE', 'REPLICATION REPLICA'],
]);

export class Rights {
  readonly #entries: readonly Entry[];
  readonly #namesArePatterns: boolean;

  /** `lines`: of SHOW GRANTS. Rights on single columns, on routines and by proxy do not count. */
  constructor(lines: readonly string[], namesArePatterns: boolean) {
    this.#entries = lines.flatMap(toEntry);
    this.#namesArePatterns = namesArePatterns;
  }

  /** True when the right covers the whole place. */
  has(privilege: string, place: Place = {}): boolean {
    const holds = ({ privileges }: Entry): boolean =>
      privileges.has(ALL) || privileges.has(privilege) || privileges.has(OTHER_NAMES.get(privilege) ?? privilege);
    const covering = this.#entries.filter((entry) => holds(entry) && this.#covers(entry, place));
    const isRevoked = covering.some((entry) => entry.isRevoked);
    return covering.some((entry) => !entry.isRevoked && (!isRevoked || entry.schema !== undefined));
  }

  #covers(entry: Entry, place: Place): boolean {
    if (entry.schema === undefined) return true;
    if (place.schema === undefined) return false;
    if (entry.name !== undefined) return entry.schema === place.schema && entry.name === place.name;
    return this.#namesArePatterns ? likePattern(entry.schema).test(place.schema) : entry.schema === place.schema;
  }
}

/** `namesArePatterns`: the name of a database in a grant is a pattern, as it is unless partial_revokes is on. */
export async function readRights(session: MysqlSession, namesArePatterns: boolean): Promise<Rights> {
  const rows = await session.query('SHOW GRANTS');
  return new Rights(
    rows.map(([line]) => line ?? ''),
    namesArePatterns,
  );
}

function toEntry(line: string): readonly Entry[] {
  const [, verb, list = '', schema, name] = LINE.exec(line) ?? [];
  if (verb === undefined) return [];
  // Before the columns are taken out, a comma may stand in a list of them.
  const privileges = list
    .replaceAll(/[\w ]+\([^)]*\)/g, '')
    .split(',')
    .map((privilege) => privilege.trim().toUpperCase());
  return [
    {
      isRevoked: verb === 'REVOKE',
      privileges: new Set(privileges),
      ...(schema === undefined ? {} : { schema: unquoted(schema) }),
      ...(name === undefined ? {} : { name: unquoted(name) }),
    },
  ];
}

function unquoted(quoted: string): string {
  const quote = quoted.charAt(0);
  return quoted.slice(1, -1).replaceAll(quote + quote, quote);
}

function likePattern(text: string): RegExp {
  const body = text.replace(/\\(.)|./gsu, (character, taken?: string) => {
    if (character === '%') return '.*';
    if (character === '_') return '.';
    return (taken ?? character).replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
  });
  return new RegExp(`^${body}$`, 'su');
}
