// What stands between a source's log and a run whose changes come through Debezium: the connector, the topic and its reader.

import { randomBytes } from 'node:crypto';
import { DebeziumParts, serverIdOf } from '../../src/compose/debezium.ts';
import { unconverted } from '../../src/databases/conversion.ts';
import type { DebeziumSource } from '../../src/databases/debezium.ts';
import { MysqlServer } from '../../src/databases/mysql/connection.ts';
import { MysqlDebezium } from '../../src/databases/mysql/debezium/source.ts';
import { RowsOf } from '../../src/databases/mysql/rows.ts';
import { MysqlLog } from '../../src/databases/mysql/source-log.ts';
import type { Source, SourceLog } from '../../src/databases/source.ts';
import type { Closer } from '../../src/lib/closer.ts';
import type { Table } from '../../src/model/table.ts';
import { readPlan } from '../../src/plan/read.ts';
import type { ConnectorOptions } from '../../src/plan/stream.ts';
import { ConnectRest } from '../../src/stream/connect/rest.ts';
import { sharedKafka } from '../fleet/kafka-shared.ts';
import { LogReader } from './log-fixture.ts';
import { type MysqlLogFixture, RUN } from './mysql-log-fixture.ts';

/** The parts of a run, with only its log. `own`: options of the connector. */
export function partsOf(
  log: SourceLog,
  url: string,
  id: string,
  engine: DebeziumSource,
  tables: readonly Table[] = [],
  own: ConnectorOptions = {},
): DebeziumParts {
  const { broker, connect } = sharedKafka();
  const debezium = { brokers: [broker], connect, replicationFactor: 1, connectorOptions: own };
  const text = `
version: 1
name: ${RUN}
source: { kind: ${url.replace(/:.*/, '')}, url: '${url}' }
target: { kind: postgres, url: postgres://postgres@127.0.0.1/none }
cutover: { reverse: off }
stream: { via: debezium, debezium: ${JSON.stringify(debezium)} }
`;
  const reading = readPlan(text, 'types.yaml', {});
  if (!('plan' in reading)) throw new Error(JSON.stringify(reading));
  const source = { log } as Source;
  const told = { leads: true, prove: async () => undefined, onWaiting: () => undefined };
  return new DebeziumParts({ plan: reading.plan, id, source, engine, tables, ...told });
}

export interface Captured {
  readonly log: SourceLog;
  readonly reader: LogReader;
  /** Reads from the same place again. */
  again(): Promise<LogReader>;
  /** The connector, by its name. */
  readonly rest: ConnectRest;
  readonly connector: string;
}

/** A log that is pinned, written to a topic and read. Released with the closer. */
export async function captureMysql(
  closer: Closer,
  fixture: MysqlLogFixture,
  kind: 'mysql' | 'mariadb',
  tables: readonly Table[],
  own: ConnectorOptions = {},
): Promise<Captured> {
  const url = `${kind}://root@127.0.0.1:${fixture.server.port}/`;
  const server = new MysqlServer('source', url, RUN);
  closer.add(() => server.close());
  const id = randomBytes(4).toString('hex');
  const serverId = serverIdOf(id);
  const engine = new MysqlDebezium({ server, kind, url, run: RUN, serverId, networkTimeoutMs: 60_000 });
  const rows = new RowsOf(unconverted);
  const log = new MysqlLog({ server, run: RUN, rows, readers: 1, tables, prove: async () => undefined });
  const parts = partsOf(log, url, id, engine, tables, own);
  closer.add(() => parts.source.log.release());
  const start = await parts.source.log.pin(tables);
  await start.close();
  const again = async (): Promise<LogReader> => {
    const reader = await LogReader.open(parts.stream(tables), start.at);
    closer.add(() => reader.close());
    return reader;
  };
  const rest = new ConnectRest({ url: sharedKafka().connect, timeoutMs: 60_000 });
  return { log, reader: await again(), again, rest, connector: `migrate-${RUN}-${id}` };
}
