// What the rows of catalog-queries.ts say, as the model of a table.

import { MigrateError } from '../../lib/errors.ts';
import type {
  ColumnDefinition,
  KeyDefinition,
  ParentDefinition,
  RelationDefinition,
  TableDefinition,
  TableObjectDefinition,
} from '../../model/catalog.ts';
import { type Column, type TableName, tableId } from '../../model/table.ts';
import type { TextRow } from './connection.ts';
import { field, isTrue } from './row.ts';
import { canBeKey, handlingOf, type TypeFacts } from './types.ts';

/** A table with all that was read of it, and what its parts refer to. */
export interface TableRows {
  readonly row: TextRow;
  readonly columns: readonly TextRow[];
  readonly objects: readonly TextRow[];
  /** Selected tables of any kind by their number. */
  readonly names: ReadonlyMap<string, TableName>;
  readonly types: ReadonlyMap<string, TypeFacts>;
}

/** Types of which two values are equal exactly when their texts are. */
const EQUAL_AS_TEXT: ReadonlySet<string> = new Set([
  'smallint',
  'integer',
  'bigint',
  'boolean',
  'bytea',
  'character varying',
  'date',
  'text',
  'timestamp with time zone',
  'timestamp without time zone',
  'uuid',
]);

export function toName(row: TextRow): TableName {
  const [schema, name] = [field(row, 'nspname'), field(row, 'relname')];
  return { id: tableId(schema, name), schema, name };
}

/** A table with rows of its own. */
export function toTable(rows: TableRows): TableDefinition {
  const { row, types } = rows;
  const columns = rows.columns.filter((column) => column.attgenerated === '');
  // Attribute numbers have gaps where columns were dropped.
  const order = new Map(columns.map((column, index) => [field(column, 'attnum'), index]));
  const keyed = findsRows(rows);
  const key = keyed
    ? field(row, 'key')
        .split(',')
        .map((number) => order.get(number) ?? -1)
    : columns.map((_, index) => index);
  return {
    table: {
      ...toName(row),
      columns: columns.map((column) => toColumn(column, types)),
      key,
      identity: keyed ? 'key' : 'row',
      spread:
        keyed &&
        !isTrue(row, 'otherwise_unique') &&
        key.every((index) => EQUAL_AS_TEXT.has(columns[index]?.cast_type ?? '')),
      rowEstimate: Number(field(row, 'rows')),
      byteEstimate: Number(field(row, 'bytes')),
    },
    ...toRelation(rows),
    inherits: row.bound === null ? parentsOf(rows) : [],
  };
}

/**
 * Whether the key says of which row a change is. Two rows may have one deferrable key for a moment. One whose values are
 * written in several ways, by its collation or as citext, is one key for the database and two for the run.
 */
function findsRows({ row, columns, types }: TableRows): boolean {
  if (row.key_name === null || !isTrue(row, 'key_immediate') || !isTrue(row, 'key_divides')) return false;
  const numbers = new Set(field(row, 'key').split(','));
  return columns
    .filter((column) => numbers.has(field(column, 'attnum')))
    .every((column) => {
      const type = types.get(field(column, 'atttypid'));
      return type !== undefined && canBeKey(type);
    });
}

export function toParent(rows: TableRows): ParentDefinition {
  return { table: toName(rows.row), partitionBy: field(rows.row, 'partition_by'), ...toRelation(rows) };
}

function toRelation(rows: TableRows): RelationDefinition {
  const { row, columns, objects, names } = rows;
  const ofKind = (kinds: string): readonly TextRow[] =>
    objects.filter((object) => kinds.includes(field(object, 'kind')) && object.name !== row.key_name);
  const [parent] = parentsOf(rows);
  return {
    columns: columns.map(toColumnDefinition),
    columnsMade: Number(field(row, 'relnatts')),
    key: toKey(row),
    checks: ofKind('c').map(toObject),
    uniqueConstraints: ofKind('ux').map(toObject),
    indexes: ofKind('i').map(toObject),
    foreignKeys: ofKind('f').map((object) => ({
      ...toObject(object),
      references: names.get(field(object, 'references'))?.id ?? null,
    })),
    partitionOf: row.bound === null || parent === undefined ? null : { parent, bound: field(row, 'bound') },
    settings: [
      ...(row.parameters === '' ? [] : [`SET (${field(row, 'parameters')})`]),
      ...(row.identity === null ? [] : [`REPLICA IDENTITY ${row.identity}`]),
    ],
    comment: row.comment ?? null,
  };
}

/** Those that are carried: a partition whose table is not selected stands alone. */
function parentsOf({ row, names }: TableRows): readonly TableName[] {
  return (row.parents ?? '').split(',').flatMap((oid) => names.get(oid) ?? []);
}

function toKey(row: TextRow): KeyDefinition | null {
  if (row.key_name === null) return null;
  return {
    name: field(row, 'key_name'),
    kind: row.key_kind === 'index' ? 'index' : 'constraint',
    definition: field(row, 'definition'),
    comment: row.key_comment ?? null,
    roles: strings(row.key_roles),
  };
}

function toObject(row: TextRow): TableObjectDefinition {
  return {
    name: field(row, 'name'),
    definition: field(row, 'definition'),
    comment: row.comment ?? null,
    roles: strings(row.roles),
  };
}

function strings(json: string | null | undefined): readonly string[] {
  return json === null || json === undefined ? [] : (JSON.parse(json) as string[]);
}

function toColumn(row: TextRow, types: ReadonlyMap<string, TypeFacts>): Column {
  const type = types.get(field(row, 'atttypid'));
  if (type === undefined) throw new MigrateError('INTERNAL.BUG', `the type of ${field(row, 'attname')} was not read`);
  return {
    name: field(row, 'attname'),
    type: field(row, 'type'),
    castType: field(row, 'cast_type'),
    handling: handlingOf(type),
  };
}

function toColumnDefinition(row: TextRow): ColumnDefinition {
  const identity = field(row, 'attidentity');
  const plain = row.attgenerated === '';
  return {
    name: field(row, 'attname'),
    type: field(row, 'type'),
    collation: row.collation ?? null,
    notNull: isTrue(row, 'not_null'),
    notNullName: isTrue(row, 'not_null') ? (row.not_null_name ?? null) : null,
    defaultExpression: plain ? (row.expression ?? null) : null,
    identity: identity === 'a' ? 'always' : identity === 'd' ? 'by default' : null,
    generated: plain ? null : { expression: field(row, 'expression'), stored: row.attgenerated === 's' },
    settings: [row.storage, row.compression, row.statistics, row.parameters && `SET (${row.parameters})`].flatMap(
      (setting) => setting ?? [],
    ),
    comment: row.comment ?? null,
  };
}
