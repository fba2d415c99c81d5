// Programs that no npm package has, taken out of Debian's packages with the libraries they need, and kept in a cache
// folder. Nothing is installed, and no right is needed beyond running apt.

import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface DebianPackage {
  /** What is fetched, for messages: `MySQL`. */
  readonly label: string;
  /** The distribution to take it from: `sid`. */
  readonly suite: string;
  readonly name: string;
}

/** Kept between runs; remove it to have the newest version fetched. */
export function fleetCache(name: string): string {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'migrate-fleet', name);
}

/** The folder that holds the package and everything it depends on, unpacked. Fetches it when it is not there yet. */
export async function unpacked(wanted: DebianPackage, cache: string): Promise<string> {
  const root = join(cache, 'root');
  if ((await stat(root).catch(() => undefined)) !== undefined) return root;
  const { label, suite } = wanted;
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new Error(
      `${label} for tests comes from Debian's packages for Linux on x64, not ${process.platform} ${process.arch}`,
    );
  }
  await mkdir(cache, { recursive: true });
  const draft = await mkdtemp(join(cache, 'draft-'));
  try {
    await fetchInto(draft, wanted);
    // Another process may have been quicker.
    await rename(join(draft, 'root'), root).catch(() => undefined);
  } catch (cause) {
    throw new Error(`${label} for tests could not be fetched with apt-get, from ${suite} of Debian's mirror`, {
      cause,
    });
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
  return root;
}

/** The start of a command line that runs a program of the unpacked root with the libraries that came along. */
export function throughItsLoader(root: string, program: string): readonly string[] {
  // Distributions differ in whether /lib is a part of /usr.
  const folders = ['usr/lib/x86_64-linux-gnu', 'lib/x86_64-linux-gnu'].map((folder) => join(root, folder));
  const loaders = folders.map((folder) => join(folder, 'ld-linux-x86-64.so.2'));
  return [loaders.find(existsSync) ?? '', '--library-path', folders.join(':'), join(root, program)];
}

/** With a state of apt's own, in which nothing is installed: so it downloads the package with all that it depends on. */
async function fetchInto(folder: string, { suite, name }: DebianPackage): Promise<void> {
  const archives = join(folder, 'cache/archives');
  await mkdir(join(folder, 'state/lists/partial'), { recursive: true });
  await mkdir(join(archives, 'partial'), { recursive: true });
  await writeFile(join(folder, 'status'), '');
  await writeFile(join(folder, 'sources.list'), `deb ${await mirror()} ${suite} main\n`);
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
    run('apt-get', [...Object.entries(settings).flatMap(([key, value]) => ['-o', `${key}=${value}`]), ...command]);
  await apt('-q', 'update');
  await apt('-q', '-y', '--download-only', 'install', name);
  const packages = (await readdir(archives)).filter((file) => file.endsWith('.deb'));
  for (const file of packages) await run('dpkg-deb', ['-x', join(archives, file), join(folder, 'root')]);
}

/** Where this machine's apt gets Debian from. */
async function mirror(): Promise<string> {
  const { stdout } = await run('apt-get', ['--print-uris', 'update']);
  const found = /'([^']+\/debian\/)dists\//.exec(stdout)?.[1];
  if (found === undefined) throw new Error("apt is not set up with a mirror of Debian's main archive");
  return found;
}
