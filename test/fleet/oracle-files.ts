// What the stand-in for Oracle runs on, kept in cache folders: PostgreSQL 15 with orafce out of Debian's packages, and
// the Python package seerdb, whose "Mirror" speaks Oracle's protocol over PostgreSQL. Needs Python 3.10 with venv.

import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, cp, mkdir, mkdtemp, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { fleetCache, throughItsLoader, unpacked } from './debian.ts';

const run = promisify(execFile);

const REQUIREMENTS = fileURLToPath(new URL('oracle/requirements.txt', import.meta.url));
const VERSION = '15';
const PARTS = [
  `usr/lib/postgresql/${VERSION}`,
  `usr/share/postgresql/${VERSION}`,
  'usr/share/postgresql-common',
  'usr/lib/x86_64-linux-gnu',
  'lib',
];

/** The folder that holds the `bin` of a PostgreSQL with orafce. Fetched the first time on a machine. */
export async function postgresWithOrafce(): Promise<string> {
  const cached = fleetCache('orafce');
  const name = `postgresql-${VERSION}-orafce`;
  const from = await unpacked({ label: 'PostgreSQL with orafce', suite: 'bookworm', name }, cached);
  // PostgreSQL never runs as root, and nobody else may look into root's home, where the cache is.
  const root = join(tmpdir(), `migrate-orafce-${VERSION}-${process.getuid?.() ?? 0}`);
  if ((await stat(root).catch(() => undefined)) === undefined) await copyOnce(from, root);
  return join(root, 'usr/lib/postgresql', VERSION);
}

async function copyOnce(from: string, root: string): Promise<void> {
  const draft = await mkdtemp(`${root}-`);
  for (const part of PARTS) {
    const path = join(from, part);
    if ((await stat(path).catch(() => undefined)) === undefined) continue;
    await cp(path, join(draft, part), { recursive: true, verbatimSymlinks: true, filter: isNeeded });
  }
  for (const program of ['postgres', 'initdb'])
    await wrap(draft, root, join('usr/lib/postgresql', VERSION, 'bin', program));
  await chmod(draft, 0o755);
  // Another process may have been quicker.
  await rename(draft, root).catch(() => rm(draft, { recursive: true, force: true }));
}

/** Compiling of expressions is switched off, and its library is larger than everything else. */
function isNeeded(path: string): boolean {
  return !/\/(libLLVM|libz3|bitcode\/)/.test(path);
}

/** Puts a script in the program's place that runs it with the libraries that came along. */
async function wrap(draft: string, root: string, program: string): Promise<void> {
  const path = join(draft, program);
  await rename(path, `${path}.real`);
  const command = throughItsLoader(draft, `${program}.real`).map((word) => `'${word.replaceAll(draft, root)}'`);
  await writeFile(path, `#!/bin/sh\nexec ${command.join(' ')} "$@"\n`, { mode: 0o755 });
}

/** The Python that has the Mirror. Fetched with pip the first time on a machine. */
export async function pythonWithMirror(): Promise<string> {
  // Other versions are another folder.
  const wanted = await readFile(REQUIREMENTS);
  const version = createHash('sha256').update(wanted).digest('hex').slice(0, 12);
  const root = join(fleetCache('oracle'), version);
  const python = join(root, 'bin/python');
  const ready = join(root, 'ready');
  if ((await stat(ready).catch(() => undefined)) !== undefined) return python;
  await mkdir(fleetCache('oracle'), { recursive: true });
  const lock = join(fleetCache('oracle'), `${version}.lock`);
  try {
    await run('flock', [lock, 'sh', '-c', INSTALL, 'sh', root, REQUIREMENTS], { maxBuffer: 1 << 24 });
  } catch (cause) {
    throw new Error('the stand-in for Oracle could not be fetched with pip', { cause });
  }
  return python;
}

/** Programs of such a folder name it, so it is made where it stays, by one process at a time. */
const INSTALL = `
set -e
test ! -e "$1/ready"  || exit 0
rm -rf "$1"
python3 -m venv "$1"
"$1/bin/pip" install --quiet --disable-pip-version-check --requirement "$2"
touch "$1/ready"`;
