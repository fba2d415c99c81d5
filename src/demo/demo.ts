// `migrate demo`: two servers of its own, a shop with live clients, a plan, a run, and the proof at the end that no
// write was lost. Leaves nothing behind.

import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { PostgresServer } from '../databases/postgres/connection.ts';
import { Closer } from '../lib/closer.ts';
import { MigrateError } from '../lib/errors.ts';
import { type ClientsHandle, forkClients } from './clients-handle.ts';
import { type EmbeddedServer, FOLDER_PREFIX, openEmbedded } from './embedded.ts';
import { removeOrphans } from './orphans.ts';
import { fillShop, shopSizes } from './shop.ts';

export interface DemoOptions {
  readonly signal: AbortSignal;
  /** One line for people. */
  readonly say: (line: string) => void;
  /** Runs the plan at `planPath`, whose variables are in `env`. Must end when the signal is aborted. */
  readonly run: (planPath: string, env: Readonly<Record<string, string>>) => Promise<object>;
  /** Rows in the shop. Default 200 000. */
  readonly rows?: number;
  /** Transactions per second of all clients. Default 400. */
  readonly rate?: number;
  /** How long the clients go on after the run. Default 2 000. */
  readonly afterMs?: number;
}

const CLIENTS = 4;
const SERVER_SETTINGS = {
  wal_level: 'logical',
  max_connections: '100',
  shared_buffers: '64MB',
  log_checkpoints: 'off',
};

/** The run's result with what became of the clients' writes. Rejects when one of them was lost or doubled. */
export async function runDemo(options: DemoOptions): Promise<Readonly<Record<string, unknown>>> {
  const closer = new Closer();
  try {
    await removeOrphans();
    return await demonstrate(options, closer);
  } finally {
    await closer.close();
  }
}

async function demonstrate(options: DemoOptions, closer: Closer): Promise<Readonly<Record<string, unknown>>> {
  const { signal, say, rows = 200_000, rate = 400, afterMs = 2_000 } = options;
  say('starting two PostgreSQL servers');
  const [source, target] = await openServers(closer);
  signal.throwIfAborted();
  say(`source on port ${source.port}, target on port ${target.port}; filling a shop with about ${rows} rows`);
  await fill(source, target, rows);
  signal.throwIfAborted();
  const clients = await forkClients({
    sourceUrl: source.url('shop'),
    targetUrl: target.url('shop'),
    clients: CLIENTS,
    rate,
    customers: shopSizes(rows).customers,
  });
  closer.add(() => clients.close());
  await orAborted(signal, clients.reached('source', 1));
  say(`${CLIENTS} clients are writing, about ${rate} transactions per second; migrating`);
  const plan = await writePlan(closer, source, target);
  const result = await Promise.race([options.run(plan.path, plan.env), clients.failed]);
  say('the shop lives on the target; its clients go on writing there');
  await orAborted(signal, clients.reached('target', 1));
  await orAborted(signal, sleep(afterMs));
  return { ...result, clients: await finish(clients) };
}

/** The work, or the signal's reason as soon as it is aborted. */
async function orAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  let abort = (): void => undefined;
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

async function finish(clients: ClientsHandle): Promise<object> {
  const report = await clients.report();
  if (report.lost > 0 || report.duplicated > 0) {
    throw new MigrateError(
      'VERIFY.DIFFERENCES',
      `of ${report.acknowledged} confirmed writes ${report.lost} were lost and ${report.duplicated} doubled`,
      { disposition: 'bug', fix: 'This must never happen. Please report it.' },
    );
  }
  return report;
}

async function openServers(closer: Closer): Promise<readonly [EmbeddedServer, EmbeddedServer]> {
  const opening = [0, 1].map(() =>
    openEmbedded({ password: randomBytes(18).toString('base64url'), settings: SERVER_SETTINGS }),
  );
  // Both are waited for, so that the one that came up is closed when the other did not.
  const opened = await Promise.allSettled(opening);
  for (const server of opened) if (server.status === 'fulfilled') closer.add(() => server.value.close());
  const [source, target] = await Promise.all(opening);
  if (source === undefined || target === undefined) throw new MigrateError('INTERNAL.BUG', 'a server is missing');
  return [source, target];
}

async function fill(source: EmbeddedServer, target: EmbeddedServer, rows: number): Promise<void> {
  for (const server of [source, target]) {
    await withServer(server.url('postgres'), (admin) =>
      admin.with('demo', (session) => session.query('CREATE DATABASE shop TEMPLATE template0')),
    );
  }
  await withServer(source.url('shop'), (shop) => fillShop(shop, rows));
}

async function withServer<T>(url: string, work: (server: PostgresServer) => Promise<T>): Promise<T> {
  const server = new PostgresServer('source', url, 'demo');
  try {
    return await work(server);
  } finally {
    await server.close();
  }
}

/** The passwords are in the environment of the run, as a plan should have it. */
async function writePlan(
  closer: Closer,
  source: EmbeddedServer,
  target: EmbeddedServer,
): Promise<{ path: string; env: Record<string, string> }> {
  const directory = await mkdtemp(join(tmpdir(), FOLDER_PREFIX));
  closer.add(() => rm(directory, { recursive: true, force: true }));
  await writeFile(join(directory, 'owner'), String(process.pid));
  const path = join(directory, 'demo.yaml');
  const text = `version: 1
name: demo
source:
  kind: postgres
  url: postgres://postgres:\${DEMO_SOURCE_PASSWORD}@127.0.0.1:${source.port}/shop
target:
  kind: postgres
  url: postgres://postgres:\${DEMO_TARGET_PASSWORD}@127.0.0.1:${target.port}/shop
tables:
  include: ["shop.*"]
cutover:
  when: auto
  reverse: off
control:
  directory: ${JSON.stringify(directory)}
`;
  await writeFile(path, text, { mode: 0o600 });
  const password = (server: EmbeddedServer): string => decodeURIComponent(new URL(server.url()).password);
  return { path, env: { DEMO_SOURCE_PASSWORD: password(source), DEMO_TARGET_PASSWORD: password(target) } };
}
