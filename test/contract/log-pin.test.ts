import { text } from 'node:stream/consumers';
import type pg from 'pg';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Start } from '../../src/databases/source.ts';
import type { Transaction } from '../../src/model/change.ts';
import { type LogFixture, openLogFixture, tableOf } from './log-fixture.ts';

let fixture: LogFixture;

const rows = tableOf('rows', [
  ['id', 'integer'],
  ['writer', 'integer'],
]);

beforeEach(async () => {
  fixture = await openLogFixture();
  await fixture.db.query('CREATE TABLE rows (id int PRIMARY KEY, writer int)');
});

afterEach(async () => {
  await fixture.close();
});

/** The ids that a snapshot shows. */
async function visible(start: Start): Promise<ReadonlySet<string>> {
  const reader = await start.reader();
  const copied = await text(reader.read(rows, { lower: null, upper: null }).bytes);
  await reader.close();
  return new Set(copied.split('\n').map((line) => line.split('\t')[0] ?? ''));
}

/** Writes transactions of one row, now and then of 6,000, until told to stop. */
async function write(client: pg.Client, writer: number, stop: AbortSignal): Promise<void> {
  for (let round = 0; !stop.aborted; round++) {
    const first = writer * 10_000_000 + round * 10_000;
    const count = round % 40 === 39 ? 6_000 : 1;
    await client.query('BEGIN');
    await client.query('INSERT INTO rows SELECT n, $3 FROM generate_series($1::int, $2::int) n', [
      first,
      first + count - 1,
      writer,
    ]);
    await client.query(round % 3 === 0 ? 'COMMIT; SELECT 1' : 'COMMIT');
  }
}

function idsOf({ changes }: Transaction): readonly string[] {
  return changes.flatMap((change) => (change.op === 'insert' ? [String(change.row[0])] : []));
}

test('a snapshot shows exactly the transactions its position covers', async () => {
  const stop = new AbortController();
  const writers = await Promise.all(
    Array.from({ length: 4 }, async (_, writer) => write(await fixture.client(), writer, stop.signal)).map(
      (writing) => ({
        writing,
      }),
    ),
  );
  const log = fixture.log();
  const first = await log.pin([rows]);
  const snapshots = [{ at: first.at, ids: await visible(first) }];
  await first.close();
  for (let count = 0; count < 12; count++) {
    const start = await log.pair();
    snapshots.push({ at: start.at, ids: await visible(start) });
    await start.close();
  }
  stop.abort();
  await Promise.all(writers.map(({ writing }) => writing));
  await log.mark('end');

  const reader = await fixture.read(first.at, [rows]);
  await reader.untilMarker('end');
  expect(new Set(snapshots.map(({ at }) => at)).size).toBe(snapshots.length);
  expect(reader.taken.some(({ last }) => !last)).toBe(true);
  let judged = 0;
  for (const transaction of reader.taken) {
    for (const { at, ids } of snapshots) {
      const covered = reader.stream.covers(at, transaction.position);
      for (const id of idsOf(transaction)) {
        judged++;
        if (ids.has(id) !== covered) expect.fail(`row ${id} at ${transaction.position}, snapshot at ${at}`);
      }
    }
  }
  expect(judged).toBeGreaterThan(10_000);
  // Snapshot and stream together are the table: nothing is missing, nothing is there twice.
  const streamed = reader.taken.flatMap(idsOf);
  const { rows: found } = await fixture.db.query<{ count: string }>('SELECT count(*) FROM rows');
  const copied = [...(snapshots[0]?.ids ?? [])].filter((id) => id !== '');
  expect(new Set([...copied, ...streamed]).size).toBe(copied.length + streamed.length);
  expect(copied.length + streamed.length).toBe(Number(found[0]?.count));
});

