// What a run has between its snapshot and its cutover, put together for a benchmark: log, lanes and journal, no commands.

import { Applier } from '../../src/apply/applier.ts';
import type { ApplyLimits } from '../../src/apply/options.ts';
import { readCatalog } from '../../src/databases/postgres/catalog.ts';
import { PostgresChunks } from '../../src/databases/postgres/chunks.ts';
import type { PostgresServer } from '../../src/databases/postgres/connection.ts';
import { PostgresJournal } from '../../src/databases/postgres/journal/journal.ts';
import { LEASE_SCHEMA } from '../../src/databases/postgres/lease-proof.ts';
import { PostgresLog } from '../../src/databases/postgres/log/log.ts';
import { PostgresStream } from '../../src/databases/postgres/log/stream.ts';
import { readCheckpoints } from '../../src/databases/postgres/write/journal-moves.ts';
import { PostgresLane } from '../../src/databases/postgres/write/lane.ts';
import { Gate } from '../../src/health/gate.ts';
import type { TableProgress } from '../../src/journal/journal.ts';
import type { Table } from '../../src/model/table.ts';
import { RunStatus } from '../../src/observe/status.ts';
import { planSchema } from '../../src/plan/plan.ts';
import { SILENT } from '../../test/unit/apply-fixture.ts';

const RUN = 'bench';
const CLAIM = { run: RUN, epoch: 1 };
export const PUBLICATION = 'migrate_bench';

export interface Pipeline {
  readonly source: PostgresServer;
  readonly target: PostgresServer;
  readonly log: PostgresLog;
  readonly tables: readonly Table[];
  readonly progress: readonly TableProgress[];
}

/** Both sides must hold the same rows of `schema`; from here on the source's log is kept. */
export async function openPipeline(
  source: PostgresServer,
  target: PostgresServer,
  options: { readonly schema: string; readonly lanes: number },
): Promise<Pipeline> {
  const catalog = await source.with('catalog', (session) =>
    readCatalog(session, { include: [`${options.schema}.*`], exclude: [] }),
  );
  const tables = catalog.tables.map(({ table }) => table);
  const prove = async (): Promise<void> => undefined;
  const log = new PostgresLog({ server: source, slot: PUBLICATION, publication: PUBLICATION, run: () => RUN, prove });
  await source.with('lease', (session) => session.run(LEASE_SCHEMA, []));
  const start = await log.pin(tables);
  await start.close();
  await target.with('lease', async (session) => {
    await session.run(LEASE_SCHEMA, []);
    await session.query('INSERT INTO migrate.lease (run, epoch, holder) VALUES ($1, $2, $3)', [RUN, CLAIM.epoch, RUN]);
  });
  const journal = new PostgresJournal(target, RUN, () => CLAIM);
  const unknown = { planHash: '', planFields: {}, sourceIdentity: '', targetIdentity: '', fingerprint: '' };
  await journal.create({ ...unknown, name: RUN, id: '00000000', catalog, lanes: options.lanes });
  await journal.tables.openLanes(start.at);
  const progress = await journal.tables.list();
  await journal.close();
  return { source, target, log, tables, progress };
}

export interface Following {
  readonly applier: Applier;
  close(): Promise<void>;
}

/** Starts the apply with the limits a plan has by default. */
export async function follow(
  { source, target, log, tables, progress }: Pipeline,
  limits: Partial<ApplyLimits> = {},
): Promise<Following> {
  const { decodingMemory } = planSchema.shape.limits.parse({});
  const stream = new PostgresStream({
    server: source,
    slot: PUBLICATION,
    publication: PUBLICATION,
    tables,
    decodingMemory,
  });
  const applier = new Applier({
    stream,
    target: {
      lane: async () => new PostgresLane({ server: target, claim: CLAIM, direction: 'forward' }),
      checkpoints: () => target.with('read', (session) => readCheckpoints(session, CLAIM, 'forward')),
    },
    source: { log, chunks: new PostgresChunks(source) },
    journal: { sendHome: async () => undefined },
    tables: progress,
    homeward: new Set(),
    limits: { ...planSchema.shape.apply.parse({}), ...limits },
    gate: new Gate(),
    status: new RunStatus(RUN),
    log: SILENT,
    signal: new AbortController().signal,
  });
  await applier.start();
  return {
    applier,
    close: async () => {
      await applier.close();
      await stream.close();
    },
  };
}
