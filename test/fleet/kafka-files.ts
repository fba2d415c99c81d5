// Kafka, Connect and Debezium's connectors as Maven has them: folders of jars, kept in a cache folder. Needs Java 17 and Maven.

import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { fleetCache } from './debian.ts';

const run = promisify(execFile);

const POM = fileURLToPath(new URL('kafka/pom.xml', import.meta.url));
const LOGGING = fileURLToPath(new URL('kafka/log4j2.properties', import.meta.url));
const CONNECTORS = ['mysql', 'mariadb', 'postgres'] as const;

export interface KafkaFiles {
  /** Java's class path of the broker and of Connect. */
  readonly classPath: string;
  /** The folder with a folder for each connector. */
  readonly plugins: string;
}

/** Fetches them the first time on a machine, which takes half a minute. */
export async function kafkaFiles(): Promise<KafkaFiles> {
  // Other versions are another folder.
  const version = createHash('sha256')
    .update(await readFile(POM))
    .digest('hex')
    .slice(0, 12);
  const root = join(fleetCache('kafka'), version);
  if ((await stat(root).catch(() => undefined)) === undefined) await fetchInto(root);
  return { classPath: join(root, 'kafka', '*'), plugins: join(root, 'plugins') };
}

async function fetchInto(root: string): Promise<void> {
  await mkdir(fleetCache('kafka'), { recursive: true });
  const draft = await mkdtemp(join(fleetCache('kafka'), 'draft-'));
  try {
    await jars('kafka', join(draft, 'kafka'));
    // A connector takes Kafka's own classes from the worker.
    for (const name of CONNECTORS) await jars(name, join(draft, 'plugins', name), '-DexcludeGroupIds=org.apache.kafka');
    // Another process may have been quicker.
    await rename(draft, root).catch(() => undefined);
  } catch (cause) {
    throw new Error('Kafka for tests could not be fetched with mvn', { cause });
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

async function jars(profile: string, folder: string, ...settings: readonly string[]): Promise<void> {
  const goal = 'org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies';
  const where = ['-DincludeScope=runtime', `-DoutputDirectory=${folder}`];
  await run('mvn', ['-q', '-B', '-ntp', '-f', POM, '-P', profile, goal, ...where, ...settings], { maxBuffer: 1 << 24 });
}

/** Most of a test is the start. */
const QUICK = ['-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'];

/** The command line of one of Kafka's programs, by its class. `flags`: of the virtual machine, instead of those for a quick start. */
export function javaCommand(files: KafkaFiles, heapMb: number, main: string, flags = QUICK): readonly string[] {
  return [
    'java',
    '-Xms64m',
    `-Xmx${heapMb}m`,
    ...flags,
    '-Xshare:auto',
    '-Djava.awt.headless=true',
    `-Dlog4j2.configurationFile=${LOGGING}`,
    '-cp',
    files.classPath,
    main,
  ];
}
