// One workload, made up by a seed, is carried with batches of one row and of a thousand, by one lane and by eight, without a stop
// and with twenty: whatever the settings, the same rows are on the target at the end.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { Applier } from '../../src/apply/applier.ts';
import { convertedSource } from '../../src/convert/converted-source.ts';
import { convertedStream } from '../../src/convert/converted-stream.ts';
import type { PairConversion } from '../../src/convert/pair.ts';
import { pairConversion } from '../../src/convert/pair-conversion.ts';
import { renamedTarget } from '../../src/convert/renamed-target.ts';
import { copyTables } from '../../src/copy/copier.ts';
import { planChunks } from '../../src/copy/plan.ts';
import { unconverted } from '../../src/databases/conversion.ts';
import { MysqlServer, type MysqlSession } from '../../src/databases/mysql/connection.ts';
import { MysqlJournal } from '../../src/databases/mysql/journal/journal.ts';
import { LEASE_SCHEMA as MYSQL_LEASE } from '../../src/databases/mysql/lease-proof.ts';
import { MysqlStream } from '../../src/databases/mysql/log/stream.ts';
import { MysqlSource } from '../../src/databases/mysql/source.ts';
import { MysqlTarget } from '../../src/databases/mysql/target.ts';
import { castTypeOf } from '../../src/databases/mysql/values.ts';
import { PostgresServer } from '../../src/databases/postgres/connection.ts';
import { PostgresJournal } from '../../src/databases/postgres/journal/journal.ts';
import { LEASE_SCHEMA as POSTGRES_LEASE } from '../../src/databases/postgres/lease-proof.ts';
import { PostgresTarget } from '../../src/databases/postgres/target.ts';
import type { Source } from '../../src/databases/source.ts';
import type { Lane, Target } from '../../src/databases/target.ts';
import { Gate } from '../../src/health/gate.ts';
import type { Journal } from '../../src/journal/journal.ts';
import { MigrateError, toMigrateError } from '../../src/lib/errors.ts';
import type { Catalog } from '../../src/model/catalog.ts';
import type { Table } from '../../src/model/table.ts';
import { RunStatus } from '../../src/observe/status.ts';
import { planSchema } from '../../src/plan/plan.ts';
import { type ComparedTable, compareStrangers } from '../../src/verify/standalone.ts';
import { openPair, withClient } from '../fleet/databases.ts';
import { startMysql } from '../fleet/mysql.ts';
import type { MysqlServer as FleetServer } from '../fleet/mysqld.ts';
import { Random } from '../storm/random.ts';
import { SILENT } from '../unit/apply-fixture.ts';

interface Settings {
  readonly batchRows: number;
  readonly lanes: number;
  /** How often the apply is ended, each time when one of its lanes is about to commit, and begun again. */
  readonly stops: number;
}

const VARIANTS: readonly Settings[] = [
  { batchRows: 1, lanes: 1, stops: 0 },
  { batchRows: 1_000, lanes: 8, stops: 0 },
  { batchRows: 5, lanes: 8, stops: 20 },
];
const SEED = 20_260;
const RUN = 'differential';
const STOPPED = 'stopped by the test';
const TRANSACTIONS = 60;
const WHOLE = { lower: null, upper: null };
const signal = new AbortController().signal;

let fleet: FleetServer;
beforeAll(async () => {
  fleet = await startMysql(['--local-infile=ON']);
}, 300_000);
afterAll(() => fleet?.close());

const TABLES = [
  'CREATE TABLE accounts (id bigint PRIMARY KEY, owner varchar(20), balance decimal(12,2) NOT NULL, seen datetime(3))',
  `CREATE TABLE seats (hall int, seat varchar(9), guest int UNIQUE, raw varbinary(9), PRIMARY KEY (hall, seat))`,
  'CREATE TABLE events (what varchar(9), n int)',
  `INSERT INTO accounts WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 60)
     SELECT i, CONCAT('o', i), 100, NULL FROM n`,
  "INSERT INTO seats SELECT id % 3, CONCAT('b', id % 6), id, NULL FROM accounts WHERE id < 6",
];

