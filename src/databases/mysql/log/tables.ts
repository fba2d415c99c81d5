// What the log says about tables, compared with what the run expects of them. A table of another shape is a fault that is
// raised by the first change that uses it, so that everything logged before the alteration is still delivered.

import { MigrateError } from '../../../lib/errors.ts';
import type { Table } from '../../../model/table.ts';
import { type ValueReader, valueReader } from './columns.ts';
import { Cursor } from './cursor.ts';
import type { TableMap } from './events.ts';
import { isMarkerTable, markerColumns } from './marker.ts';
import { type LoggedTable, readTable, readTableName } from './table-map.ts';
import { type CharsetOf, comparable, typeName } from './types.ts';

/** A table of the run, and the columns that the server computes: they are logged and not carried. */
export interface CapturedTable {
  readonly table: Table;
  readonly computed: readonly string[];
  /** Without a primary key the log names whichever unique key the server likes best, which need not be the run's. */
  readonly hasPrimary: boolean;
}

/** How the rows of a table are read. */
export interface Relation {
  /** Undefined for the table of markers. */
  readonly table: Table | undefined;
  readonly readers: readonly ValueReader[];
  /** For each column in the log its place in a row; -1 for one that is not carried. */
  readonly places: readonly number[];
  /** How many values a row has. */
  readonly width: number;
  /** How many of them the log has: columns that were added later are NULL before. */
  readonly logged: number;
  /** For each column in the log: it is part of the key. */
  readonly inKey: readonly boolean[];
}

export interface TablesOptions {
  readonly captured: readonly CapturedTable[];
  readonly charsetOf: CharsetOf;
  readonly isMariadb: boolean;
  /** The server tells apart `A` and `a` in names of tables. */
  readonly caseSensitive: boolean;
}

type Known = Relation | MigrateError | undefined;

/** The tables met in one stream, by the number the log gives them. */
export class LoggedTables {
  readonly #options: TablesOptions;
  readonly #captured = new Map<string, CapturedTable>();
  /** With the bytes of the description, which nearly always comes again as it was. Undefined: not captured. */
  readonly #known = new Map<number, { readonly bytes: Buffer; readonly relation: Known }>();
  readonly #cursor = new Cursor();
  /** So many columns a table had before in this log. */
  readonly #least = new Map<Table, number>();

  constructor(options: TablesOptions) {
    this.#options = options;
    for (const one of options.captured) this.#captured.set(this.#key(one.table.schema, one.table.name), one);
  }

  /** A table of the run by what a statement calls it. */
  captured(schema: string, name: string): Table | undefined {
    return this.#captured.get(this.#key(schema, name))?.table;
  }

  get all(): Iterable<CapturedTable> {
    return this.#captured.values();
  }

  learn({ id, bytes, at, until }: TableMap): void {
    const before = this.#known.get(id);
    if (before !== undefined && before.bytes.compare(bytes, at, until) === 0) return;
    this.#known.set(id, { bytes: Buffer.from(bytes.subarray(at, until)), relation: this.#judge(bytes, at, until) });
  }

  /** Numbers are given anew by a server that was started anew. */
  forget(): void {
    this.#known.clear();
  }

  /** Undefined when the table is not captured. Throws when it has changed. */
  find(id: number): Relation | undefined {
    const known = this.#known.get(id);
    if (known === undefined) throw new MigrateError('STREAM.UNKNOWN', `the log names table ${id} before describing it`);
    if (known.relation instanceof MigrateError) throw known.relation;
    return known.relation;
  }

