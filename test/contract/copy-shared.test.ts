// The copy of one run by two processes, each at its own pair of position and snapshot, while the source is written to. What was copied
// is judged by what it becomes when the log is applied to it.

import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Applier } from '../../src/apply/applier.ts';
import { type HelpResult, helpCopy } from '../../src/copy/help.ts';
import { readCatalog } from '../../src/databases/postgres/catalog.ts';
import { PostgresChunks } from '../../src/databases/postgres/chunks.ts';
import { PostgresServer } from '../../src/databases/postgres/connection.ts';
import { PostgresJournal } from '../../src/databases/postgres/journal/journal.ts';
import { LEASE_SCHEMA } from '../../src/databases/postgres/lease-proof.ts';
import { PostgresLoader } from '../../src/databases/postgres/load.ts';
import { PostgresLog } from '../../src/databases/postgres/log/log.ts';
import { PostgresStream } from '../../src/databases/postgres/log/stream.ts';
import { readCheckpoints } from '../../src/databases/postgres/write/journal-moves.ts';
import { PostgresLane } from '../../src/databases/postgres/write/lane.ts';
import type { Source } from '../../src/databases/source.ts';
import type { Loader, Target } from '../../src/databases/target.ts';
import { RunGate } from '../../src/health/run-gate.ts';
import type { TableProgress } from '../../src/journal/journal.ts';
import type { Catalog } from '../../src/model/catalog.ts';
import type { Table } from '../../src/model/table.ts';
import { RunStatus } from '../../src/observe/status.ts';
import { snapshotStage } from '../../src/stages/snapshot.ts';
import { openPair, type Pair } from '../fleet/databases.ts';
import { SILENT } from '../unit/apply-fixture.ts';

const RUN = 'shared';
const DDL = `
CREATE TABLE orders (id int PRIMARY KEY, note text, total int NOT NULL);
CREATE TABLE items (id int, part text, PRIMARY KEY (id, part))`;
const snapshot = { readers: 2, chunkRows: 100, maxAge: 60_000 };

const PATIENT = { timeout: 30_000, interval: 20 };

let pair: Pair;
let source: pg.Client;
let target: pg.Client;
let catalog: Catalog;
let tables: readonly Table[];
let slot: string;
/** `table ordinal process` of every chunk that was loaded. */
let loaded: string[];
let members: Member[];

/** One process of the run: its connections, and what it knows of the lease. */
interface Member {
  readonly source: PostgresServer;
  readonly target: PostgresServer;
  readonly journal: PostgresJournal;
  readonly log: PostgresLog;
  readonly gate: RunGate;
  readonly status: RunStatus;
  readonly loading: Pick<Target, 'loader' | 'traits'>;
  /** Resolves when it has loaded its first chunk. */
  readonly loadedOne: Promise<void>;
}

function member(name: string, epoch: number): Member {
  const servers = {
    source: new PostgresServer('source', pair.sourceUrl, RUN),
    target: new PostgresServer('target', pair.targetUrl, RUN),
  };
  const claim = { run: RUN, epoch };
  let first = (): void => undefined;
  const loadedOne = new Promise<void>((resolve) => {
    first = resolve;
  });
  const loader = async (): Promise<Loader> => {
    const inner = new PostgresLoader({ server: servers.target, claim, networkTimeoutMs: 30_000 });
    return {
      load: async (table, chunk, at, read) => {
        const rows = await inner.load(table, chunk, at, read);
        loaded.push(`${table.id} ${chunk.ordinal} ${name}`);
        first();
        return rows;
      },
      close: () => inner.close(),
    };
  };
  const made: Member = {
    ...servers,
    journal: new PostgresJournal(servers.target, RUN, () => claim),
    log: new PostgresLog({
      ...{ server: servers.source, slot, publication: slot },
      ...{ run: () => RUN, prove: async () => undefined },
    }),
    gate: new RunGate(),
    status: new RunStatus(RUN),
    loading: { traits: { oneMomentPerTable: false }, loader },
    loadedOne,
  };
  members.push(made);
  return made;
}

