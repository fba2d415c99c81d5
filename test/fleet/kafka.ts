// A Kafka broker of one node for tests, on a free loopback port. The first on a machine fetches it, which takes half a minute.

import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePort } from '../../src/demo/embedded.ts';
import { javaCommand, type KafkaFiles, kafkaFiles } from './kafka-files.ts';
import { launch, type RunningProgram } from './program.ts';

const run = promisify(execFile);

export interface KafkaServer {
  readonly port: number;
  /** `127.0.0.1:port`. */
  readonly broker: string;
  readonly pid: number | undefined;
  /** Ends it with SIGKILL; `restart` starts it again. */
  kill9(): Promise<void>;
  /** Ends it if it runs, and starts it again with the same data on the same port. */
  restart(): Promise<void>;
  /** Stops it and removes the data. Safe to call twice. */
  close(): Promise<void>;
}

/** `settings`: lines of the broker's own properties besides those that every test needs, which they override. */
export async function startKafka(settings: Readonly<Record<string, string>> = {}): Promise<KafkaServer> {
  const files = await kafkaFiles();
  const folder = await mkdtemp(join(tmpdir(), 'migrate-kafka-'));
  try {
    const [port, control] = [await freePort(), await freePort()];
    const properties = join(folder, 'server.properties');
    const lines = Object.entries({ ...propertiesOf(folder, port, control), ...settings });
    await writeFile(properties, lines.map(([key, value]) => `${key}=${value}\n`).join(''));
    await format(files, properties);
    const start = () =>
      launch({
        label: 'Kafka',
        command: [...javaCommand(files, 512, 'kafka.Kafka'), properties],
        logFile: join(folder, 'server.log'),
        startTimeoutMs: 120_000,
        ready: () => accepts(port),
      });
    let running: RunningProgram = await start();
    return {
      port,
      broker: `127.0.0.1:${port}`,
      get pid() {
        return running.pid;
      },
      kill9: () => running.kill(),
      restart: async () => {
        await running.kill();
        running = await start();
      },
      close: async () => {
        await running.kill();
        await rm(folder, { recursive: true, force: true, maxRetries: 3 });
      },
    };
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

function propertiesOf(folder: string, port: number, control: number): Readonly<Record<string, string>> {
  return {
    'process.roles': 'broker,controller',
    'node.id': '1',
    'controller.quorum.voters': `1@127.0.0.1:${control}`,
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${control}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${port}`,
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'PLAINTEXT',
    'log.dirs': join(folder, 'data'),
    'num.partitions': '1',
    'offsets.topic.replication.factor': '1',
    'offsets.topic.num.partitions': '2',
    'transaction.state.log.replication.factor': '1',
    'transaction.state.log.min.isr': '1',
    'transaction.state.log.num.partitions': '2',
    'share.coordinator.state.topic.replication.factor': '1',
    'share.coordinator.state.topic.min.isr': '1',
    'group.initial.rebalance.delay.ms': '0',
    // So that a worker that was killed is soon missed.
    'group.min.session.timeout.ms': '1000',
    // A broker that was killed is let in again when its last session has ended.
    'broker.session.timeout.ms': '1500',
    'broker.heartbeat.interval.ms': '300',
    'auto.create.topics.enable': 'false',
    'log.cleaner.dedupe.buffer.size': '16777216',
    'log.segment.bytes': '67108864',
  };
}

async function format(files: KafkaFiles, properties: string): Promise<void> {
  const [program = '', ...flags] = javaCommand(files, 128, 'kafka.tools.StorageTool');
  // One that begins with a dash would be taken for an option.
  const cluster = randomBytes(16).toString('base64url').replace(/^-/, 'A');
  await run(program, [...flags, 'format', '-t', cluster, '-c', properties]);
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const done = (answer: boolean) => () => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', done(true)).once('error', done(false));
  });
}
