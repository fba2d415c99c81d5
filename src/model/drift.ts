// What became of a schema since it was read: two catalogs of one source, compared for what a copy depends on.

import type { Catalog, ColumnDefinition, ParentDefinition, TableDefinition, TypeDefinition } from './catalog.ts';
import { type TableId, type TableName, tableId } from './table.ts';

/** A column at the end of a table that was not there before. */
export interface AddedColumn {
  readonly table: TableName;
  readonly column: string;
}

export interface SchemaChange {
  /** A sentence without a full stop: `column body of shop.notes is gone`. */
  readonly what: string;
  /** Set when it is one column more and nothing else. */
  readonly added?: AddedColumn;
  /** False when nothing brings back what was there. */
  readonly undoable: boolean;
  /** What undoes it, where there is more to say than that: sentences. */
  readonly undo?: string;
}

export interface SchemaDrift {
  /** Of the schema as it is now. */
  readonly fingerprint: string;
  /** As it is now. */
  readonly catalog: Catalog;
  /** Never empty. */
  readonly changes: readonly SchemaChange[];
  /**
   * Null when nothing has changed but that columns were added to tables with a key, of types that the run carries, and every
   * row that was there has NULL in them. Else what stands in the way.
   */
  readonly notFollowed: string | null;
}

type Relation = TableDefinition | ParentDefinition;

/** Everything that differs, in the words of a person. Empty for what no catalog tells, such as a table that was made again. */
export function schemaChanges(before: Catalog, now: Catalog): readonly SchemaChange[] {
  const [old, current] = [relations(before), relations(now)];
  return [
    ...[...old].flatMap(([id, relation]) => {
      const found = current.get(id);
      return found === undefined ? [goneTable(id, relation, old, current)] : changesOf(relation, found);
    }),
    ...[...current].filter(([id]) => !old.has(id)).map(newTable),
    ...typeChanges(before, now),
  ];
}

/** Why columns that were added cannot be followed, as far as two catalogs tell; null when nothing speaks against it. */
export function whyNotFollowed(before: Catalog, now: Catalog, changes: readonly SchemaChange[]): string | null {
  const other = changes.find(({ added }) => added === undefined);
  if (other !== undefined) return other.what;
  const types = new Set([...before.types.map(nameOf), ...before.extensions.map(({ name }) => `extension ${name}`)]);
  const needed = [...now.types.map(nameOf), ...now.extensions.map(({ name }) => `extension ${name}`)];
  const type = needed.find((name) => !types.has(name));
  if (type !== undefined) return `it needs ${type}, which the run does not carry`;
  const [old, current] = [relations(before), relations(now)];
  for (const { added } of changes) {
    if (added === undefined) continue;
    const [was, is] = [old.get(added.table.id), current.get(added.table.id)];
    const reason = was && is && whyNotColumn(was, is, added);
    if (reason) return `column ${added.column} of ${added.table.id} ${reason}`;
  }
  return null;
}

function whyNotColumn(was: Relation, is: Relation, { column }: AddedColumn): string | undefined {
  const definition = is.columns.find(({ name }) => name === column);
  if ('identity' in is.table && is.table.identity === 'row') return 'is in a table without a key';
  if (definition?.notNull) return 'is NOT NULL';
  // NULL of a type with a length or precision.
  if (definition?.defaultExpression && !definition.defaultExpression.startsWith('NULL::')) return 'has a default';
  if (definition?.identity) return 'is an identity column';
  if (definition?.generated) return 'is generated';
  // What the log has under the name of a column may then be of another one of that name.
  const { columnsMade = 0 } = is;
  if (columnsMade !== 0 && columnsMade !== (was.columnsMade ?? 0) + is.columns.length - was.columns.length)
    return 'is not the only one: another was added and dropped again';
  return undefined;
}

function relations(catalog: Catalog): ReadonlyMap<TableId, Relation> {
  return new Map([...catalog.parents, ...catalog.tables].map((relation) => [relation.table.id, relation]));
}

function newTable([id, { partitionOf }]: readonly [TableId, Relation]): SchemaChange {
  const bringIn = `Bring it in with \`migrate table add ${id}\`; or, on the source,`;
  const away = 'drop it or move it to a schema that the plan does not select';
  if (partitionOf === null) {
    return {
      what: `${id} is a new table, and tables.include selects it`,
      undoable: true,
      undo: `${bringIn} ${away}.`,
    };
  }
  return {
    what: `${id} is a new partition of ${partitionOf.parent.id}`,
    undoable: true,
    undo: `${bringIn} detach it, then ${away}; rows that it has already must be brought back by hand.`,
  };
}