beforeEach(async () => {
  pair = await openPair();
  members = [];
  loaded = [];
  [source, target] = [pair.sourceUrl, pair.targetUrl].map((url) => new pg.Client(url)) as [pg.Client, pg.Client];
  for (const client of [source, target]) {
    client.on('error', () => undefined);
    await client.connect();
    await client.query(DDL);
  }
  await source.query(`INSERT INTO orders SELECT n, 'order ' || n, n FROM generate_series(1, 3000) n;
    INSERT INTO items SELECT n, 'part' FROM generate_series(1, 400) n; ANALYZE`);
  slot = `migrate_${randomBytes(6).toString('hex')}`;
  await target.query(LEASE_SCHEMA);
  await raiseEpoch(1);
  const { source: server, journal } = member('maker', 1);
  catalog = await server.with('catalog', (session) => readCatalog(session, { include: ['public.*'], exclude: [] }));
  tables = catalog.tables.map(({ table }) => table);
  const unknown = { planHash: '', planFields: {}, sourceIdentity: '', targetIdentity: '', fingerprint: '' };
  await journal.create({ ...unknown, name: RUN, id: '01234567', catalog, lanes: 2 });
});

afterEach(async () => {
  await Promise.all([source.end(), target.end()]);
  await Promise.all(members.map(({ journal }) => journal.close()));
  await Promise.all(members.flatMap((each) => [each.source.close(), each.target.close()]));
  await pair.close();
});

async function raiseEpoch(epoch: number): Promise<void> {
  await target.query(
    `INSERT INTO migrate.lease (run, epoch, holder) VALUES ($1, $2, '') ON CONFLICT (run) DO UPDATE SET epoch = $2`,
    [RUN, epoch],
  );
}

async function lead({ source, journal, log, gate, status, loading }: Member) {
  const { startPosition } = (await journal.load()) ?? { startPosition: null };
  const stage = snapshotStage({
    source: { log, chunks: new PostgresChunks(source) } as Pick<Source, 'log' | 'chunks'> as Source,
    target: { ...loading, reveal: async () => undefined } as Partial<Target> as Target,
    ...{ journal, catalog, startPosition, gate, status, plan: { snapshot }, log: SILENT },
    carried: tables,
    signal: new AbortController().signal,
  });
  return stage.run();
}

async function help({ journal, log, gate, status, loading }: Member, id: number, signal: AbortSignal) {
  return helpCopy({
    ...{ tables, journal, gate, status, signal, plan: { snapshot }, settled: null },
    source: { log },
    target: loading,
    claims: { claim: (chunks) => journal.workers.claim(chunks, id) },
  });
}

/** Writes all over the tables, one transaction after another, until it is stopped; at least once. */
async function write(stop: AbortSignal): Promise<void> {
  for (let n = 1; n === 1 || !stop.aborted; n++) {
    const [row, other] = [(n * 617) % 3000, (n * 1231) % 3000];
    await source.query(`BEGIN;
      UPDATE orders SET total = total + 1 WHERE id IN (${row}, ${other});
      DELETE FROM orders WHERE id = ${row + 7};
      UPDATE orders SET id = ${3000 + n} WHERE id = ${other + 3};
      INSERT INTO orders VALUES (${-n}, 'new', ${n});
      INSERT INTO items VALUES (${row}, 'part ${n}');
      DELETE FROM items WHERE id = ${other % 400};
      COMMIT`);
  }
}

async function whileWriting<T>(work: () => Promise<T>): Promise<T> {
  const stop = new AbortController();
  const writing = write(stop.signal);
  try {
    return await work();
  } finally {
    stop.abort();
    await writing;
  }
}

/** Applies the log to what was copied; then both sides have the same rows. */
async function expectSame({ source: reading, target: writing, journal, log, gate }: Member, epoch: number) {
  const claim = { run: RUN, epoch };
  const stream = new PostgresStream({ server: reading, slot, publication: slot, tables, statusIntervalMs: 50 });
  const applier = new Applier({
    ...{ stream, gate, journal: journal.tables, log: SILENT, status: new RunStatus(RUN), homeward: new Set() },
    target: {
      lane: async () => new PostgresLane({ server: writing, claim, direction: 'forward' }),
      checkpoints: () => writing.with('read', (session) => readCheckpoints(session, claim, 'forward')),
    },
    source: { log, chunks: new PostgresChunks(reading) },
    tables: await journal.tables.list(),
    limits: { batchRows: 500, batchBytes: 1_000_000, batchWait: 0, lanes: 2, maxTransactionRows: 1_000_000 },
    signal: new AbortController().signal,
  });
  try {
    await applier.start();
    const met = applier.met('end');
    await log.mark('end');
    await Promise.race([met, applier.failed]);
  } finally {
    await applier.close();
    await stream.close();
  }
  for (const { id } of tables) {
    const text = `SELECT count(*)::int AS rows, md5(string_agg(t::text, ';' ORDER BY t::text)) AS digest FROM ${id} t`;
    const [left, right] = [await source.query(text), await target.query(text)];
    expect({ table: id, ...right.rows[0] }).toEqual({ table: id, ...left.rows[0] });
  }
}