test('making a snapshot says which transaction it waits for', async () => {
  const blocker = await fixture.client();
  await blocker.query(`SET application_name = 'nightly report'; BEGIN; INSERT INTO rows VALUES (1)`);
  const { rows: backends } = await blocker.query<{ pid: string }>('SELECT pg_backend_pid()::text AS pid');
  const reasons: (string | null)[] = [];
  const prepared = `held-${fixture.slot}`;
  const start = await fixture
    .log({
      waitingPollMs: 20,
      onWaiting: (reason) => {
        const before = reasons.length === 0;
        reasons.push(reason);
        if (before) void blocker.query(`PREPARE TRANSACTION '${prepared}'`);
        else if (reason?.includes(prepared)) void blocker.query(`ROLLBACK PREPARED '${prepared}'`);
      },
    })
    .pair();
  await start.close();
  expect(reasons[0]).toMatch(
    new RegExp(
      `^waiting for the transaction of pid ${backends[0]?.pid} \\(postgres, nightly report\\), open for \\d+ s$`,
    ),
  );
  expect(reasons.some((reason) => reason?.startsWith(`waiting for prepared transaction ${prepared}, open for `))).toBe(
    true,
  );
  expect(reasons.at(-1)).toBeNull();
});

test('a snapshot is lost with its connection, and says so', async () => {
  const start = await fixture.log().pair();
  const lost = start.lost.catch((error: unknown) => error);
  await fixture.db.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
     WHERE datname = current_database() AND backend_type = 'walsender'`,
  );
  expect(await lost).toMatchObject({ code: 'SNAPSHOT.LOST', disposition: 'retry' });
  await expect(start.reader()).rejects.toMatchObject({ code: 'SNAPSHOT.LOST' });
  await start.close();
});

test('closing a snapshot is no loss, and leaves no slot of a pair behind', async () => {
  const log = fixture.log();
  const start = await log.pair();
  let lost = false;
  start.lost.catch(() => {
    lost = true;
  });
  await start.close();
  await start.close();
  expect(lost).toBe(false);
  const { rows: slots } = await fixture.db.query(
    'SELECT 1 FROM pg_replication_slots WHERE database = current_database()',
  );
  expect(slots).toEqual([]);
});

test('pinning again drops the first pin, even one that is being read', async () => {
  const log = fixture.log();
  const first = await log.pin([rows]);
  await first.close();
  const reader = await fixture.read(first.at, [rows]);
  await fixture.db.query('INSERT INTO rows VALUES (1, 1)');
  const second = await log.pin([rows]);
  expect((await visible(second)).has('1')).toBe(true);
  await second.close();
  expect(await reader.failure()).toMatchObject({ code: expect.stringMatching(/^(SOURCE\.CONNECTION|STREAM\.GONE)$/) });
  await log.mark('end');
  const again = await fixture.read(second.at, [rows]);
  await again.untilMarker('end');
  expect(again.changes).toEqual([]);
});

test('a release leaves nothing, and may be repeated', async () => {
  const log = fixture.log();
  const start = await log.pin([rows]);
  await start.close();
  const reader = await fixture.read(start.at, [rows]);
  await log.release();
  await log.release();
  await reader.failure();
  const { rows: left } = await fixture.db.query(
    `SELECT slot_name FROM pg_replication_slots WHERE database = current_database()
     UNION ALL SELECT pubname FROM pg_publication`,
  );
  expect(left).toEqual([]);
});

test('a marker is refused when the publication is no longer what the run made', async () => {
  const log = fixture.log();
  const start = await log.pin([rows]);
  await start.close();
  await log.mark('fine');
  // Out and back in: between the two, changes were left out of the log.
  await fixture.db.query(
    `ALTER PUBLICATION ${fixture.slot} DROP TABLE rows; ALTER PUBLICATION ${fixture.slot} ADD TABLE rows`,
  );
  await expect(log.mark('late')).rejects.toMatchObject({ code: 'SCHEMA.CHANGED' });
  await expect(fixture.read(start.at, [rows])).rejects.toMatchObject({ code: 'SCHEMA.CHANGED' });
});
