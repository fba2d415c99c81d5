// A target that calls things what it does not call them on the source. The core works with the source's tables throughout:
// rows are lists of values, so that only what is said to the target needs other names.

import type { Digests } from '../databases/digests.ts';
import type { Fence } from '../databases/fence.ts';
import type { ForeignKeys } from '../databases/foreign-keys.ts';
import type { Sequences, SequenceValue } from '../databases/sequences.ts';
import type { Lane, Loader, NewColumn, Target } from '../databases/target.ts';
import { MigrateError } from '../lib/errors.ts';
import { type Catalog, writtenTables } from '../model/catalog.ts';
import type { Change } from '../model/change.ts';
import { type Table, type TableId, type TableName, tableId } from '../model/table.ts';

/** The target itself when the catalog is called the same there. */
export function renamedTarget(target: Target, catalog: Catalog): Target {
  return catalog.onTarget === undefined ? target : decorated(target, new Names(catalog.onTarget));
}

/** What a lane calls the tables of the core. */
interface LaneNames {
  readonly table: (table: Table) => Table;
  readonly change: (change: Change) => Change;
}

/** What the target calls the tables of the core. Their ids are the same on both sides. */
class Names implements LaneNames {
  readonly #tables: ReadonlyMap<TableId, Table>;
  readonly #written: ReadonlyMap<TableId, TableName>;

  constructor(onTarget: Catalog) {
    this.#tables = new Map(onTarget.tables.map(({ table }) => [table.id, table]));
    this.#written = new Map(writtenTables(onTarget).map((table) => [table.id, table]));
  }

