// Whole migrations under live clients whose changes come through Debezium and Kafka, from every engine to every other. The
// connector has an account of its own with the rights that docs/debezium.md names and no others. Where STORM_SEED is set it chooses two of the pairs.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { sharedKafka } from '../../fleet/kafka-shared.ts';
import { startMariadb } from '../../fleet/mariadb.ts';
import { startMysql } from '../../fleet/mysql.ts';
import type { MysqlServer } from '../../fleet/mysqld.ts';
import { execute } from '../../fleet/text-client.ts';
import { Crossing, type Endpoint, type EngineKind, rootUrl } from '../mysql/crossing.ts';

const servers = new Map<EngineKind | 'target', MysqlServer>();

beforeAll(async () => {
  const [mysql, target, mariadb] = await Promise.all([startMysql(), startMysql(), startMariadb()]);
  servers.set('mysql', mysql).set('target', target).set('mariadb', mariadb);
}, 300_000);

afterAll(async () => {
  for (const server of servers.values()) await server.close();
});

const [USER, PASSWORD] = ['debezium', 'open-sesame'];

function via(): Readonly<Record<string, unknown>> {
  const { broker, connect } = sharedKafka();
  const source = { user: USER, password: PASSWORD };
  return { stream: { via: 'debezium', debezium: { brokers: [broker], connect, replicationFactor: 1, source } } };
}

const onMysql = (client: string): readonly string[] => [
  `CREATE USER ${USER}@'%' IDENTIFIED BY '${PASSWORD}'`,
  `GRANT REPLICATION SLAVE, ${client} ON *.* TO ${USER}@'%'`,
  ...['work', 'migrate'].map((name) => `GRANT SELECT ON ${name}.* TO ${USER}@'%'`),
];
const RIGHTS: Readonly<Record<EngineKind, readonly string[]>> = {
  mysql: [`DROP USER IF EXISTS ${USER}@'%'`, ...onMysql('REPLICATION CLIENT')],
  mariadb: [`DROP USER IF EXISTS ${USER}@'%'`, ...onMysql('BINLOG MONITOR')],
  postgres: [`DROP ROLE IF EXISTS ${USER}`, `CREATE ROLE ${USER} LOGIN REPLICATION PASSWORD '${PASSWORD}'`],
};

const at = (server: EngineKind | 'target'): string => rootUrl(servers.get(server)?.port ?? 0);

async function connectors(): Promise<unknown> {
  return (await fetch(`${sharedKafka().connect}/connectors`)).json();
}

const PAIRS = [
  ['mysql', 'postgres'],
  ['mariadb', 'postgres'],
  ['postgres', 'mysql'],
  ['mysql', 'mysql'],
  ['postgres', 'postgres'],
] as const;
const seed = Number(process.env.STORM_SEED ?? Number.NaN);
const chosen = Number.isInteger(seed) ? PAIRS.filter((_, index) => [0, 2].includes((index + seed) % 5)) : PAIRS;

test.each(chosen)(
  '%s to %s: everything is on the target, equal at the switch, and the clients have followed',
  async (from, to) => {
    const before = await connectors();
    const source: Endpoint = { kind: from, url: from === 'postgres' ? '' : at(from) };
    const crossing = await Crossing.open({
      source,
      accounts: 60,
      clients: 2,
      ...(to === 'mysql' ? { target: { kind: to, url: at('target') } } : {}),
      plan: via(),
    });
    await execute(crossing.source, RIGHTS[from]);
    const result = await crossing.run();
    await crossing.expectComplete(result);
    expect(await connectors()).toEqual(before);
  },
);
