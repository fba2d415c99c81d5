// Kafka and a Connect worker for a benchmark, with Debezium's JDBC sink beside its sources, and with the virtual machine as it is for
// work that takes longer than a test. Needs what the tests of Kafka need: Java 17 and Maven.

import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Kafka, logLevel } from 'kafkajs';
import { startConnect } from '../../test/fleet/connect.ts';
import { startKafka } from '../../test/fleet/kafka.ts';
import { kafkaFiles } from '../../test/fleet/kafka-files.ts';
import { mavenFolder } from '../../test/fleet/maven.ts';

const POM = fileURLToPath(new URL('jdbc-sink.xml', import.meta.url));
/** Of the worker these: the sink's own do not get along with them. The drivers of other databases are large. */
const OTHERS = [
  'org.apache.kafka',
  'com.fasterxml.jackson.core',
  'com.oracle.database.jdbc',
  'com.microsoft.sqlserver',
];
const LOOK_MS = 100;
/** What has not grown for so long is complete. */
const QUIET_MS = 1_000;

export interface BenchKafka {
  /** `127.0.0.1:port`. */
  readonly broker: string;
  /** The worker's url. */
  readonly connect: string;
  /** Makes a connector; resolves when its task runs. */
  create(name: string, options: Readonly<Record<string, string>>): Promise<void>;
  pause(name: string): Promise<void>;
  resume(name: string): Promise<void>;
  /** The offset behind the last record of a topic of one partition. */
  end(topic: string): Promise<number>;
  /** Resolves when it is there, and nothing more comes. */
  reached(topic: string, end: number): Promise<void>;
  makeTopic(topic: string): Promise<void>;
  /** The one whose name begins so. */
  findTopic(begin: string): Promise<string>;
}

export async function withKafka(work: (kafka: BenchKafka) => Promise<void>): Promise<void> {
  const { plugins } = await kafkaFiles();
  const sink = await mavenFolder('kafka-sink', POM, [{ folder: 'jdbc', without: OTHERS }]);
  const broker = await startKafka();
  const connect = await startConnect(broker, {
    exactlyOnce: true,
    settings: { 'plugin.path': `${plugins},${sink}` },
    flags: ['-XX:+UseG1GC', '-Xmx1536m'],
  });
  const client = new Kafka({ brokers: [broker.broker], clientId: 'bench', logLevel: logLevel.NOTHING });
  const admin = client.admin();
  try {
    await admin.connect();
    const rest = restOf(connect.url);
    const end = async (topic: string): Promise<number> => {
      for (;;) {
        try {
          return Number((await admin.fetchTopicOffsets(topic))[0]?.high);
        } catch (error) {
          // What it knows of a topic is older than the topic.
          if (!(error instanceof Error && 'retriable' in error && error.retriable === true)) throw error;
          await sleep(LOOK_MS);
        }
      }
    };
    await work({
      broker: broker.broker,
      connect: connect.url,
      end,
      reached: async (topic, wanted) => {
        for (let [last, since] = [-1, 0]; since < QUIET_MS; since += LOOK_MS, await sleep(LOOK_MS)) {
          const now = await end(topic);
          if (now < wanted || now !== last) since = 0;
          last = now;
        }
      },
      makeTopic: async (topic) => {
        await admin.createTopics({ topics: [{ topic, numPartitions: 1, replicationFactor: 1 }] });
      },
      findTopic: async (begin) => {
        const found = (await admin.listTopics()).find((name) => name.startsWith(begin));
        if (found === undefined) throw new Error(`there is no topic ${begin}*`);
        return found;
      },
      ...rest,
    });
  } finally {
    await admin.disconnect();
    await connect.close();
    await broker.close();
  }
}

function restOf(url: string): Pick<BenchKafka, 'create' | 'pause' | 'resume'> {
  const ask = async (method: string, path: string, body?: object): Promise<unknown> => {
    const sent = { method, headers: { 'content-type': 'application/json' } };
    const response = await fetch(url + path, body === undefined ? sent : { ...sent, body: JSON.stringify(body) });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text.slice(0, 500)}`);
    return text === '' ? undefined : JSON.parse(text);
  };
  const is = async (name: string, state: string): Promise<void> => {
    for (;;) {
      const status = (await ask('GET', `/connectors/${name}/status`)) as Status;
      const states = [status.connector, ...status.tasks];
      const failed = states.find((one) => one.state === 'FAILED');
      if (failed !== undefined) throw new Error(`${name}: ${failed.trace ?? 'it failed'}`);
      if (status.tasks.length > 0 && states.every((one) => one.state === state)) return;
      await sleep(LOOK_MS);
    }
  };
  return {
    create: async (name, options) => {
      await ask('POST', '/connectors', { name, config: { name, ...options } });
      for (let tries = 0; tries < 50; tries++) {
        if (await is(name, 'RUNNING').then(() => true, lacksStatus)) return;
        await sleep(LOOK_MS);
      }
    },
    pause: async (name) => {
      await ask('PUT', `/connectors/${name}/pause`);
      await is(name, 'PAUSED');
    },
    resume: async (name) => {
      await ask('PUT', `/connectors/${name}/resume`);
    },
  };
}

interface Status {
  readonly connector: State;
  readonly tasks: readonly State[];
}

interface State {
  readonly state: string;
  readonly trace?: string;
}

/** Of a connector that was just made nothing is known for a moment. */
function lacksStatus(error: unknown): boolean {
  if (error instanceof Error && error.message.includes(': 404 ')) return false;
  throw error;
}