/** The processes that copied, each with its number of chunks; no chunk was copied twice, and none is left. */
function copiers(progress: readonly TableProgress[]): Readonly<Record<string, number>> {
  const chunks = progress.flatMap(({ id, chunks }) => chunks.map(({ ordinal }) => `${id} ${ordinal}`));
  expect(loaded.map((line) => line.replace(/ \w+$/, '')).toSorted()).toEqual(chunks.toSorted());
  expect(progress.flatMap(({ chunks }) => chunks.filter(({ at }) => at === null))).toEqual([]);
  const counts: Record<string, number> = {};
  for (const line of loaded) {
    const name = line.replace(/.* /, '');
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

const positions = (progress: readonly TableProgress[]): number =>
  new Set(progress.flatMap(({ chunks }) => chunks.map(({ at }) => at))).size;

test('two processes copy each chunk once, each at its own position, and the log completes what they copied', async () => {
  const [leader, worker] = [member('leader', 1), member('worker', 1)];
  const id = await worker.journal.workers.join('the worker');
  leader.gate.hold('until the worker is at work');
  const [result, helped] = await whileWriting(async () => {
    const leading = lead(leader);
    // Afterwards there are chunks, and the leader has claimed some of them.
    await expect.poll(() => claims(leader), PATIENT).toBeGreaterThan(0);
    const helping = help(worker, id, new AbortController().signal);
    await worker.loadedOne;
    leader.gate.release('until the worker is at work');
    return Promise.all([leading, helping]);
  });
  expect(helped).toBe('done' satisfies HelpResult);
  const progress = await leader.journal.tables.list();
  const { leader: own = 0, worker: others = 0 } = copiers(progress);
  expect(own).toBeGreaterThan(0);
  expect(others).toBeGreaterThan(0);
  expect(positions(progress)).toBe(2);
  const rows = progress.flatMap(({ chunks }) => chunks).reduce((sum, chunk) => sum + chunk.rows, 0);
  expect(result).toEqual({ rows });
  expect(leader.status.snapshot().snapshot.rows).toBe(rows);
  expect((await leader.journal.workers.list()).map(({ chunks }) => chunks)).toEqual([others]);
  await expectSame(leader, 1);
});

/** How many chunks are claimed and not copied. */
async function claims({ journal }: Member): Promise<number> {
  return (await journal.tables.list()).flatMap(({ chunks }) => chunks.filter(({ claimed }) => claimed)).length;
}

async function silentFor(time: string): Promise<void> {
  await target.query('UPDATE migrate.worker SET beat_at = clock_timestamp() - $1::interval', [time]);
}

test('a worker that is killed is waited for until it is missed; the next attempt copies what it had claimed', async () => {
  const [leader, worker] = [member('leader', 1), member('worker', 1)];
  const id = await worker.journal.workers.join('the worker');
  const kill = new AbortController();
  leader.gate.hold('until the worker is gone');
  await whileWriting(async () => {
    const leading = lead(leader);
    const lost = leading.catch((error: unknown) => error);
    await expect.poll(() => claims(leader), PATIENT).toBeGreaterThan(0);
    const helping = help(worker, id, kill.signal);
    await worker.loadedOne;
    kill.abort(new Error('killed'));
    await expect(helping).rejects.toThrow('killed');
    await silentFor('-1 hour');
    leader.gate.release('until the worker is gone');
    await expect
      .poll(() => String(leader.status.snapshot().waiting), PATIENT)
      .toMatch(/^worker the worker copies the last (chunk|\d+ chunks)$/);
    await silentFor('11 s');
    expect(await lost).toMatchObject({ code: 'WORKER.LOST', disposition: 'retry' });
    await raiseEpoch(2);
    const next = member('next', 2);
    await lead(next);
    const progress = await next.journal.tables.list();
    const counts = copiers(progress);
    expect(Object.keys(counts).toSorted()).toEqual(['leader', 'next', 'worker']);
    expect(positions(progress)).toBe(3);
  });
  await expectSame(members.at(-1) as Member, 2);
});