function goneTable(
  id: TableId,
  { columns }: Relation,
  old: ReadonlyMap<TableId, Relation>,
  current: ReadonlyMap<TableId, Relation>,
): SchemaChange {
  const shape = JSON.stringify(columns.map(({ name, type }) => [name, type]));
  const alike = [...current].find(
    ([other, relation]) =>
      !old.has(other) && JSON.stringify(relation.columns.map(({ name, type }) => [name, type])) === shape,
  );
  const renamed = alike === undefined ? 'was dropped, or renamed' : `was dropped, or renamed to ${alike[0]}`;
  return { what: `${id} ${renamed}`, undoable: alike !== undefined };
}

function changesOf(was: Relation, is: Relation): readonly SchemaChange[] {
  const { id } = was.table;
  const undoable = (what: string): SchemaChange => ({ what, undoable: true });
  const changes = [...columnChanges(was, is)];
  if (keyOf(was) !== keyOf(is)) changes.push(undoable(`the key of ${id} is another one`));
  if (bound(was) !== bound(is)) {
    changes.push(undoable(`${id} is ${is.partitionOf === null ? 'no partition any more' : 'another partition'}`));
  }
  if (heirs(was) !== heirs(is)) changes.push(undoable(`${id} inherits from other tables`));
  return changes;
}

function columnChanges(was: Relation, is: Relation): readonly SchemaChange[] {
  const { id } = was.table;
  const now = new Map(is.columns.map((column) => [column.name, column]));
  const before = new Set(was.columns.map(({ name }) => name));
  const added = is.columns.filter(({ name }) => !before.has(name));
  const gone = was.columns.filter(({ name }) => !now.has(name));
  const same = was.columns.flatMap((column) => {
    const found = now.get(column.name);
    const what = found && difference(column, found);
    return what ? [{ what: `column ${column.name} of ${id} ${what}`, undoable: true }] : [];
  });
  const [one, other] = [gone[0], added[0]];
  if (one && other && gone.length === 1 && added.length === 1 && was.columns.indexOf(one) === is.columns.indexOf(other))
    return [{ what: `column ${one.name} of ${id} was renamed to ${other.name}`, undoable: true }, ...same];
  return [
    ...gone.map(({ name }) => ({ what: `column ${name} of ${id} was dropped, or renamed`, undoable: false })),
    ...added.map(
      ({ name }): SchemaChange => ({
        what: `column ${name} was added to ${id}`,
        undoable: true,
        added: { table: is.table, column: name },
      }),
    ),
    ...same,
  ];
}

function difference(was: ColumnDefinition, is: ColumnDefinition): string | undefined {
  if (was.type !== is.type) return `is now ${is.type}, not ${was.type}`;
  if (was.notNull !== is.notNull) return is.notNull ? 'is now NOT NULL' : 'may now be NULL';
  if ((was.generated === null) !== (is.generated === null)) {
    return is.generated === null ? 'is not generated any more' : 'is now generated';
  }
  return undefined;
}

function keyOf({ key, table }: Relation): string {
  if (!('identity' in table)) return key?.definition ?? '';
  return table.identity === 'row' ? '' : JSON.stringify(table.key.map((index) => table.columns[index]?.name));
}

function bound({ partitionOf }: Relation): string {
  return JSON.stringify(partitionOf && [partitionOf.parent.id, partitionOf.bound]);
}

function heirs(relation: Relation): string {
  return JSON.stringify('inherits' in relation ? relation.inherits.map(({ id }) => id) : []);
}

function typeChanges(before: Catalog, now: Catalog): readonly SchemaChange[] {
  const current = new Map(now.types.map((type) => [nameOf(type), type]));
  return before.types.flatMap((was): readonly SchemaChange[] => {
    const is = current.get(nameOf(was));
    // Gone only when no column has it any more: that is told of the column.
    if (is === undefined || definitionOf(was) === definitionOf(is)) return [];
    const labels =
      was.kind === 'enum' && is.kind === 'enum' ? is.labels.filter((one) => !was.labels.includes(one)) : [];
    return labels.length > 0
      ? [
          {
            what: `${labels.length === 1 ? 'a label was' : 'labels were'} added to type ${nameOf(was)}`,
            undoable: false,
          },
        ]
      : [{ what: `type ${nameOf(was)} is defined in another way`, undoable: true }];
  });
}

function nameOf({ schema, name }: TypeDefinition): string {
  return tableId(schema, name);
}

function definitionOf(type: TypeDefinition): string {
  return JSON.stringify(type.kind === 'enum' ? type.labels : [type.definition, type.checks]);
}
