// What is made of a converted schema can be made, statement by statement. Oracle's grammar is held against them later, with all that
// was sent.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { MYSQL_TYPES } from '../../src/convert/mysql-to-oracle.ts';
import { POSTGRES_TYPES } from '../../src/convert/postgres-to-oracle.ts';
import { OracleServer } from '../../src/databases/oracle/connection.ts';
import type { Catalog } from '../../src/model/catalog.ts';
import type { EngineKind } from '../../src/plan/endpoint.ts';
import type { OracleServer as StandIn } from '../fleet/oracle.ts';
import { openOracle } from '../fleet/oracle-shared.ts';
import { catalog, column, table } from '../unit/catalog-fixture.ts';
import { convert, OF_MYSQL, OF_POSTGRES, statements } from '../unit/oracle-catalog-fixture.ts';

let oracle: StandIn;
let server: OracleServer;

beforeAll(async () => {
  oracle = await openOracle({ schemas: ['S'] });
  server = new OracleServer('target', oracle.url);
}, 300_000);
afterAll(async () => {
  await server?.close();
  await oracle?.close();
});

/** A table with a column of each type. */
function every(source: EngineKind, examples: readonly string[]): Catalog {
  const columns = examples.map((type, index) => column(`c${index}`, type, { notNull: true }));
  return convert(source, catalog([table(columns)])).target;
}

test.each([
  ['every type of PostgreSQL', every('postgres', [...POSTGRES_TYPES.map(({ example }) => example), 'integer[]'])],
  [
    'every type of MySQL',
    every(
      'mysql',
      MYSQL_TYPES.map(({ example }) => example),
    ),
  ],
  ['all that a schema of MySQL can have', convert('mysql', OF_MYSQL).target],
  ['all that a schema of PostgreSQL can have', convert('postgres', OF_POSTGRES).target],
])('%s', async (_, target) => {
  await server.use(async (session) => {
    for (const sql of statements(target)) await session.execute(sql);
    const made = await session.query(
      `SELECT TO_CHAR(COUNT(*)) FROM ALL_TAB_COLUMNS WHERE OWNER = 'S' AND TABLE_NAME = 'T'`,
    );
    expect(made).toEqual([[String(target.tables[0]?.columns.length)]]);
    await session.execute('DROP TABLE "S"."T" CASCADE CONSTRAINTS PURGE');
  });
});
