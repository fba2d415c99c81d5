// One table set on its way from MySQL or MariaDB to PostgreSQL: a real server on either side, the journal, and a lease that is
// simply there.

import { Applier } from '../../src/apply/applier.ts';
import { canonicalOf } from '../../src/convert/canonical.ts';
import { convertedStream } from '../../src/convert/converted-stream.ts';
import { conversionOfForm } from '../../src/convert/forms.ts';
import { convertCatalog } from '../../src/convert/mysql-catalog.ts';
import type { ConvertOptions } from '../../src/convert/pair.ts';
import { renamedTarget } from '../../src/convert/renamed-target.ts';
import { copyTables } from '../../src/copy/copier.ts';
import { planChunks } from '../../src/copy/plan.ts';
import { MysqlServer } from '../../src/databases/mysql/connection.ts';
import { MysqlStream } from '../../src/databases/mysql/log/stream.ts';
import { MysqlSource } from '../../src/databases/mysql/source.ts';
import { PostgresServer } from '../../src/databases/postgres/connection.ts';
import { PostgresJournal } from '../../src/databases/postgres/journal/journal.ts';
import { LEASE_SCHEMA } from '../../src/databases/postgres/lease-proof.ts';
import { PostgresTarget } from '../../src/databases/postgres/target.ts';
import type { Start } from '../../src/databases/source.ts';
import type { Target } from '../../src/databases/target.ts';
import { Gate } from '../../src/health/gate.ts';
import type { Catalog } from '../../src/model/catalog.ts';
import type { Finding } from '../../src/model/finding.ts';
import type { Table } from '../../src/model/table.ts';
import { RunStatus } from '../../src/observe/status.ts';
import { planSchema } from '../../src/plan/plan.ts';
import { type ComparedTable, compareStrangers } from '../../src/verify/standalone.ts';
import { openPair, withClient } from '../fleet/databases.ts';
import { SILENT } from '../unit/apply-fixture.ts';

const READERS = 2;
const LANES = 2;
const CHUNK_ROWS = 500;
const RUN = 'look';

export interface Look {
  readonly server: MysqlServer;
  readonly source: MysqlSource;
  readonly journal: PostgresJournal;
  /** Called by the source's names. */
  readonly target: Target;
  readonly targetUrl: string;
  readonly catalog: Catalog;
  /** What the conversion of the schema had to say. */
  readonly findings: readonly Finding[];
  readonly tables: readonly Table[];
  /** Runs statements on the source, in one session. */
  mysql(...statements: readonly string[]): Promise<void>;
  /** Runs a query on the target, past its fence. The rows, each as a list of texts. */
  postgres(text: string): Promise<readonly (readonly (string | null)[])[]>;
  /** Copies every table in chunks at one moment. `meanwhile` runs while that moment is already past. */
  copy(meanwhile?: () => Promise<void>): Promise<Start>;
  /** Applies the log since the copy, until everything is there that was committed before `follow` resolves. */
  catchUp(from: Start, meanwhile?: () => Promise<void>): Promise<void>;
  /** Builds what waits for the end of the overlap. */
  complete(): Promise<void>;
  compare(): Promise<readonly ComparedTable[]>;
  close(): Promise<void>;
}

