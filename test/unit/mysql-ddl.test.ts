// The clauses that make a column of a MySQL target.

import { expect, test } from 'vitest';
import { columnClause } from '../../src/databases/mysql/ddl.ts';
import type { ColumnDefinition } from '../../src/model/catalog.ts';

const column: ColumnDefinition = {
  name: 'a`b',
  type: 'int',
  collation: null,
  notNull: false,
  notNullName: null,
  defaultExpression: null,
  identity: null,
  generated: null,
  settings: [],
  comment: null,
};

test.each<[string, Partial<ColumnDefinition>]>([
  ['int NULL', {}],
  // Where a server gives a timestamp that says nothing a default of its own.
  ['timestamp NULL DEFAULT NULL', { type: 'timestamp', defaultExpression: 'NULL' }],
  ["varchar(9) NOT NULL DEFAULT 'it''s'", { type: 'varchar(9)', notNull: true, defaultExpression: "'it''s'" }],
  ["text NULL DEFAULT ('it''s')", { type: 'text', defaultExpression: "'it''s'" }],
  ["json NULL DEFAULT ('{}')", { type: 'json', defaultExpression: "'{}'" }],
  ['int NULL DEFAULT -1.5e3', { defaultExpression: '-1.5e3' }],
  ['int NULL DEFAULT (1 + 1)', { defaultExpression: '1 + 1' }],
  ["int NULL DEFAULT ('a' + 'b')", { defaultExpression: "'a' + 'b'" }],
  ["bit(3) NULL DEFAULT b'101'", { type: 'bit(3)', defaultExpression: "b'101'" }],
  ['date NULL DEFAULT (CURRENT_TIMESTAMP)', { type: 'date', defaultExpression: 'CURRENT_TIMESTAMP' }],
  ['datetime(3) NULL DEFAULT now(3)', { type: 'datetime(3)', defaultExpression: 'now(3)' }],
  ['int NOT NULL AUTO_INCREMENT', { notNull: true, identity: 'by default' }],
  [
    "int GENERATED ALWAYS AS (b + 1) STORED NULL COMMENT 'c'",
    { generated: { expression: 'b + 1', stored: true }, comment: 'c' },
  ],
])('%s', (clause, given) => {
  expect(columnClause({ ...column, ...given }, { automatic: true })).toBe(`\`a\`\`b\` ${clause}`);
});

test('AUTO_INCREMENT is left out until its index is there', () => {
  expect(columnClause({ ...column, identity: 'by default' }, { automatic: false })).toBe('`a``b` int NULL');
});