/** What one transaction does. Ids are few, so that keys come and go and change hands. */
function transaction(random: Random): readonly string[] {
  const id = () => random.below(90);
  const seat = () => `hall = ${random.below(3)} AND seat = '${random.pick(['a', 'B', 'b ', 'ü'])}${random.below(6)}'`;
  const statement = (): readonly string[] => {
    switch (random.below(10)) {
      case 0:
        return [`DELETE FROM accounts WHERE id = ${id()}`];
      case 1:
        return [`UPDATE IGNORE accounts SET id = ${id()} WHERE id = ${id()}`];
      case 2:
      case 3:
        return [
          `UPDATE accounts SET balance = balance + ${random.below(900)} / 7, seen = NOW(3) WHERE id % 9 = ${random.below(9)}`,
        ];
      case 4:
        return [`REPLACE INTO accounts VALUES (${id()}, NULL, ${random.below(999)}, NULL)`];
      case 5:
        return [
          `INSERT IGNORE INTO seats VALUES (${random.below(3)}, 'b${random.below(6)}', ${random.below(20)}, x'0${random.below(9)}ff')`,
        ];
      case 6: {
        const [one, other] = [random.below(20), random.below(20)];
        // Two guests change seats.
        return [
          `UPDATE seats SET guest = NULL WHERE guest = ${one}`,
          `UPDATE seats SET guest = ${one} WHERE guest = ${other}`,
          `UPDATE IGNORE seats SET guest = ${other} WHERE ${seat()}`,
        ];
      }
      case 7:
        return [`DELETE FROM seats WHERE ${seat()}`];
      case 8:
        return [`INSERT INTO events VALUES ('${random.pick(['x', 'y'])}', ${random.below(3)}), (NULL, 1)`];
      default:
        return [`DELETE FROM events ORDER BY n, what LIMIT ${random.below(3)}`];
    }
  };
  const statements = Array.from({ length: random.between(1, 4) }, statement).flat();
  return ['BEGIN', ...statements, random.chance(10) ? 'ROLLBACK' : 'COMMIT'];
}

/** Ends the apply when a lane is about to commit, every few commits: the other lanes may have. */
function stopped(target: Target, stops: number): Pick<Target, 'lane' | 'checkpoints'> {
  let [commits, left] = [0, stops];
  let isStopped = false;
  const lane = async (): Promise<Lane> => {
    const own = await target.lane();
    isStopped = false;
    return {
      begin: () => own.begin(),
      attempt: (sets) => own.attempt(sets),
      replay: (changes, keyChunks, refusals) => own.replay(changes, keyChunks, refusals),
      truncate: (tables) => own.truncate(tables),
      commit: async (moves, letters) => {
        if (!isStopped && left > 0 && ++commits % 2 === 0) {
          isStopped = true;
          left--;
          throw new MigrateError('TARGET.CONNECTION', STOPPED);
        }
        await own.commit(moves, letters);
      },
      close: () => own.close(),
    };
  };
  return { lane, checkpoints: () => target.checkpoints() };
}

/** The source of a run with its tables, and what writes to them. */
class World {
  readonly tables: readonly Table[];
  readonly catalog: Catalog;
  readonly source: Source;
  readonly #server: MysqlServer;
  readonly #session: MysqlSession;
  readonly #conversion: PairConversion;
  readonly #random = new Random(SEED);

  private constructor(
    server: MysqlServer,
    session: MysqlSession,
    conversion: PairConversion,
    source: Source,
    catalog: Catalog,
  ) {
    this.#server = server;
    this.#session = session;
    this.#conversion = conversion;
    this.source = source;
    this.catalog = catalog;
    this.tables = catalog.tables.map(({ table }) => table);
  }