/** Makes a database of that name on the source with the statements, and its tables on an empty target. */
export async function openLook(
  port: number,
  database: string,
  statements: readonly string[],
  options: Partial<ConvertOptions> = {},
): Promise<Look> {
  const server = new MysqlServer('source', `mysql://root@127.0.0.1:${port}/`);
  const session = await server.session();
  const mysql = async (...texts: readonly string[]): Promise<void> => {
    for (const text of texts) await session.query(text);
  };
  await mysql(`CREATE DATABASE ${database}`, `USE ${database}`, ...statements);
  const conversionOf = conversionOfForm;
  const selection = { include: [`${database}.*`], exclude: [] };
  const source = new MysqlSource({
    server,
    id: '00000000',
    run: RUN,
    selection,
    claim: () => ({ run: RUN, epoch: 1 }),
    readers: READERS,
    conversionOf,
    tables: [],
    endsTransactions: false,
    connections: 10,
    onWaiting: () => undefined,
  });
  const found = await source.describe(selection);
  const { catalog, findings } = convertCatalog(found, planSchema.shape.convert.parse(options));
  const refused = findings.find(({ level }) => level === 'error');
  if (refused !== undefined) throw new Error(`${refused.subject}: ${refused.message}`);
  const tables: readonly Table[] = catalog.tables.map(({ table }) => table);
  const pair = await openPair();
  const { journal, target } = await prepareTarget(pair.targetUrl, catalog);
  const signal = new AbortController().signal;
  const look: Look = {
    server,
    source,
    journal,
    target,
    targetUrl: pair.targetUrl,
    catalog,
    findings,
    tables,
    mysql,
    postgres: (text) => queryTexts(pair.targetUrl, text),
    copy: async (meanwhile) => {
      const start = await source.log.pin(tables);
      try {
        await meanwhile?.();
        await planChunks({ tables, chunks: source.chunks, journal: journal.tables, rows: CHUNK_ROWS, signal });
        const progress = await journal.tables.list();
        const [gate, status] = [new Gate(), new RunStatus(RUN)];
        await copyTables({ tables, progress, start, target, readers: READERS, gate, status, signal });
      } finally {
        await start.close();
      }
      return start;
    },
    catchUp: async (from, meanwhile) => {
      await journal.tables.openLanes(from.at);
      const logged = new MysqlStream({ connect: () => server.connect(), run: RUN, tables });
      const stream = convertedStream(logged, conversionOf);
      const applier = new Applier({
        stream,
        target,
        source,
        journal: { sendHome: async () => undefined },
        tables: await journal.tables.list(),
        homeward: new Set(),
        limits: planSchema.shape.apply.parse({ lanes: LANES }),
        gate: new Gate(),
        status: new RunStatus(RUN),
        log: SILENT,
        signal,
      });
      try {
        await applier.start();
        await meanwhile?.();
        const met = applier.met('end');
        await source.log.mark('end');
        await Promise.race([met, applier.failed]);
      } finally {
        await applier.close();
        await stream.close();
      }
    },
    complete: () => target.complete(catalog, () => undefined),
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
      await source.close();
      await journal.close();
      await target.close();
      await pair.close();
    },
  };
  return look;
}

async function prepareTarget(url: string, catalog: Catalog): Promise<{ journal: PostgresJournal; target: Target }> {
  const server = new PostgresServer('target', url, RUN);
  await server.with('test', async (client) => {
    await client.run(LEASE_SCHEMA, []);
    await client.query("INSERT INTO migrate.lease (run, epoch, holder) VALUES ($1, 1, 'test')", [RUN]);
  });
  const claim = () => ({ run: RUN, epoch: 1 });
  const journal = new PostgresJournal(server, RUN, claim);
  const target = renamedTarget(openTarget(server, claim), catalog);
  const unknown = { planHash: '', planFields: {}, sourceIdentity: '', targetIdentity: '', fingerprint: '' };
  await journal.create({ ...unknown, name: RUN, id: '00000000', catalog, lanes: LANES });
  await target.create(catalog);
  return { journal, target };
}

function queryTexts(url: string, text: string): Promise<readonly (readonly (string | null)[])[]> {
  return withClient(url, async (client) => {
    await client.query("SET session_replication_role = replica; SET TimeZone = 'UTC'");
    const types = { getTypeParser: () => (value: string) => value };
    return (await client.query<(string | null)[]>({ text, rowMode: 'array', types })).rows;
  });
}

function openTarget(server: PostgresServer, claim: () => { run: string; epoch: number }): PostgresTarget {
  return new PostgresTarget({
    server,
    id: '00000000',
    claim,
    digestConcurrency: 2,
    portableDigests: async () => true,
    canonicalOf,
    networkTimeoutMs: 30_000,
    sourceFacts: async () => undefined,
    builders: 1,
    connections: 10,
    existing: false,
  });
}
