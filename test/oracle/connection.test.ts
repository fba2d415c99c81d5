// Sessions on Oracle: what values become, what errors become, and what a session that is cut leaves.

import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { OracleServer, type OracleSession } from '../../src/databases/oracle/connection.ts';
import { columnsOf } from '../../src/databases/oracle/driver.ts';
import { oracleHealth } from '../../src/databases/oracle/health.ts';
import type { OracleServer as Fleet } from '../fleet/oracle.ts';
import { openOracle, REAL_ORACLE } from '../fleet/oracle-shared.ts';

let fleet: Fleet;
let server: OracleServer;
let session: OracleSession;

beforeAll(async () => {
  // Nothing may depend on where the process thinks that it is.
  vi.stubEnv('TZ', 'America/New_York');
  fleet = await openOracle();
  server = new OracleServer('target', fleet.url, 'orders');
  session = await server.session();
  await session.execute(
    `CREATE TABLE "MIGRATE$T" ("ID" NUMBER(20) NOT NULL, "N" NUMBER, "B" RAW(10), "C" CLOB, "D" DATE,
       "AT" TIMESTAMP(6), "F" BINARY_FLOAT, CONSTRAINT "MIGRATE$T_PK" PRIMARY KEY ("ID"))`,
  );
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await server?.close();
  await fleet?.close();
});

const INSERT = 'INSERT INTO "MIGRATE$T" ("ID", "N", "B", "C", "D", "AT", "F") VALUES (:1, :2, :3, :4, :5, :6, :7)';
const ID = 'INSERT INTO "MIGRATE$T" ("ID") VALUES (:1)';

test('values come back as they were, every digit and byte of them, wherever the process is', async () => {
  const [date, moment] = ['2024-03-10 02:30:00', '2024-03-10 02:30:00.123456'];
  const row = ['18446744073709551615', '-0.000012', Buffer.from([0, 255]), '🐘'.repeat(20_000), date, moment, '0.1'];
  expect(await session.executeMany(INSERT, [row, ['2', ...row.slice(1).map(() => null)]], columnsOf([row]))).toBe(2);
  await session.commit();
  const columns = `"ID", "N", "B", "C", TO_CHAR("D", 'YYYY-MM-DD HH24:MI:SS'),
    TO_CHAR("AT", 'YYYY-MM-DD HH24:MI:SS.FF6'), "F"`;
  const rows = await session.query(`SELECT ${columns} FROM "MIGRATE$T" ORDER BY "ID" DESC`);
  expect(rows).toEqual([row, ['2', null, null, null, null, null, null]]);
  await expect(session.query('SELECT "D" FROM "MIGRATE$T"')).rejects.toMatchObject({ code: 'INTERNAL.BUG' });
  expect(await session.executeMany('DELETE FROM "MIGRATE$T" WHERE "ID" = :1', [['2'], ['3']], columnsOf([['2']]))).toBe(
    1,
  );
  await session.rollback();
});

test('rows are streamed in the number asked for, and leaving the loop ends the query', async () => {
  const rows = Array.from({ length: 25 }, (_, n) => [String(n + 100)]);
  await session.executeMany(ID, rows, columnsOf(rows));
  const sizes: number[] = [];
  for await (const piece of session.stream('SELECT "ID" FROM "MIGRATE$T" WHERE "ID" BETWEEN :1 AND :2', [100, 200], 10))
    sizes.push(piece.length);
  expect(sizes).toEqual([10, 10, 5]);
  for await (const piece of session.stream('SELECT "ID" FROM "MIGRATE$T"', [], 10)) {
    expect(piece).toHaveLength(10);
    break;
  }
  expect(await session.query('SELECT 1 FROM DUAL')).toEqual([['1']]);
  await session.rollback();
});

test('a query that found no rows at first reads large objects as soon as there are some', async () => {
  const rows: unknown[] = [];
  for (const value of [null, 'x'.repeat(9)]) {
    if (value !== null) await session.execute('INSERT INTO "MIGRATE$T" ("ID", "C") VALUES (4001, :1)', [value]);
    for await (const some of session.stream('SELECT "ID", "C" FROM "MIGRATE$T" WHERE "ID" = 4001')) rows.push(...some);
  }
  expect(rows).toEqual([['4001', 'x'.repeat(9)]]);
  await session.rollback();
});

test.skipIf(REAL_ORACLE !== undefined).each([
  ['before', 0],
  ['after', 1],
] as const)('a connection that is lost %s a commit says that nobody knows', async (moment, rows) => {
  const own = await server.session();
  const id = moment === 'before' ? '1001' : '1002';
  await fleet.fault({ pattern: '^COMMIT$', moment, action: 'drop' });
  const lost = own.transaction(() => own.execute(ID, [id]));
  await expect(lost).rejects.toMatchObject({ code: 'TARGET.COMMIT_UNKNOWN' });
  await expect(own.lost).rejects.toMatchObject({ code: 'TARGET.CONNECTION' });
  expect(own.broken).toBe(true);
  const [found] = await session.query('SELECT COUNT(*) FROM "MIGRATE$T" WHERE "ID" = :1', [Number(id)]);
  expect(found).toEqual([String(rows)]);
});

test('a session that is cut ends what is under way, and one that was lent is lent again without what it had not committed', async () => {
  const own = await server.session();
  const asked = own.query('SELECT 1 FROM DUAL');
  own.destroy();
  await expect(asked).rejects.toMatchObject({ code: 'TARGET.CONNECTION' });
  await expect(own.query('SELECT 1 FROM DUAL')).rejects.toMatchObject({ code: 'TARGET.CONNECTION' });
  const ids: string[] = [];
  await expect(
    server.use(async (lent) => {
      ids.push(lent.id);
      await lent.execute(ID, ['2001']);
      throw new Error('no more');
    }),
  ).rejects.toThrow('no more');
  await server.use(async (lent) => {
    ids.push(lent.id);
    expect(await lent.query('SELECT 1 FROM "MIGRATE$T" WHERE "ID" = 2001')).toEqual([]);
  });
  expect(ids[0]).toBe(ids[1]);
});

test('a server that is not there, and an account that it does not know, are told apart', async () => {
  const at = (change: (url: URL) => void): Promise<unknown> => {
    const url = new URL(fleet.url);
    change(url);
    return new OracleServer('target', url.href).session();
  };
  await expect(at((url) => (url.password = 'wrong'))).rejects.toMatchObject({ code: 'TARGET.AUTHENTICATION' });
  await expect(at((url) => (url.port = '1'))).rejects.toMatchObject({ code: 'TARGET.CONNECTION' });
});

test('its vital signs are numbers, and a question cannot write', async () => {
  const health = oracleHealth(server);
  for (const { name, sql } of health.vitals) expect(Number(await health.ask(sql)), name).toBeGreaterThanOrEqual(0);
  await expect(health.ask('SELECT 1 FROM "NOT_THERE"')).rejects.toMatchObject({ code: 'TARGET.REFUSED' });
  await health.ask(ID.replace(':1', '3001')).catch(() => undefined);
  expect(await health.ask('SELECT COUNT(*) FROM "MIGRATE$T" WHERE "ID" = 3001')).toBe('0');
  expect(await health.ask('SELECT 7 FROM DUAL')).toBe('7');
});