  static async open(schema: string, conversion: PairConversion): Promise<World> {
    const server = new MysqlServer('source', `mysql://root@127.0.0.1:${fleet.port}/`);
    const session = await server.session();
    for (const statement of [`CREATE DATABASE ${schema}`, `USE ${schema}`, ...TABLES, ...MYSQL_LEASE])
      await session.query(statement);
    const selection = { include: [`${schema}.*`], exclude: [] };
    const own = new MysqlSource({
      ...{ server, id: '00000000', run: RUN, selection, claim: () => ({ run: RUN, epoch: 1 }), readers: 1, tables: [] },
      ...{ conversionOf: conversion.ofSource ?? unconverted, endsTransactions: false, connections: 10 },
      onWaiting: () => undefined,
    });
    const source = convertedSource(own, conversion);
    return new World(server, session, conversion, source, await source.describe(selection));
  }

  async write(transactions: number): Promise<void> {
    for (let count = 0; count < transactions; count++) {
      for (const statement of transaction(this.#random)) await this.#session.query(statement);
    }
  }

  /** Copies everything as it is now; the applications go on meanwhile. */
  async copy({ target, journal }: Opened): Promise<void> {
    const start = await this.source.log.pin(this.tables);
    try {
      await this.write(5);
      const { tables } = this;
      await planChunks({ tables, chunks: this.source.chunks, journal: journal.tables, rows: 20, signal });
      const progress = await journal.tables.list();
      const [gate, status] = [new Gate(), new RunStatus(RUN)];
      await copyTables({ tables, progress, start, target, readers: 1, gate, status, signal });
      await journal.tables.openLanes(start.at);
    } finally {
      await start.close();
    }
  }

  /** Applies the log up to the marker. How often it had to begin again. */
  async follow({ journal }: Opened, writes: Pick<Target, 'lane' | 'checkpoints'>, settings: Settings): Promise<number> {
    const { batchRows, lanes } = settings;
    const limits = planSchema.shape.apply.parse({ batchRows, lanes, batchWait: '0ms' });
    for (let stops = 0; ; stops++) {
      const logged = new MysqlStream({ connect: () => this.#server.connect(), run: RUN, tables: this.tables });
      const stream = convertedStream(logged, this.#conversion.ofSource ?? unconverted);
      const tables = await journal.tables.list();
      const applier = new Applier({
        ...{
          stream,
          target: writes,
          source: this.source,
          journal: journal.tables,
          tables,
          homeward: new Set(),
          limits,
        },
        ...{ gate: new Gate(), status: new RunStatus(RUN), log: SILENT, signal },
      });
      try {
        const met = applier.met('end');
        met.catch(() => undefined);
        await applier.start();
        await Promise.race([met, applier.failed]);
        return stops;
      } catch (error) {
        expect(toMigrateError(error).message).toBe(STOPPED);
      } finally {
        await applier.close();
        await stream.close();
      }
    }
  }

  compare(target: Target): Promise<readonly ComparedTable[]> {
    const limits = { chunkRows: 500, concurrency: 1, rounds: 1 };
    const { digests } = this.source;
    return compareStrangers({
      source: digests,
      target: target.digests,
      tables: this.tables,
      limits,
      signal,
      progress: () => undefined,
    });
  }

  close(): Promise<void> {
    return this.#server.close();
  }
}

test.each(['postgres', 'mysql'] as const)('from MySQL to %s every setting brings the same rows', async (kind) => {
  const conversion = pairConversion('mysql', kind, planSchema.shape.convert.parse({}), castTypeOf);
  if (conversion === undefined) throw new Error('nothing is converted');
  const world = await World.open(`from_${kind}`, conversion);
  const opened: (readonly [Settings, Opened])[] = [];
  try {
    const open = kind === 'postgres' ? openPostgres : openMysql;
    for (const [index, settings] of VARIANTS.entries()) {
      const one = await open(`to_${kind}_${index}`, world.catalog, settings.lanes);
      opened.push([settings, one]);
      // Each begins at another moment.
      await world.copy(one);
    }
    await world.write(TRANSACTIONS);
    await world.source.log.mark('end');
    const digests = new Set<string>();
    for (const [settings, one] of opened) {
      const { target, catalog } = one;
      expect(await world.follow(one, stopped(target, settings.stops), settings)).toBe(settings.stops);
      await target.complete(catalog, () => undefined);
      const compared = await world.compare(target);
      expect(compared.map(({ differences, refused }) => [differences, refused])).toEqual(
        world.tables.map(() => [0, null]),
      );
      // Nothing is compared where the workload has left nothing.
      expect(compared.every(({ rows }) => rows > 5)).toBe(true);
      digests.add(JSON.stringify(await Promise.all(world.tables.map((table) => target.digests.range(table, WHOLE)))));
    }
    expect(digests.size).toBe(1);
  } finally {
    for (const [, { close }] of opened) await close();
    await world.close();
  }
});

interface Opened {
  readonly target: Target;
  readonly journal: Journal;
  /** With the target's names. */
  readonly catalog: Catalog;
  readonly close: () => Promise<void>;
}

const UNKNOWN = {
  planHash: '',
  planFields: {},
  sourceIdentity: '',
  targetIdentity: '',
  fingerprint: '',
  id: '00000000',
};

async function openPostgres(run: string, catalog: Catalog, lanes: number): Promise<Opened> {
  const pair = await openPair();
  await withClient(pair.targetUrl, async (client) => {
    await client.query(POSTGRES_LEASE);
    await client.query("INSERT INTO migrate.lease (run, epoch, holder) VALUES ($1, 1, 'test')", [run]);
  });
  const server = new PostgresServer('target', pair.targetUrl, run);
  const claim = () => ({ run, epoch: 1 });
  const journal = new PostgresJournal(server, run, claim);
  const own = new PostgresTarget({
    ...{ server, id: '00000000', claim, digestConcurrency: 1, portableDigests: async () => true, existing: false },
    ...{ networkTimeoutMs: 30_000, sourceFacts: async () => undefined, builders: 1, connections: 10 },
  });
  const target = renamedTarget(own, catalog);
  await journal.create({ ...UNKNOWN, name: run, catalog, lanes });
  await target.create(catalog);
  const close = async (): Promise<void> => {
    await journal.close();
    await target.close();
    await pair.close();
  };
  return { target, journal, catalog, close };
}

/** In another database of the same server. */
async function openMysql(run: string, catalog: Catalog, lanes: number): Promise<Opened> {
  const server = new MysqlServer('target', `mysql://root@127.0.0.1:${fleet.port}/`);
  const id = `0000000${run.at(-1)}`;
  const claim = () => ({ run, epoch: 1 });
  await server.use((session) =>
    session.query(`INSERT INTO migrate.lease VALUES ('${run}', 1, 'test', UTC_TIMESTAMP(6), '')`),
  );
  const journal = new MysqlJournal(server, run, claim);
  const conversionOf = pairConversion('mysql', 'mysql', planSchema.shape.convert.parse({}), castTypeOf)?.ofTarget;
  const own = new MysqlTarget({
    ...{ server, id, claim, conversionOf: conversionOf ?? unconverted, networkTimeoutMs: 30_000, existing: false },
    ...{ builders: 1, connections: 10 },
  });
  const tables = catalog.tables.map(({ table }) => ({ table, schema: run, name: table.name, columns: [] }));
  const renames = { tables, schemas: catalog.schemas.map((from) => ({ from, to: run })) };
  const { catalog: onTarget = catalog } = await own.rename(catalog.onTarget ?? catalog, renames);
  const renamed = { ...catalog, onTarget };
  const target = renamedTarget(own, renamed);
  await journal.create({ ...UNKNOWN, id, name: run, catalog: renamed, lanes });
  await target.create(renamed);
  await target.reveal(renamed);
  return { target, journal, catalog: renamed, close: () => server.close() };
}