  #key(schema: string, name: string): string {
    const key = `${schema}\0${name}`;
    return this.#options.caseSensitive ? key : key.toLowerCase();
  }

  #judge(bytes: Buffer, at: number, until: number): Known {
    const cursor = this.#cursor.over(bytes, at, until);
    const name = readTableName(cursor);
    const isMarker = isMarkerTable(name.schema, name.name);
    const captured = this.#captured.get(this.#key(name.schema, name.name));
    if (captured === undefined && !isMarker) return undefined;
    try {
      const logged = readTable(cursor, name, this.#options.isMariadb);
      if (!logged.isNamed) throw withoutNames(logged);
      return captured === undefined ? this.#marker(logged) : this.#relation(captured, logged);
    } catch (error) {
      if (error instanceof MigrateError) return error;
      throw error;
    }
  }

  #marker(logged: LoggedTable): Relation | undefined {
    const where = markerColumns(logged);
    if (where === undefined) return undefined;
    const places = logged.columns.map((_, index) => (index === where.run ? 0 : index === where.content ? 1 : -1));
    return {
      table: undefined,
      readers: logged.columns.map((column) => valueReader(column, this.#options.charsetOf)),
      places,
      width: 2,
      logged: 2,
      inKey: places.map(() => false),
    };
  }

  #relation({ table, computed, hasPrimary }: CapturedTable, logged: LoggedTable): Relation {
    const { charsetOf } = this.#options;
    const places = logged.columns.map(({ name }) =>
      computed.includes(name) ? -1 : table.columns.findIndex((column) => column.name === name),
    );
    const difference = compare(table, logged, places, computed, {
      charsetOf,
      hasPrimary,
      least: this.#least.get(table) ?? 0,
    });
    if (difference !== undefined) {
      throw new MigrateError('SCHEMA.CHANGED', `${table.id} was changed during the run: ${difference}`, {
        where: table.id,
      });
    }
    const width = places.filter((place) => place >= 0).length;
    this.#least.set(table, width);
    return {
      table,
      readers: logged.columns.map((column, index) =>
        valueReader(column, charsetOf, table.columns[places[index] ?? -1]?.type),
      ),
      places,
      width: table.columns.length,
      logged: width,
      inKey: places.map((place) => table.key.includes(place)),
    };
  }
}

function compare(
  table: Table,
  logged: LoggedTable,
  places: readonly number[],
  computed: readonly string[],
  {
    charsetOf,
    hasPrimary,
    least,
  }: { readonly charsetOf: CharsetOf; readonly hasPrimary: boolean; readonly least: number },
): string | undefined {
  const carried = logged.columns.filter(({ name }) => !computed.includes(name)).map(({ name }) => name);
  const all = table.columns.map(({ name }) => name);
  // Columns that were added during the run are missing before that, the last ones first.
  const earliest = all.length - (table.followed ?? 0);
  const expected = all.slice(0, Math.max(carried.length, earliest, least));
  const added = carried.filter((name) => !expected.includes(name));
  const gone = expected.filter((name) => !carried.includes(name));
  if (added.length > 0 && gone.length > 0) return `column ${gone.join(', ')} is gone, ${added.join(', ')} is new`;
  if (added.length > 0) return `column ${added.join(', ')} was added`;
  if (gone.length > 0) return `column ${gone.join(', ')} was dropped`;
  if (carried.some((name, index) => name !== expected[index]))
    return `the order of the columns is ${carried.join(', ')}`;
  for (const [index, column] of logged.columns.entries()) {
    const known = table.columns[places[index] ?? -1];
    if (known === undefined) continue;
    const type = typeName(column, charsetOf);
    if (type !== undefined && type !== comparable(known.type))
      return `column ${column.name} is no longer ${known.type}`;
  }
  const key = logged.primaryKey.map((index) => places[index]);
  const isOther = key.length !== table.key.length || table.key.some((place, index) => place !== key[index]);
  // A primary key with a computed column does not find rows.
  const finds = hasPrimary && key.length > 0 && !key.includes(-1);
  return table.identity === 'key' && finds && isOther ? 'the primary key has other columns' : undefined;
}

function withoutNames({ schema, name }: LoggedTable): MigrateError {
  return new MigrateError('STREAM.FORMAT', `the log describes ${schema}.${name} without the names of its columns`, {
    fix: 'SET GLOBAL binlog_row_metadata = FULL; then abort with --drop and start again.',
  });
}
