// PostgreSQL servers for tests: each with an empty cluster of its own, copied from a template because initdb is slow.

import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { type EmbeddedServer, initialise, openEmbedded, own, type StopMode } from '../../src/demo/embedded.ts';
import { findBinaries, type RunAs } from '../../src/demo/embedded-binaries.ts';

const run = promisify(execFile);

export interface TestServer {
  readonly port: number;
  /** The process id of the running server. */
  readonly pid: number | undefined;
  readonly dataDirectory: string;
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

/** The first of these major versions that is installed as on Debian; undefined when none is. */
export function findOlder(...versions: readonly string[]): string | undefined {
  return versions.map((version) => `/usr/lib/postgresql/${version}`).find(existsSync);
}

export interface TestServerOptions {
  /** Another PostgreSQL than that of npm: the folder that holds its `bin`. */
  readonly root?: string | undefined;
  readonly settings?: Record<string, string>;
  /** Which template to copy; by default each server of a process takes another one. */
  readonly template?: number;
  /** Where the data lies, instead of with the server's other files. Removed by whoever made it. */
  readonly directory?: string;
  /** The data of a stopped server to begin with, instead of an empty cluster's. The copy is a standby. */
  readonly standbyOf?: string;
}

export async function startServer(options: TestServerOptions = {}): Promise<TestServer> {
  let template = options.template;
  if (template === undefined) {
    template = next;
    next = next + 1 < TEMPLATES ? next + 1 : SHARED;
  }
  const number = template;
  const { root } = options;
  const server: EmbeddedServer = await openEmbedded({
    ...(root === undefined ? {} : { root }),
    settings: { ...SETTINGS, ...options.settings },
    fill: async (dataDirectory, runAs) => {
      const from = options.standbyOf ?? (await makeTemplate(number, runAs, root));
      if (options.directory === undefined) await copyData(from, dataDirectory);
      else {
        await copyData(from, join(options.directory, 'data'));
        await symlink(join(options.directory, 'data'), dataDirectory);
      }
      if (options.standbyOf === undefined) return;
      const signal = join(dataDirectory, 'standby.signal');
      await writeFile(signal, '');
      await own(signal, runAs);
    },
  });
  return server;
}

async function copyData(from: string, to: string): Promise<void> {
  // cp -a keeps owner and mode, which fs.cp does not.
  if (process.platform === 'win32') await cp(from, to, { recursive: true });
  else await run('cp', ['-a', from, to]);
}

async function makeTemplate(number: number, runAs: RunAs | undefined, root: string | undefined): Promise<string> {
  const found = await findBinaries();
  const binaries = root === undefined ? found : { ...found, root, version: basename(root) };
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
