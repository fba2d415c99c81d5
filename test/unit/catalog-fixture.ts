// Definitions of a catalog with what a test does not care about filled in: schema s, table t.

import type { Catalog, ColumnDefinition, SequenceDefinition, TableDefinition } from '../../src/model/catalog.ts';
import { tableId } from '../../src/model/table.ts';

export const column = (name: string, type: string, more: Partial<ColumnDefinition> = {}): ColumnDefinition => ({
  name,
  type,
  collation: null,
  notNull: false,
  notNullName: null,
  defaultExpression: null,
  identity: null,
  generated: null,
  settings: [],
  comment: null,
  ...more,
});
export const generated = (expression: string) => ({ generated: { expression, stored: true } });
export const object = (name: string, definition: string) => ({ name, definition, comment: null, roles: [] });
export const constraint = (name: string, definition: string) => ({
  ...object(name, definition),
  kind: 'constraint' as const,
});
export const foreign = (name: string, definition: string, references = tableId('s', 't')) => ({
  ...object(name, definition),
  references,
});

export function table(
  columns: readonly ColumnDefinition[],
  more: Partial<TableDefinition> = {},
  name = 't',
): TableDefinition {
  const stored = columns.filter(({ generated }) => generated === null);
  return {
    table: {
      id: tableId('s', name),
      schema: 's',
      name,
      columns: stored.map(({ name, type }) => ({ name, type, castType: '' })),
      key: [0],
      identity: 'key',
      spread: true,
      rowEstimate: 0,
      byteEstimate: 0,
    },
    inherits: [],
    columns,
    key: null,
    checks: [],
    uniqueConstraints: [],
    indexes: [],
    foreignKeys: [],
    partitionOf: null,
    settings: [],
    comment: null,
    ...more,
  };
}

export const sequence = (
  name: string,
  owned: string | null,
  more: Partial<SequenceDefinition> = {},
): SequenceDefinition => ({
  schema: 's',
  name,
  type: 'bigint',
  start: '1',
  increment: '1',
  minimum: '1',
  maximum: '9223372036854775807',
  cache: '1',
  cycle: false,
  owner: owned === null ? null : { table: tableId('s', 't'), column: owned, identity: true },
  users: [],
  comment: null,
  ...more,
});

export const catalog = (tables: readonly TableDefinition[], more: Partial<Catalog> = {}): Catalog => ({
  tables,
  parents: [],
  types: [],
  extensions: [],
  sequences: [],
  schemas: ['s'],
  notCarried: [],
  ...more,
});
