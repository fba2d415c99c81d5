// Kafka, Connect and Debezium's connectors as Maven has them: folders of jars, kept in a cache folder. Needs Java 17 and Maven.

import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { mavenFolder } from './maven.ts';

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
  const root = await mavenFolder('kafka', POM, [
    { folder: 'kafka', profile: 'kafka' },
    // A connector takes Kafka's own classes from the worker.
    ...CONNECTORS.map((profile) => ({ folder: `plugins/${profile}`, profile, without: ['org.apache.kafka'] })),
  ]);
  return { classPath: join(root, 'kafka', '*'), plugins: join(root, 'plugins') };
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
