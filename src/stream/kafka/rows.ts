// Rows as Debezium writes them, an object with a member for each column, read as rows of the run's tables. A table of another
// shape is a fault that is raised by the first change that shows it, so that everything before is still delivered.

import { MigrateError } from '../../lib/errors.ts';
import type { Key, LoggedValue, Value } from '../../model/change.ts';
import type { Table } from '../../model/table.ts';
import type { Dialect, ReadValue } from './dialect.ts';
import { isNull, JsonMembers, valueEnd } from './json.ts';

/** A table of the run, and the columns that the server computes: they are in the messages and not carried. */
export interface CapturedTable {
  readonly table: Table;
  readonly computed: readonly string[];
}

/** What the members of a row are, in the order in which they came: nearly always the same for every row. */
interface Layout {
  /** The member's name as it is written, with its quotes and the colon. */
  readonly names: readonly Buffer[];
  /** Its column; -1 for one that is not carried. */
  readonly places: readonly number[];
}

const NOTHING: Layout = { names: [], places: [] };
const OPEN = 0x7b;
const COMMA = 0x2c;
const CLOSE = 0x7d;
const COLON = Buffer.from(':');

export class RowReader {
  readonly table: Table;
  readonly #computed: readonly string[];
  readonly #readers: readonly ReadValue[];
  /** For each column: it is part of the key. */
  readonly #isKey: readonly boolean[];
  readonly #members = new JsonMembers();
  #layout = NOTHING;
  /** So many columns the table had before in this log. */
  #least = 0;

  constructor({ table, computed }: CapturedTable, dialect: Dialect) {
    this.table = table;
    this.#computed = computed;
    this.#readers = table.columns.map((column) => dialect.readerOf(table, column));
    this.#isKey = table.columns.map((_, index) => table.key.includes(index));
  }

  /** The row whose object begins at `start`. `keyOnly`: values of other columns are left undefined. */
  read(bytes: Buffer, start: number, end: number, keyOnly = false): LoggedValue[] {
    return this.#quick(bytes, start, end, keyOnly) ?? this.#slow(bytes, start, end, keyOnly);
  }

  /** The key in a row. */
  keyOf(row: readonly LoggedValue[]): Key {
    const { table } = this;
    const key: Value[] = new Array(table.key.length);
    for (let index = 0; index < key.length; index++) {
      const value = row[table.key[index] ?? 0];
      if (value === undefined || (value === null && table.identity === 'key')) {
        throw new MigrateError('STREAM.UNKNOWN', `a change of ${table.id} does not carry the whole key`);
      }
      key[index] = value;
    }
    return key;
  }

  /** Undefined when the members are not those of the row before, in its order. */
  #quick(bytes: Buffer, start: number, end: number, keyOnly: boolean): LoggedValue[] | undefined {
    const { names, places } = this.#layout;
    if (bytes[start] !== OPEN) return undefined;
    const row = this.#empty(keyOnly);
    let at = start;
    for (let index = 0; index < names.length; index++) {
      const name = names[index] ?? COLON;
      if (bytes[at] !== (index === 0 ? OPEN : COMMA) || !stands(bytes, at + 1, name)) return undefined;
      const value = at + 1 + name.length;
      at = valueEnd(bytes, value, end);
      const place = places[index] ?? -1;
      if (place < 0 || (keyOnly && this.#isKey[place] !== true)) continue;
      row[place] = isNull(bytes, value) ? null : this.#readers[place]?.(bytes, value, at);
    }
    return bytes[at] === CLOSE && at === end - 1 && names.length > 0 ? row : undefined;
  }

  #slow(bytes: Buffer, start: number, end: number, keyOnly: boolean): LoggedValue[] {
    const members = this.#members.over(bytes, start, end);
    this.#layout = this.#learn(members);
    const row = this.#empty(keyOnly);
    for (const [index, place] of this.#layout.places.entries()) {
      if (place < 0 || (keyOnly && this.#isKey[place] !== true)) continue;
      row[place] = members.holds(index)
        ? this.#readers[place]?.(bytes, members.start(index), members.end(index))
        : null;
    }
    return row;
  }

  /** Columns that came later than the change are NULL in it. */
  #empty(keyOnly: boolean): LoggedValue[] {
    const width = this.#readers.length;
    const row: LoggedValue[] = new Array(width);
    for (let index = 0; index < width; index++) row[index] = keyOnly ? undefined : null;
    return row;
  }

  #learn(members: JsonMembers): Layout {
    const names: string[] = [];
    const quoted: Buffer[] = [];
    for (let index = 0; index < members.count; index++) {
      names.push(members.nameOf(index));
      quoted.push(Buffer.concat([members.nameBytes(index), COLON]));
    }
    const { table } = this;
    const places = names.map((name) =>
      this.#computed.includes(name) ? -1 : table.columns.findIndex((column) => column.name === name),
    );
    const carried = names.filter((name) => !this.#computed.includes(name));
    const difference = compare(table, carried, this.#least);
    if (difference !== undefined) {
      throw new MigrateError('SCHEMA.CHANGED', `${table.id} was changed during the run: ${difference}`, {
        where: table.id,
      });
    }
    this.#least = carried.length;
    return { names: quoted, places };
  }
}

function stands(bytes: Buffer, at: number, name: Buffer): boolean {
  for (let index = 0; index < name.length; index++) if (bytes[at + index] !== name[index]) return false;
  return true;
}

/** Types are not told, and the order of the members is not that of the columns for certain. */
function compare(table: Table, carried: readonly string[], least: number): string | undefined {
  const all = table.columns.map(({ name }) => name);
  // Columns that were added during the run are missing before that, the last ones first.
  const earliest = all.length - (table.followed ?? 0);
  const expected = all.slice(0, Math.max(carried.length, earliest, least));
  const added = carried.filter((name) => !expected.includes(name));
  const gone = expected.filter((name) => !carried.includes(name));
  if (added.length > 0 && gone.length > 0) return `column ${gone.join(', ')} is gone, ${added.join(', ')} is new`;
  if (added.length > 0) return `column ${added.join(', ')} was added`;
  return gone.length > 0 ? `column ${gone.join(', ')} was dropped` : undefined;
}
