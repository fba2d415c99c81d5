// MySQL's server program, which no npm package has: taken out of Debian's packages with the libraries it needs, and kept in
// a cache folder. Nothing is installed, and no right is needed beyond running apt.

import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

// Only the unreleased distribution has MySQL; its C library comes along and is used through its own loader.
const SUITE = 'sid';
const PACKAGE = 'mysql-server-core';

/** Kept between runs; remove it to have the newest version fetched. */
export function mysqlCache(): string {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'migrate-fleet', 'mysql');
}

/** The command line that starts the server program, without its data and ports. Fetches it when it is not there yet. */
export async function mysqldCommand(): Promise<readonly string[]> {
  const root = await findRoot();
  const libraries = join(root, 'usr/lib/x86_64-linux-gnu');
  return [
    join(libraries, 'ld-linux-x86-64.so.2'),
    '--library-path',
    libraries,
    join(root, 'usr/sbin/mysqld'),
    '--no-defaults',
    ...(process.getuid?.() === 0 ? ['--user=root'] : []),
    `--basedir=${join(root, 'usr')}`,
    `--lc-messages-dir=${join(root, 'usr/share/mysql')}`,
    `--character-sets-dir=${join(root, 'usr/share/mysql/charsets')}`,
    `--plugin-dir=${join(root, 'usr/lib/mysql/plugin')}`,
    '--secure-file-priv=',
  ];
}

async function findRoot(): Promise<string> {
  const root = join(mysqlCache(), 'root');
  if ((await stat(root).catch(() => undefined)) !== undefined) return root;
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new Error(
      `MySQL for tests comes from Debian's packages for Linux on x64, not ${process.platform} ${process.arch}`,
    );
  }
  await mkdir(mysqlCache(), { recursive: true });
  const draft = await mkdtemp(join(mysqlCache(), 'draft-'));
  try {
    await fetchInto(draft);
    // Another process may have been quicker.
    await rename(join(draft, 'root'), root).catch(() => undefined);
  } catch (cause) {
    throw new Error(`MySQL for tests could not be fetched with apt-get, from ${SUITE} of Debian's mirror`, { cause });
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
  return root;
}

/** With a state of apt's own, in which nothing is installed: so it downloads the package with all that it depends on. */
async function fetchInto(folder: string): Promise<void> {
  const archives = join(folder, 'cache/archives');
  await mkdir(join(folder, 'state/lists/partial'), { recursive: true });
  await mkdir(join(archives, 'partial'), { recursive: true });
  await writeFile(join(folder, 'status'), '');
  await writeFile(join(folder, 'sources.list'), `deb ${await mirror()} ${SUITE} main\n`);
  const settings = {
    'Dir::State': join(folder, 'state'),
    'Dir::State::status': join(folder, 'status'),
    'Dir::Cache': join(folder, 'cache'),
    'Dir::Etc::SourceList': join(folder, 'sources.list'),
    'Dir::Etc::SourceParts': '/dev/null',
    'APT::Sandbox::User': '',
    'APT::Install-Recommends': 'false',
    'Acquire::Languages': 'none',
    'Acquire::IndexTargets::deb::DEP-11::DefaultEnabled': 'false',
    // A mirror that is frozen at some day still serves what it has.
    'Acquire::Check-Valid-Until': 'false',
  };
  const apt = (...command: readonly string[]) =>
    run('apt-get', [...Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`]), ...command]);
  await apt('-q', 'update');
  await apt('-q', '-y', '--download-only', 'install', PACKAGE);
  const packages = (await readdir(archives)).filter((name) => name.endsWith('.deb'));
  for (const name of packages) await run('dpkg-deb', ['-x', join(archives, name), join(folder, 'root')]);
}

/** Where this machine's apt gets Debian from. */
async function mirror(): Promise<string> {
  const { stdout } = await run('apt-get', ['--print-uris', 'update']);
  const found = /'([^']+\/debian\/)dists\//.exec(stdout)?.[1];
  if (found === undefined) throw new Error("apt is not set up with a mirror of Debian's main archive");
  return found;
}
