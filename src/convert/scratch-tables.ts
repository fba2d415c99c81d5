// The tables of a run once more, in a schema of their own on the target, under the names that the core has for the run's.

import type { Scratch, TargetMoment } from '../databases/scratch.ts';
import type { Lane } from '../databases/target.ts';
import { MigrateError } from '../lib/errors.ts';
import type { Catalog } from '../model/catalog.ts';
import type { Change, Key, Row } from '../model/change.ts';
import type { Position } from '../model/position.ts';
import type { Table, TableId } from '../model/table.ts';
import { renamedLane } from './renamed-target.ts';

export class ScratchTables {
  readonly #scratch: Scratch;
  readonly #onTarget: ReadonlyMap<TableId, Table>;
  readonly #standIns: ReadonlyMap<TableId, Table>;

  constructor(scratch: Scratch, catalog: Catalog) {
    this.#scratch = scratch;
    const tables = (catalog.onTarget ?? catalog).tables.map(({ table }) => table);
    this.#onTarget = new Map(tables.map((table) => [table.id, table]));
    // By number: of two schemas' tables with one name each gets its own.
    const standIn = (table: Table, number: number): Table => ({ ...table, schema: scratch.schema, name: `t${number}` });
    this.#standIns = new Map(tables.map((table, number) => [table.id, standIn(table, number)]));
  }

  /** See `TargetMoment.rows`. */
  rows(moment: TargetMoment, table: Table, keys: readonly Key[], maxBytes: number): Promise<readonly Row[]> {
    return moment.rows(of(this.#onTarget, table), keys, maxBytes);
  }

  /** See `Scratch.make`. */
  make(tables: readonly Table[], lanes: number, position: Position): Promise<void> {
    const made = tables.map((table) => ({ table: this.#table(table), like: of(this.#onTarget, table) }));
    return this.#scratch.make(made, lanes, position);
  }

  async lane(): Promise<Lane> {
    return renamedLane(await this.#scratch.lane(), { table: this.#table, change: this.#change });
  }

  readonly #table = (table: Table): Table => of(this.#standIns, table);

  readonly #change = (change: Change): Change => {
    if (change.op === 'marker') return change;
    if (change.op === 'truncate') return { ...change, tables: change.tables.map(this.#table) };
    return { ...change, table: this.#table(change.table) };
  };
}

function of(tables: ReadonlyMap<TableId, Table>, { id }: Table): Table {
  const table = tables.get(id);
  if (table === undefined) throw new MigrateError('INTERNAL.BUG', `${id} is not on the target`);
  return table;
}
