// One table set on its way from MySQL to PostgreSQL: a real server on either side, the journal, and a lease that is simply there.

import { renamedTarget } from '../../src/convert/renamed-target.ts';
import { copyTables } from '../../src/copy/copier.ts';
import { planChunks } from '../../src/copy/plan.ts';
import { PostgresServer } from '../../src/databases/postgres/connection.ts';
import { PostgresJournal } from '../../src/databases/postgres/journal/journal.ts';
import { LEASE_SCHEMA } from '../../src/databases/postgres/lease-proof.ts';
import { PostgresTarget } from '../../src/databases/postgres/target.ts';
import type { Target } from '../../src/databases/target.ts';
import { Gate } from '../../src/health/gate.ts';
import type { Catalog } from '../../src/model/catalog.ts';
import type { Position } from '../../src/model/position.ts';
import type { Table } from '../../src/model/table.ts';
import { RunStatus } from '../../src/observe/status.ts';
import { type ComparedTable, compareStrangers } from '../../src/verify/standalone.ts';
import { openPair, withClient } from '../fleet/databases.ts';
import { MysqlSession } from './mysql-session.ts';
import { MysqlSource } from './mysql-source.ts';

const READERS = 2;
const CHUNK_ROWS = 500;
const RUN = 'look';

export interface Look {
  readonly source: MysqlSource;
  readonly target: Target;
  readonly journal: PostgresJournal;
  readonly catalog: Catalog;
  readonly tables: readonly Table[];
  /** Runs statements on the source. */
  mysql(...statements: readonly string[]): Promise<void>;
  /** Runs a query on the target, past its fence. The rows, each as a list of texts. */
  postgres(text: string): Promise<readonly (readonly (string | null)[])[]>;
  /** Copies every table in chunks at one moment; resolves with its position. */
  copy(): Promise<Position>;
  compare(): Promise<readonly ComparedTable[]>;
  close(): Promise<void>;
}

/** Makes a database of that name on the source with the statements, and its tables on an empty target. */
export async function openLook(port: number, database: string, statements: readonly string[]): Promise<Look> {
  const session = await MysqlSession.open(port);
  const mysql = async (...texts: readonly string[]): Promise<void> => {
    for (const text of texts) await session.query(text);
  };
  await mysql(`CREATE DATABASE ${database}`, `USE ${database}`, ...statements);
  const source = await MysqlSource.open(port, READERS);
  const catalog = await source.describe({ include: [`${database}.*`], exclude: [] });
  const tables = catalog.tables.map(({ table }) => table);
  const pair = await openPair();
  const server = new PostgresServer('target', pair.targetUrl, RUN);
  await server.with('test', async (client) => {
    await client.run(LEASE_SCHEMA, []);
    await client.query("INSERT INTO migrate.lease (run, epoch, holder) VALUES ($1, 1, 'test')", [RUN]);
  });
  const claim = () => ({ run: RUN, epoch: 1 });
  const journal = new PostgresJournal(server, RUN, claim);
  const target = renamedTarget(openTarget(server, claim), catalog);
  await journal.create({
    name: RUN,
    id: '00000000',
    planHash: '',
    planFields: {},
    sourceIdentity: '',
    targetIdentity: '',
    catalog,
    fingerprint: '',
    lanes: 1,
  });
  await target.create(catalog);
  const signal = new AbortController().signal;
  return {
    source,
    target,
    journal,
    catalog,
    tables,
    mysql,
    postgres: (text) =>
      withClient(pair.targetUrl, async (client) => {
        await client.query("SET session_replication_role = replica; SET TimeZone = 'UTC'");
        const types = { getTypeParser: () => (value: string) => value };
        return (await client.query<(string | null)[]>({ text, rowMode: 'array', types })).rows;
      }),
    copy: async () => {
      const start = await source.log.pin(tables);
      try {
        await planChunks({ tables, chunks: source.chunks, journal: journal.tables, rows: CHUNK_ROWS, signal });
        const progress = await journal.tables.list();
        const [gate, status] = [new Gate(), new RunStatus(RUN)];
        await copyTables({ tables, progress, start, target, readers: READERS, gate, status, signal });
      } finally {
        await start.close();
      }
      return start.at;
    },
    compare: () =>
      compareStrangers({
        source: source.digests,
        target: target.digests,
        tables,
        limits: { chunkRows: CHUNK_ROWS, concurrency: 2, rounds: 1 },
        signal,
        progress: () => undefined,
      }),
    close: async () => {
      session.close();
      source.close();
      await journal.close();
      await target.close();
      await pair.close();
    },
  };
}

function openTarget(server: PostgresServer, claim: () => { run: string; epoch: number }): PostgresTarget {
  return new PostgresTarget({
    server,
    id: '00000000',
    claim,
    digestConcurrency: 2,
    portableDigests: async () => true,
    networkTimeoutMs: 30_000,
    sourceFacts: () => Promise.reject(new Error('nothing is checked here')),
    builders: 1,
    connections: 10,
    existing: false,
  });
}
