// PostgreSQL servers for tests: each with an empty cluster of its own, copied from a template because initdb is slow.

import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, rename, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type EmbeddedServer, initialise, openEmbedded, own, type StopMode } from '../../src/demo/embedded.ts';
import { findBinaries, type RunAs } from '../../src/demo/embedded-binaries.ts';

const run = promisify(execFile);

export interface TestServer {
  readonly port: number;
  /** The process id of the running server. */
  readonly pid: number | undefined;
  /** The server's output, for a test that failed. */
  readonly logFile: string;
  url(database?: string, user?: string): string;
  /** The data stays. Does nothing when it is not running. */
  stop(mode?: StopMode): Promise<void>;
  /** On the same port as before. */
  start(): Promise<void>;
  /** Stops the server and removes the data. */
  close(): Promise<void>;
}

const SETTINGS: Readonly<Record<string, string>> = {
  fsync: 'off',
  wal_level: 'logical',
  max_connections: '200',
  max_prepared_transactions: '10',
  max_replication_slots: '40',
  max_wal_senders: '40',
};

// Copies of one template have one system identifier. Servers of one test must differ in it, so there are several:
// the shared pair takes the first two, the others take turns.
const TEMPLATES = 6;
const SHARED = 2;
let next = SHARED;

/** `template`: which template to copy; by default each server of a process takes another one. */
export async function startServer(
  options: { settings?: Record<string, string>; template?: number } = {},
): Promise<TestServer> {
  let template = options.template;
  if (template === undefined) {
    template = next;
    next = next + 1 < TEMPLATES ? next + 1 : SHARED;
  }
  const number = template;
  const server: EmbeddedServer = await openEmbedded({
    settings: { ...SETTINGS, ...options.settings },
    fill: (dataDirectory, runAs) => fillFromTemplate(number, dataDirectory, runAs),
  });
  return server;
}

async function fillFromTemplate(number: number, dataDirectory: string, runAs: RunAs | undefined): Promise<void> {
  const template = await makeTemplate(number, runAs);
  // cp -a keeps owner and mode, which fs.cp does not.
  if (process.platform === 'win32') await cp(template, dataDirectory, { recursive: true });
  else await run('cp', ['-a', template, dataDirectory]);
}

async function makeTemplate(number: number, runAs: RunAs | undefined): Promise<string> {
  const binaries = await findBinaries();
  const folder = join(tmpdir(), `migrate-fleet-${binaries.version}-${process.getuid?.() ?? 0}`);
  const template = join(folder, String(number));
  if ((await stat(template).catch(() => undefined)) !== undefined) return template;
  await mkdir(folder, { recursive: true, mode: 0o755 });
  const draft = await mkdtemp(join(folder, 'draft-'));
  try {
    await own(draft, runAs);
    await initialise(binaries, join(draft, 'data'));
    // Another process may have been quicker.
    await rename(join(draft, 'data'), template).catch(() => undefined);
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
  return template;
}
