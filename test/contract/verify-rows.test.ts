// The comparison of tables without a key: whole tables, copies counted. The apply is a stand-in that is always caught up.

import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Replication } from '../../src/apply/replication.ts';
import { PostgresServer } from '../../src/databases/postgres/connection.ts';
import { PostgresDigests } from '../../src/databases/postgres/digest.ts';
import { Gate } from '../../src/health/gate.ts';
import { type Table, tableId } from '../../src/model/table.ts';
import { RunStatus } from '../../src/observe/status.ts';
import { compareTables, type LiveVerifyContext } from '../../src/verify/compare.ts';
import { differencesError } from '../../src/verify/differences.ts';
import { PendingKeys } from '../../src/verify/pending.ts';
import { settleFrozen, settleLive } from '../../src/verify/settle.ts';
import { openPair, type Pair, withClient } from '../fleet/databases.ts';

const LOGS: Table = {
  id: tableId('public', 'logs'),
  schema: 'public',
  name: 'logs',
  columns: ['integer', 'text', 'json'].map((type, index) => ({
    name: `c${index}`,
    type,
    castType: type,
  })),
  key: [0, 1, 2],
  identity: 'row',
  spread: false,
  rowEstimate: 3000,
  byteEstimate: 0,
};

class CaughtUp implements Replication {
  readonly failed = new Promise<never>(() => undefined);
  between: () => Promise<void> = async () => undefined;
  async passed(): Promise<void> {}
  async met(): Promise<void> {}
  async atBarrier<T>(work: () => Promise<T>): Promise<T> {
    return work();
  }
  observe(): void {}
  async mark(): Promise<void> {
    await this.between();
  }
}

let pair: Pair;
let context: LiveVerifyContext;
let apply: CaughtUp;
let release: () => Promise<void>;

const onSource = (sql: string) => withClient(pair.sourceUrl, (client) => client.query(sql));
const onTarget = (sql: string) => withClient(pair.targetUrl, (client) => client.query(sql));

beforeEach(async () => {
  pair = await openPair();
  for (const run of [onSource, onTarget]) {
    await run(`CREATE TABLE logs (c0 int, c1 text, c2 json);
      INSERT INTO logs SELECT i % 1000, nullif('text ' || i % 1000, 'text 5'), '{"a": 1}' FROM generate_series(1, 3000) i`);
  }
  const source = new PostgresServer('source', pair.sourceUrl, 'verify');
  const target = new PostgresServer('target', pair.targetUrl, 'verify');
  const [ours, theirs] = [new PostgresDigests({ server: source }), new PostgresDigests({ server: target })];
  apply = new CaughtUp();
  context = {
    source: ours,
    target: theirs,
    tables: [LOGS],
    progress: [],
    limits: { chunkRows: 500, concurrency: 2, rounds: 3 },
    pending: new PendingKeys(),
    status: new RunStatus('verify'),
    signal: new AbortController().signal,
    log: apply,
    replication: apply,
    gate: new Gate(),
  };
  release = async () => {
    await Promise.all([ours.close(), theirs.close(), source.close(), target.close()]);
    await pair.close();
  };
});

afterEach(() => release());

test('equal multisets are equal, in whatever order the rows lie', async () => {
  await onTarget(
    'CREATE TABLE o AS SELECT * FROM logs ORDER BY c0 DESC; TRUNCATE logs; INSERT INTO logs SELECT * FROM o',
  );
  expect(await compareTables(context)).toEqual({ rowsCompared: 3000, differences: [], unstable: 0 });
  expect(context.pending.rows.tables).toBe(0);
});

test.each([
  ['one copy too few', 'DELETE FROM logs WHERE ctid = (SELECT min(ctid) FROM logs)'],
  ['one copy too many', 'INSERT INTO logs SELECT * FROM logs LIMIT 1'],
  [
    'a copy of one row for a copy of another',
    `UPDATE logs SET c0 = 8, c1 = 'text 8' WHERE ctid = (SELECT min(ctid) FROM logs)`,
  ],
  ['an empty text for NULL', "UPDATE logs SET c1 = '' WHERE c1 IS NULL"],
  ['another blank in a json', `UPDATE logs SET c2 = '{"a":1}' WHERE c0 = 1`],
])('%s is found, live and at rest, and told without a value', async (_, sql) => {
  await onTarget(sql);
  const differences = [{ table: 'public.logs', count: 1, more: true, keys: [] }];
  expect(await compareTables(context)).toEqual({ rowsCompared: 0, differences, unstable: 0 });
  // No comparison that comes later may pass without having looked at it.
  expect(context.pending.rows.tables).toBe(1);
  expect((await settleFrozen(context)).differences).toEqual(differences);
  expect(differencesError(differences as never).message).toBe('rows differ in public.logs (1 or more)');
});

test('a table that changes all the time is left to the freeze, with the time that it will take', async () => {
  apply.between = async () => {
    context.pending.changed(LOGS, ['1', 'x', null]);
    await onSource("INSERT INTO logs VALUES (1, 'x')");
  };
  await onTarget('DELETE FROM logs WHERE c0 = 1');
  expect(await compareTables(context)).toEqual({ rowsCompared: 0, differences: [], unstable: 1 });
  const settled = await settleLive(context);
  expect(settled).toMatchObject({ differences: [], pendingTables: 0, pendingKeys: 0, pendingRows: { tables: 1 } });
  expect(settled.pendingRows.readMs).toBeGreaterThan(0);
});

test('a table that has come to rest since it changed is settled before the freeze', async () => {
  context.pending.changed(LOGS, ['1', 'x', null]);
  expect(await settleLive(context)).toMatchObject({ rowsCompared: 3000, pendingRows: { tables: 0, readMs: 0 } });
});

test('behind the fence a table that changed is compared as a whole, once, and is settled then', async () => {
  for (const run of [onSource, onTarget]) await run("INSERT INTO logs VALUES (1, 'x')");
  context.pending.changed(LOGS, ['1', 'x', null]);
  expect(await settleFrozen(context)).toEqual({ rowsCompared: 3001, differences: [], unstable: 0 });
  expect(await settleFrozen(context)).toEqual({ rowsCompared: 0, differences: [], unstable: 0 });
});

test('a table that the apply touched is left to the freeze, however it looks', async () => {
  // A, B, A: the source looks unchanged while the target shows what was there in between.
  await onTarget("INSERT INTO logs VALUES (1, 'between')");
  context.pending.changed(LOGS, ['1', 'x', null]);
  expect(await compareTables(context)).toEqual({ rowsCompared: 0, differences: [], unstable: 1 });
});
