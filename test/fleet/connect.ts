// A Connect worker with Debezium's connectors for tests, on a free loopback port.

import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../src/demo/embedded.ts';
import { javaCommand, kafkaFiles } from './kafka-files.ts';
import { launch, type RunningProgram } from './program.ts';

export interface ConnectServer {
  /** `http://127.0.0.1:port`. */
  readonly url: string;
  readonly pid: number | undefined;
  /** Ends it with SIGKILL; `restart` starts it again. */
  kill9(): Promise<void>;
  /** Ends it if it runs, and starts it again; its connectors go on. */
  restart(): Promise<void>;
  /** Stops it. Its topics stay in the broker. Safe to call twice. */
  close(): Promise<void>;
}

export interface ConnectOptions {
  /** The worker lets connectors write each record exactly once; without it some come again after a kill. */
  readonly exactlyOnce?: boolean;
  /** Lines of the worker's own properties besides those that every test needs, which they override. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Flags of the virtual machine, instead of those for a quick start. */
  readonly flags?: string[];
}

/** Each is a cluster of its own, so a broker can serve several. */
export async function startConnect(
  kafka: { readonly broker: string },
  { exactlyOnce = false, settings = {}, flags }: ConnectOptions = {},
): Promise<ConnectServer> {
  const files = await kafkaFiles();
  const folder = await mkdtemp(join(tmpdir(), 'migrate-connect-'));
  try {
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    const properties = join(folder, 'connect.properties');
    const own = propertiesOf(kafka.broker, url, files.plugins, exactlyOnce);
    const lines = Object.entries({ ...own, ...settings });
    await writeFile(properties, lines.map(([key, value]) => `${key}=${value}\n`).join(''));
    const start = () =>
      launch({
        label: 'Connect',
        command: [...javaCommand(files, 768, 'org.apache.kafka.connect.cli.ConnectDistributed', flags), properties],
        logFile: join(folder, 'connect.log'),
        startTimeoutMs: 120_000,
        ready: () =>
          fetch(`${url}/connectors`, { signal: AbortSignal.timeout(5_000) }).then(
            async (response) => response.ok && (await response.text()) !== '',
            () => false,
          ),
      });
    let running: RunningProgram = await start();
    return {
      url,
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

function propertiesOf(
  broker: string,
  url: string,
  plugins: string,
  exactlyOnce: boolean,
): Readonly<Record<string, string>> {
  const cluster = `connect-${randomBytes(4).toString('hex')}`;
  const topics = ['config', 'offset', 'status'].flatMap((kind) => [
    [`${kind}.storage.topic`, `${cluster}-${kind}`],
    [`${kind}.storage.replication.factor`, '1'],
  ]);
  const converters = ['key', 'value'].flatMap((part) => [
    [`${part}.converter`, 'org.apache.kafka.connect.json.JsonConverter'],
    [`${part}.converter.schemas.enable`, 'false'],
  ]);
  return {
    ...Object.fromEntries([...topics, ...converters]),
    'bootstrap.servers': broker,
    'group.id': cluster,
    'offset.storage.partitions': '1',
    'status.storage.partitions': '1',
    'offset.flush.interval.ms': '1000',
    'scheduled.rebalance.max.delay.ms': '0',
    // So that the one that was killed is soon missed by the one that takes its place.
    'session.timeout.ms': '4000',
    'heartbeat.interval.ms': '200',
    listeners: url,
    'rest.advertised.host.name': '127.0.0.1',
    'plugin.path': plugins,
    'plugin.discovery': 'service_load',
    'exactly.once.source.support': exactlyOnce ? 'enabled' : 'disabled',
  };
}
