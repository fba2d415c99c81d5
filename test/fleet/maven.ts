// Folders of jars as Maven has them, kept in a cache folder. Needs Java 17 and Maven.

import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { fleetCache } from './debian.ts';

const run = promisify(execFile);
const GOAL = 'org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies';

interface Jars {
  /** Below the folder that `mavenFolder` gives. */
  readonly folder: string;
  /** Of the file; default: what it says without one. */
  readonly profile?: string;
  /** Groups that are left out. */
  readonly without?: readonly string[];
}

/** The folder with what a `pom.xml` names. Fetched the first time on a machine, which takes up to half a minute. */
export async function mavenFolder(name: string, pom: string, jars: readonly Jars[]): Promise<string> {
  const cache = fleetCache(name);
  // Other versions are another folder.
  const version = createHash('sha256')
    .update(await readFile(pom))
    .digest('hex')
    .slice(0, 12);
  const root = join(cache, version);
  if ((await stat(root).catch(() => undefined)) !== undefined) return root;
  await mkdir(cache, { recursive: true });
  const draft = await mkdtemp(join(cache, 'draft-'));
  try {
    for (const one of jars) await copy(pom, draft, one);
    // Another process may have been quicker.
    await rename(draft, root).catch(() => undefined);
  } catch (cause) {
    throw new Error(`${name} for tests could not be fetched with mvn`, { cause });
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
  return root;
}

async function copy(pom: string, root: string, { folder, profile, without = [] }: Jars): Promise<void> {
  const settings = ['-DincludeScope=runtime', `-DoutputDirectory=${join(root, folder)}`];
  if (profile !== undefined) settings.push('-P', profile);
  if (without.length > 0) settings.push(`-DexcludeGroupIds=${without.join(',')}`);
  await run('mvn', ['-q', '-B', '-ntp', '-f', pom, GOAL, ...settings], { maxBuffer: 1 << 24 });
}
