// Tables of MySQL as a catalog, in MySQL's own terms, with `onTarget` in PostgreSQL's. Columns and primary keys only.

import { globToPattern } from '../../src/databases/postgres/selection.ts';
import { quoteName } from '../../src/databases/postgres/sql.ts';
import type { TableSelection } from '../../src/databases/source.ts';
import type { Catalog, ColumnDefinition, TableDefinition } from '../../src/model/catalog.ts';
import { type Column, type Table, tableId } from '../../src/model/table.ts';
import type { MysqlSession, TextValues } from './mysql-session.ts';
import { formOf } from './mysql-types.ts';

const TABLES = `SELECT table_schema, table_name, table_rows, data_length FROM information_schema.tables
  WHERE table_type = 'BASE TABLE' AND table_schema NOT IN ('mysql', 'sys', 'information_schema', 'performance_schema')
  ORDER BY 1, 2`;
const COLUMNS = `SELECT c.table_schema, c.table_name, c.column_name, c.column_type, c.is_nullable, k.ordinal_position
  FROM information_schema.columns c LEFT JOIN information_schema.key_column_usage k
    ON k.table_schema = c.table_schema AND k.table_name = c.table_name AND k.column_name = c.column_name
      AND k.constraint_name = 'PRIMARY'
  ORDER BY c.ordinal_position`;

interface FoundColumn {
  readonly name: string;
  readonly type: string;
  readonly notNull: boolean;
  /** Its place in the primary key, from 1; 0 outside. */
  readonly place: number;
}

export async function readCatalog(session: MysqlSession, selection: TableSelection): Promise<Catalog> {
  const any = (globs: readonly string[]) => (id: string) =>
    globs.some((glob) => new RegExp(globToPattern(glob)).test(id));
  const [included, excluded] = [any(selection.include), any(selection.exclude)];
  const columns = await session.query(COLUMNS);
  const tables = (await session.query(TABLES)).filter(([schema, name]) => {
    const id = `${schema}.${name}`;
    return included(id) && !excluded(id);
  });
  const found = tables.map((row) =>
    definition(
      row,
      columns.filter(([schema, name]) => schema === row[0] && name === row[1]),
    ),
  );
  const catalog = catalogOf(found);
  return { ...catalog, onTarget: catalogOf(found.map(inPostgres)) };
}

function catalogOf(tables: readonly TableDefinition[]): Catalog {
  const schemas = [...new Set(tables.map(({ table }) => table.schema))];
  return { tables, parents: [], types: [], extensions: [], sequences: [], schemas, notCarried: [] };
}

function definition([schema, name, rows, bytes]: TextValues, found: readonly TextValues[]): TableDefinition {
  const columns = found.map(
    ([, , column, type, nullable, place]): FoundColumn => ({
      name: String(column),
      type: String(type),
      notNull: nullable === 'NO',
      place: Number(place),
    }),
  );
  const key = columns
    .map(({ place }, index) => ({ place, index }))
    .filter(({ place }) => place > 0)
    .sort((one, other) => one.place - other.place)
    .map(({ index }) => index);
  const table: Table = {
    id: tableId(String(schema), String(name)),
    schema: String(schema),
    name: String(name),
    columns: columns.map((column) => ({
      name: column.name,
      type: column.type,
      castType: formOf(column.type).sourceCast,
    })),
    key: key.length > 0 ? key : columns.map((_, index) => index),
    identity: key.length > 0 ? 'key' : 'row',
    // Equal keys need not be equal texts: collations fold case.
    spread: false,
    rowEstimate: Number(rows),
    byteEstimate: Number(bytes),
  };
  return {
    table,
    inherits: [],
    columns: columns.map(columnDefinition),
    key: key.length === 0 ? null : primaryKey(table),
    checks: [],
    uniqueConstraints: [],
    indexes: [],
    foreignKeys: [],
    partitionOf: null,
    settings: [],
    comment: null,
  };
}

function columnDefinition({ name, type, notNull }: FoundColumn): ColumnDefinition {
  return {
    name,
    type,
    collation: null,
    notNull,
    notNullName: null,
    defaultExpression: null,
    identity: null,
    generated: null,
    settings: [],
    comment: null,
  };
}

function primaryKey({ name, columns, key }: Table): TableDefinition['key'] {
  const names = key.map((index) => quoteName(columns[index]?.name ?? ''));
  return {
    kind: 'constraint',
    name: `${name}_pkey`,
    definition: `PRIMARY KEY (${names.join(', ')})`,
    comment: null,
    roles: [],
  };
}

/** The same table as PostgreSQL has it: other types, and nothing else. */
function inPostgres(definition: TableDefinition): TableDefinition {
  const columns = definition.table.columns.map((column): Column => {
    const { type, castType } = formOf(column.type);
    return { ...column, type, castType };
  });
  return {
    ...definition,
    table: { ...definition.table, columns },
    columns: definition.columns.map((column) => ({ ...column, type: formOf(column.type).type })),
  };
}
