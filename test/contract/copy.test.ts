import { afterEach, beforeEach, expect, test } from 'vitest';
import { copyTables } from '../../src/copy/copier.ts';
import { planChunks } from '../../src/copy/plan.ts';
import { PostgresChunks } from '../../src/databases/postgres/chunks.ts';
import { COPIED_AS_TEXT, RIDES_AS_TEXT } from '../../src/databases/postgres/types.ts';
import type { Start } from '../../src/databases/source.ts';
import { Gate } from '../../src/health/gate.ts';
import type { TableProgress } from '../../src/journal/journal.ts';
import { MigrateError } from '../../src/lib/errors.ts';
import type { Key } from '../../src/model/change.ts';
import type { Table, TableId } from '../../src/model/table.ts';
import { RunStatus } from '../../src/observe/status.ts';
import { AT, type CopyFixture, openCopyFixture, tableOf } from './copy-fixture.ts';

const big = {
  ...tableOf('big', [
    ['id', 'int4'],
    ['v', 'text'],
    ['n', 'numeric'],
    ['at', 'timestamptz'],
    ['blob', 'bytea'],
  ]),
  identity: 'key' as const,
  spread: true,
  byteEstimate: 1_000,
};
const small = tableOf('small', [
  ['code', 'text'],
  ['tags', '_text', { handling: [RIDES_AS_TEXT, COPIED_AS_TEXT] }],
]);
const SCHEMA = `
  CREATE TABLE big (id int PRIMARY KEY, v text, n numeric, at timestamptz, blob bytea);
  CREATE TABLE small (code text PRIMARY KEY, tags text[])`;

let fixture: CopyFixture;
let start: Start & { lose(error: Error): void };

beforeEach(async () => {
  fixture = await openCopyFixture();
  await fixture.both(SCHEMA);
  await fixture.from.run(
    `INSERT INTO big SELECT n, repeat(E'\\t\\\\ü', n % 50), n / 7.0, '2020-01-01 BC'::timestamptz + n * interval '1 day', decode(md5(n::text), 'hex')
     FROM generate_series(1, 3000) n;
     INSERT INTO small VALUES ('a', '{x,NULL,"y z"}'), ('b', NULL)`,
    [],
  );
  start = await fixture.start();
});
afterEach(async () => {
  await start.close();
  await fixture.close();
});

function options(progress: readonly TableProgress[], more: Partial<Parameters<typeof copyTables>[0]> = {}) {
  return {
    tables: [small, big],
    progress,
    start,
    target: { loader: async () => fixture.loader() },
    readers: 2,
    gate: new Gate(),
    status: new RunStatus('copying'),
    signal: new AbortController().signal,
    ...more,
  };
}

/** Chunks of 500 rows, planned as a run plans them. */
async function planned(): Promise<readonly TableProgress[]> {
  const progress: TableProgress[] = [];
  const journal = {
    list: async () => progress,
    plan: async (id: TableId, bounds: readonly Key[]) => {
      const table = [small, big].find((candidate) => candidate.id === id) as Table;
      progress.push(await fixture.plan(table, bounds));
    },
  };
  const chunks = new PostgresChunks(fixture.source);
  const plan = { tables: [small, big], chunks, journal, rows: 500, signal: new AbortController().signal };
  await planChunks(plan);
  await planChunks(plan);
  return progress;
}

async function expectCopied(): Promise<void> {
  for (const table of [small, big]) {
    const { source, target } = await fixture.rows(table);
    expect(target).toEqual(source);
  }
}

test('every table arrives with every row, and every chunk is journalled with the position of the snapshot', async () => {
  const progress = await planned();
  const wanted = options(progress);
  await copyTables(wanted);
  await expectCopied();
  const chunks = await fixture.chunks(big);
  expect(chunks).toHaveLength(6);
  expect(chunks.every(([, at]) => at === AT)).toBe(true);
  const { tables, snapshot } = wanted.status.snapshot();
  expect(tables[big.id]).toMatchObject({ rowsCopied: 3_000, chunks: 6, chunksDone: 6 });
  expect(snapshot.rows).toBe(3_002);
  expect(snapshot.bytes).toBeGreaterThan(3_000);
});

test('a copy that failed half-way goes on where it stopped', async () => {
  const progress = await planned();
  await fixture.to.run('ALTER TABLE big ADD CONSTRAINT half CHECK (id < 1200)', []);
  await expect(copyTables(options(progress))).rejects.toMatchObject({ code: 'TARGET.REFUSED' });
  const done = await fixture.chunks(big);
  expect(done.some(([, at]) => at === null)).toBe(true);
  await fixture.to.run('ALTER TABLE big DROP CONSTRAINT half', []);
  await copyTables(options(await resumed(progress)));
  await expectCopied();
});

/** The progress as a resumed run reads it. */
async function resumed(progress: readonly TableProgress[]): Promise<readonly TableProgress[]> {
  const result: TableProgress[] = [];
  for (const entry of progress) {
    const rows = await fixture.chunks(entry.id === big.id ? big : small);
    const chunks = entry.chunks.map((chunk, index) => ({ ...chunk, at: rows[index]?.[1] === AT ? AT : null }));
    result.push({ ...entry, chunks });
  }
  return result;
}

test('a chunk that is done is not read again', async () => {
  const progress = await planned();
  await copyTables(options(progress));
  const again = options(await resumed(progress), {
    target: {
      loader: () => {
        throw new Error('there is nothing to load');
      },
    },
  });
  await copyTables(again);
  expect(again.status.snapshot().tables[big.id]?.chunksDone).toBe(6);
});

test('losing the snapshot stops the copy at once, to be retried', async () => {
  const gate = new Gate();
  gate.hold('for the test');
  const copying = copyTables(options(await planned(), { gate }));
  start.lose(new Error('the connection broke'));
  await expect(copying).rejects.toMatchObject({ code: 'SNAPSHOT.LOST', disposition: 'retry' });
});

test('an interrupted copy leaves only whole chunks', async () => {
  const progress = await planned();
  const interrupt = new AbortController();
  const reason = new MigrateError('INTERRUPTED', 'stopped');
  const status = new RunStatus('copying');
  const copied = status.copied.bind(status);
  // The first bytes of the copy end it.
  status.copied = (table, rows, bytes) => {
    copied(table, rows, bytes);
    interrupt.abort(reason);
  };
  await expect(copyTables(options(progress, { signal: interrupt.signal, status }))).rejects.toBe(reason);
  const rows = (await fixture.rows(big)).target.length;
  const journalled = (await fixture.chunks(big)).reduce((sum, [, , count]) => sum + Number(count), 0);
  expect(rows).toBe(journalled);
  expect(rows).toBeLessThan(3_000);
});

test('nothing is copied while the gate is held', async () => {
  const progress = await planned();
  const gate = new Gate();
  gate.hold('paused');
  const copying = copyTables(options(progress, { gate }));
  expect((await fixture.rows(big)).target).toEqual([]);
  gate.release('paused');
  await copying;
  await expectCopied();
});