  readonly table = ({ id }: TableName): Table => known(this.#tables.get(id), id);

  /** Partitioned tables as well. */
  readonly written = ({ id }: TableName): TableName => known(this.#written.get(id), id);

  readonly change = (change: Change): Change => {
    if (change.op === 'marker') return change;
    if (change.op === 'truncate') return { ...change, tables: change.tables.map(this.table) };
    return { ...change, table: this.table(change.table) };
  };
}

function known<T>(table: T | undefined, id: TableId): T {
  if (table === undefined) throw new MigrateError('INTERNAL.BUG', `${id} has no name on the target`);
  return table;
}

function renamed(catalog: Catalog): Catalog {
  return catalog.onTarget ?? catalog;
}

function decorated(target: Target, names: Names): Target {
  return {
    traits: target.traits,
    version: () => target.version(),
    identity: () => target.identity(),
    ping: () => target.ping(),
    check: (catalog, resuming) => target.check(renamed(catalog), resuming),
    rename: (catalog, renames, made) => target.rename(catalog, renames, made),
    fit: async (catalog) => fitted(catalog, await target.fit(renamed(catalog))),
    grants: (catalog, role) => target.grants(withOldSchemas(catalog), role),
    create: (catalog) => target.create(renamed(catalog)),
    reveal: (catalog) => target.reveal(renamed(catalog)),
    complete: (catalog, progress) => target.complete(renamed(catalog), progress),
    join: (catalog, joined) => target.join(renamed(catalog), joined),
    addColumns: (columns, record) =>
      target.addColumns(
        columns.map((column) => onTargetColumn(renamed(record.catalog), column)),
        record,
      ),
    empty: (tables) => target.empty(tables.map(names.table)),
    setApart: (catalog, tables, lane) => target.setApart(renamed(catalog), tables.map(names.table), lane),
    loader: async () => renamedLoader(await target.loader(), names),
    lane: async () => renamedLane(await target.lane(), names),
    checkpoints: () => target.checkpoints(),
    reached: () => target.reached(),
    firing: (catalog) => target.firing(renamed(catalog)),
    digests: renamedDigests(target.digests, names),
    // The lease has to be held before a target has a fence.
    get fence() {
      return renamedFence(target.fence, names);
    },
    sequences: renamedSequences(target.sequences),
    foreignKeys: renamedForeignKeys(target.foreignKeys),
    scratch: target.scratch,
    drop: (catalog) => target.drop(renamed(catalog)),
    close: () => target.close(),
  };
}

/** A column keeps its name; what it is made of may be called something else. */
function onTargetColumn(onTarget: Catalog, { table, column }: NewColumn): NewColumn {
  const relation = [...onTarget.parents, ...onTarget.tables].find((each) => each.table.id === table.id);
  const found = relation?.columns.find(({ name }) => name === column.name);
  if (relation === undefined || found === undefined) {
    throw new MigrateError('INTERNAL.BUG', `column ${column.name} of ${table.id} is not known on the target`);
  }
  return { table: relation.table, column: found };
}

/** What was fitted to the target, told of the source's things as well. */
function fitted(catalog: Catalog, onTarget: Catalog): Catalog {
  const spread = new Map(onTarget.tables.map(({ table }) => [table.id, table.spread]));
  const kept = new Set(onTarget.sequences.map(({ schema, name }) => tableId(schema, name)));
  const before = renamed(catalog).sequences;
  return {
    ...catalog,
    tables: catalog.tables.map((definition) => ({
      ...definition,
      table: { ...definition.table, spread: spread.get(definition.table.id) ?? false },
    })),
    sequences: catalog.sequences.filter((_, index) => {
      const there = before[index];
      return there !== undefined && kept.has(tableId(there.schema, there.name));
    }),
    onTarget,
  };
}

/** In which the schema is rehearsed before it is renamed. */
function withOldSchemas(catalog: Catalog): Catalog {
  const onTarget = renamed(catalog);
  return { ...onTarget, schemas: [...new Set([...onTarget.schemas, ...catalog.schemas])].sort() };
}

function renamedLoader(loader: Loader, names: Names): Loader {
  return {
    load: (table, chunk, at, read) => loader.load(names.table(table), chunk, at, read),
    close: () => loader.close(),
  };
}

/** A lane that is told of tables under other names. */
export function renamedLane(lane: Lane, names: LaneNames): Lane {
  const each = <T extends { readonly table: Table }>(list: readonly T[]): readonly T[] =>
    list.map((item) => ({ ...item, table: names.table(item.table) }));
  return {
    begin: () => lane.begin(),
    attempt: (sets) => lane.attempt(each(sets)),
    replay: (changes, keyChunks, refusals) => lane.replay(changes.map(names.change), each(keyChunks), refusals),
    truncate: (tables) => lane.truncate(each(tables)),
    commit: (moves, letters) => lane.commit(moves, letters),
    close: () => lane.close(),
  };
}

function renamedDigests(digests: Digests, names: Names): Digests {
  return {
    range: (table, range) => digests.range(names.table(table), range),
    rows: (table, range, limit) => digests.rows(names.table(table), range, limit),
    keys: (table, keys) => digests.keys(names.table(table), keys),
    split: (table, range, parts) => digests.split(names.table(table), range, parts),
  };
}

function renamedFence(fence: Fence, names: Names): Fence {
  return {
    arm: (tables, signal) => fence.arm(tables.map(names.written), signal),
    close: (budgetMs) => fence.close(budgetMs),
    openWriters: (previous) => fence.openWriters(previous),
    end: (writers) => fence.end(writers),
    permanent: (reserveMs) => fence.permanent(reserveMs),
    open: () => fence.open(),
    disarm: () => fence.disarm(),
    state: () => fence.state(),
  };
}

function renamedSequences(sequences: Sequences): Sequences {
  return {
    read: async (catalog) => {
      const back = sequenceNames(renamed(catalog), catalog);
      return (await sequences.read(renamed(catalog))).map(back);
    },
    prepare: (catalog, values, margin) =>
      sequences.prepare(renamed(catalog), values.map(sequenceNames(catalog, renamed(catalog))), margin),
    advance: (catalog, values, margin) =>
      sequences.advance(renamed(catalog), values.map(sequenceNames(catalog, renamed(catalog))), margin),
    relax: (catalog) => sequences.relax(renamed(catalog)),
  };
}

/** Two catalogs list the same sequences in the same order. */
function sequenceNames(from: Catalog, to: Catalog): (value: SequenceValue) => SequenceValue {
  const names = new Map(
    from.sequences.map(({ schema, name }, index) => [tableId(schema, name), to.sequences[index]] as const),
  );
  return (value) => {
    const { schema, name } = names.get(tableId(value.schema, value.name)) ?? value;
    return { ...value, schema, name };
  };
}

function renamedForeignKeys(foreignKeys: ForeignKeys): ForeignKeys {
  return {
    add: (catalog) => foreignKeys.add(renamed(catalog)),
    remove: (catalog) => foreignKeys.remove(renamed(catalog)),
    validate: (catalog, progress) => foreignKeys.validate(renamed(catalog), progress),
  };
}
