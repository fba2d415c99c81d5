// What the log says about tables, compared with what the run expects of them. A table of another shape is a fault that
// is raised by the first change that uses it, so that everything logged before the alteration is still delivered.

import { MigrateError } from '../../../lib/errors.ts';
import type { Table } from '../../../model/table.ts';

/** A column as the log describes it. */
export interface LoggedColumn {
  readonly name: string;
  readonly typeOid: number;
  readonly typeModifier: number;
  /** Part of the replica identity: old values of this column are logged. */
  readonly inIdentity: boolean;
}

/** A Relation message. */
export interface LoggedRelation {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  /** `d` primary key, `f` full row, `i` an index, `n` nothing. */
  readonly identity: string;
  readonly columns: readonly LoggedColumn[];
}

/** A type as the server numbers it. */
export interface ServerType {
  readonly oid: number;
  /** Undefined where the server cannot tell; then it is not compared. */
  readonly modifier: number | undefined;
}

/** A table of the run with its columns' types as this server numbers them. */
export interface CapturedTable {
  readonly table: Table;
  readonly types: readonly ServerType[];
}

/** A relation that changes can be read with. */
export interface Relation {
  readonly table: Table;
  readonly inIdentity: readonly boolean[];
  /** How many columns a row has in the log: the last of the table may have come later, and are NULL in it. */
  readonly width: number;
}

/** The tables met in one stream, by the number the log gives them. */
export class Relations {
  readonly #captured = new Map<string, CapturedTable>();
  readonly #published: ReadonlySet<number>;
  readonly #known = new Map<number, Relation | MigrateError>();

  /** `published` are the numbers of the publication's tables: one of them under an unknown name was renamed. */
  constructor(captured: readonly CapturedTable[], published: ReadonlySet<number>) {
    for (const one of captured) this.#captured.set(nameKey(one.table.schema, one.table.name), one);
    this.#published = published;
  }

  learn(logged: LoggedRelation): void {
    const before = this.#known.get(logged.oid);
    this.#known.set(logged.oid, this.#judge(logged, before instanceof MigrateError ? 0 : (before?.width ?? 0)));
  }

  /** Throws when the table has changed or does not belong to the run. */
  find(oid: number): Relation {
    const known = this.#known.get(oid);
    if (known === undefined)
      throw new MigrateError('STREAM.UNKNOWN', `the log names relation ${oid} before describing it`);
    if (known instanceof MigrateError) throw known;
    return known;
  }

  /** `least`: so many columns it had before in this log. */
  #judge(logged: LoggedRelation, least: number): Relation | MigrateError {
    const name = `${logged.schema}.${logged.name}`;
    const captured = this.#captured.get(nameKey(logged.schema, logged.name));
    if (captured === undefined) {
      return this.#published.has(logged.oid)
        ? new MigrateError('SCHEMA.CHANGED', `a captured table was renamed to ${name}`, { where: name })
        : new MigrateError('STREAM.UNKNOWN', `the log carries a change of ${name}, which this run does not capture`);
    }
    const difference = compareColumns(captured, logged, least) ?? compareIdentity(captured.table, logged);
    if (difference !== undefined) {
      const id = captured.table.id;
      return new MigrateError('SCHEMA.CHANGED', `${id} was changed during the run: ${difference}`, { where: id });
    }
    const inIdentity = logged.columns.map((column) => column.inIdentity);
    return { table: captured.table, inIdentity, width: inIdentity.length };
  }
}

function nameKey(schema: string, name: string): string {
  return `${schema}\0${name}`;
}

function compareColumns({ table, types }: CapturedTable, logged: LoggedRelation, least: number): string | undefined {
  const now = logged.columns.map((column) => column.name);
  const all = table.columns.map((column) => column.name);
  // Columns that were added during the run are missing before that, the last ones first.
  const earliest = all.length - (table.followed ?? 0);
  const expected = all.slice(0, Math.max(now.length, earliest, least));
  const added = now.filter((name) => !expected.includes(name));
  const gone = expected.filter((name) => !now.includes(name));
  if (added.length > 0 && gone.length > 0) return `column ${gone.join(', ')} is gone, ${added.join(', ')} is new`;
  if (added.length > 0) return `column ${added.join(', ')} was added`;
  if (gone.length > 0) return `column ${gone.join(', ')} was dropped`;
  for (const [index, column] of logged.columns.entries()) {
    if (column.name !== expected[index]) return `the order of the columns is ${now.join(', ')}`;
    const type = types[index];
    const sameModifier = type?.modifier === undefined || type.modifier === column.typeModifier;
    if (type?.oid !== column.typeOid || !sameModifier) {
      return `column ${column.name} is no longer ${table.columns[index]?.type}`;
    }
  }
  return undefined;
}

// A change is found by its primary key, so the log must carry the old key whenever the key changes. It does when the
// key is part of the replica identity; an identity that is the primary key must be the very key the run was started with.
function compareIdentity(table: Table, logged: LoggedRelation): string | undefined {
  const missing = table.key.find((index) => logged.columns[index]?.inIdentity !== true);
  if (missing !== undefined) {
    return `key column ${table.columns[missing]?.name} is not part of the replica identity`;
  }
  const width = logged.columns.filter((column) => column.inIdentity).length;
  return logged.identity === 'd' && width !== table.key.length ? 'the primary key has other columns' : undefined;
}
