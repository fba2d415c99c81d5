// A run's catalog with the tables that joined it. Everything else stays as it was read when the run began.

import {
  type Catalog,
  type ParentDefinition,
  partitionsOf,
  type RelationDefinition,
  type TableDefinition,
} from '../model/catalog.ts';
import { type TableId, type TableName, tableId } from '../model/table.ts';

type Relation = TableDefinition | ParentDefinition;
type Named = { readonly schema: string; readonly name: string };

/** What `now` has under these names and the run has not: with what is partitioned under them, and all that only they use. */
export function joiningPart(run: Catalog, now: Catalog, names: readonly TableName[]): Catalog {
  const ids = wanted(run, now, names);
  const isWanted = ({ table }: Relation): boolean => ids.has(table.id);
  const tables = now.tables.filter(isWanted);
  const parents = now.parents.filter(isWanted);
  const types = missing(run.types, now.types);
  const sequences = missing(run.sequences, now.sequences).filter(
    ({ owner, users }) => (owner !== null && ids.has(owner.table)) || users.some((user) => ids.has(user)),
  );
  const { onTarget } = now;
  const schemas = [...tables, ...parents].map(({ table }) => table.schema);
  const others = [...types, ...sequences].map(({ schema }) => schema);
  return {
    tables,
    parents,
    types,
    extensions: now.extensions.filter(({ name }) => !run.extensions.some((extension) => extension.name === name)),
    sequences,
    schemas: [...new Set([...schemas, ...others])].sort(),
    notCarried: now.notCarried.filter((object) => !run.notCarried.includes(object)),
    ...(onTarget === undefined ? {} : { onTarget: joiningPart(run.onTarget ?? run, onTarget, names) }),
  };
}

function wanted(run: Catalog, now: Catalog, names: readonly TableName[]): ReadonlySet<TableId> {
  const ids = new Set([...names, ...partitionsOf(now, names)].map(({ id }) => id));
  for (const { table } of [...run.parents, ...run.tables]) ids.delete(table.id);
  return ids;
}

function missing<T extends Named>(before: readonly T[], now: readonly T[]): readonly T[] {
  const known = new Set(before.map(({ schema, name }) => tableId(schema, name)));
  return now.filter(({ schema, name }) => !known.has(tableId(schema, name)));
}

/** The part without what ties it to tables of the run: so it can be tried while they are written to. */
export function standingAlone(part: Catalog): Catalog {
  const ids = new Set([...part.parents, ...part.tables].map(({ table }) => table.id));
  const alone = <T extends RelationDefinition>(definition: T): T => ({
    ...definition,
    foreignKeys: definition.foreignKeys.filter(({ references }) => references !== null && ids.has(references)),
  });
  return {
    ...part,
    parents: part.parents.map(alone),
    tables: part.tables.map((definition) => ({
      ...alone(definition),
      inherits: definition.inherits.filter(({ id }) => ids.has(id)),
    })),
    ...(part.onTarget === undefined ? {} : { onTarget: standingAlone(part.onTarget) }),
  };
}

/** What ties the part to a table of the run that has another name on the target, as a sentence; undefined without. */
export function tieToRenamed(run: Catalog, part: Catalog): string | undefined {
  const renamed = renamedTables(run);
  for (const definition of [...part.parents, ...part.tables]) {
    const { id } = definition.table;
    const key = definition.foreignKeys.find(({ references }) => references !== null && renamed.has(references));
    if (key !== undefined) return `foreign key ${key.name} of ${id} points at ${key.references}`;
    const parent = 'inherits' in definition ? definition.inherits.find((each) => renamed.has(each.id)) : undefined;
    if (parent !== undefined) return `${id} inherits from ${parent.id}`;
  }
  return undefined;
}

function renamedTables(run: Catalog): ReadonlySet<TableId> {
  const names = ({ table, columns }: Relation): string =>
    JSON.stringify([table.schema, table.name, columns.map(({ name }) => name)]);
  const there = new Map(relations(run.onTarget ?? run).map((relation) => [relation.table.id, names(relation)]));
  return new Set(
    relations(run)
      .filter((relation) => there.get(relation.table.id) !== names(relation))
      .map(({ table }) => table.id),
  );
}

function relations({ parents, tables }: Catalog): readonly Relation[] {
  return [...parents, ...tables];
}

/** `alone` is the part as it stands alone, with its names on the target: the ties have the same text there. */
export function tied(part: Catalog, alone: Catalog): Catalog {
  const onTarget = alone.onTarget;
  if (onTarget === undefined) return part;
  const whole = part.onTarget ?? part;
  const tie = <T extends RelationDefinition>(definition: T, own: RelationDefinition | undefined): T => ({
    ...definition,
    foreignKeys: (own?.foreignKeys ?? []).map(
      (key) => definition.foreignKeys.find(({ name }) => name === key.name) ?? key,
    ),
  });
  return {
    ...part,
    onTarget: {
      ...onTarget,
      parents: onTarget.parents.map((definition, index) => tie(definition, whole.parents[index])),
      tables: onTarget.tables.map((definition, index) => {
        const inherits = whole.tables[index]?.inherits ?? [];
        return {
          ...tie(definition, whole.tables[index]),
          inherits: inherits.map((parent) => definition.inherits.find(({ id }) => id === parent.id) ?? parent),
        };
      }),
    },
  };
}

/** The run's catalog and the part, in one. `now` tells which sequences of the run the part uses. */
export function joinedCatalog(run: Catalog, part: Catalog, now: Catalog): Catalog {
  const used = new Map(now.sequences.map(({ schema, name, users }) => [tableId(schema, name), users]));
  const joined = relations(part).map(({ table }) => table.id);
  const users = run.sequences.map((sequence) => [
    ...sequence.users,
    ...(used.get(tableId(sequence.schema, sequence.name)) ?? []).filter((user) => joined.includes(user)),
  ]);
  const both = concatenated(run, part, users);
  if (run.onTarget === undefined && part.onTarget === undefined) return both;
  return { ...both, onTarget: concatenated(run.onTarget ?? run, part.onTarget ?? part, users) };
}

function concatenated(run: Catalog, part: Catalog, users: readonly (readonly TableId[])[]): Catalog {
  return {
    tables: [...run.tables, ...part.tables],
    parents: [...run.parents, ...part.parents],
    types: [...run.types, ...part.types],
    extensions: [...run.extensions, ...part.extensions],
    sequences: [
      ...run.sequences.map((sequence, index) => ({ ...sequence, users: users[index] ?? sequence.users })),
      ...part.sequences,
    ],
    schemas: [...new Set([...run.schemas, ...part.schemas])].sort(),
    notCarried: [...run.notCarried, ...part.notCarried],
  };
}
