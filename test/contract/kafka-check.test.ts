// What preflight finds of Kafka and Connect, and what becomes of a worker that is killed.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkConnect } from '../../src/stream/connect/check.ts';
import { ConnectRest } from '../../src/stream/connect/rest.ts';
import { watchConnector } from '../../src/stream/connect/watch.ts';
import { checkBrokers } from '../../src/stream/kafka/check.ts';
import { type KafkaAccess, openKafka } from '../../src/stream/kafka/client.ts';
import { type ConnectServer, startConnect } from '../fleet/connect.ts';
import { sharedKafka } from '../fleet/kafka-shared.ts';
import { type Captured, capture } from './kafka-connect-fixture.ts';

const { broker, connect } = sharedKafka();
const client = (access: Partial<KafkaAccess> = {}) =>
  openKafka({ brokers: [broker], clientId: 'check', networkTimeoutMs: 5_000, ...access });
const brokers = async (access: Partial<KafkaAccess> = {}, replicationFactor = 1) =>
  checkBrokers(await client(access), { name: 'migrate-check.log', replicationFactor });

describe('the brokers', () => {
  it('have nothing against a run, and no topic is made', async () => {
    const { findings, clusterId } = await brokers();
    expect(findings).toEqual([]);
    expect(clusterId).not.toBe('');
    const admin = (await client()).admin();
    await admin.connect();
    expect(await admin.listTopics()).not.toContain('migrate-check.log');
    await admin.disconnect();
  });

  it('are too few for the copies of the topic', async () => {
    expect((await brokers({}, 3)).findings).toEqual([
      {
        level: 'error',
        code: 'PREFLIGHT.KAFKA_TOPIC',
        subject: 'stream.debezium.replicationFactor',
        message: 'the topic of the run would have 3 copies, and there is one broker',
        cure: 'stream: { debezium: { replicationFactor: 1 } }  # in the plan',
      },
    ]);
  });

  it('that do not answer are told with the field to correct', async () => {
    const { findings, clusterId } = await brokers({ brokers: ['127.0.0.1:1'] });
    expect(clusterId).toBeUndefined();
    expect(findings.map(({ level, code, subject }) => [level, code, subject])).toEqual([
      ['error', 'PREFLIGHT.KAFKA', 'stream.debezium.brokers'],
    ]);
    expect(findings[0]?.message).toContain('ECONNREFUSED');
  });

  it('that want no password are told apart from those that do not answer', async () => {
    const { findings } = await brokers({ sasl: { mechanism: 'plain', username: 'u', password: 'open-sesame' } });
    expect(findings[0]?.cure).toContain('stream.debezium.sasl');
    expect(JSON.stringify(findings)).not.toContain('sesame');
  });
});

describe('Connect', () => {
  let own: ConnectServer;
  let captured: Captured;
  beforeAll(async () => {
    own = await startConnect({ broker }, { settings: { 'connector.client.config.override.policy': 'None' } });
    captured = await capture({ broker, connect: own.url });
  });
  afterAll(async () => {
    await captured.close();
    await own.close();
  });

  const check = async (url: string, options = captured.options, clusterId?: string) => {
    const rest = new ConnectRest({ url, timeoutMs: 10_000 });
    const findings = await checkConnect({ rest, options, name: captured.name, clusterId });
    return findings.map(({ level, code, subject }) => `${level} ${code.replace('PREFLIGHT.', '')} ${subject}`);
  };

  it('has nothing against a run where everything is allowed', async () => {
    const { clusterId } = await brokers();
    expect(await check(connect, captured.options, clusterId)).toEqual([]);
  });

  it('says what its workers do not allow, and the run does without', async () => {
    expect(await check(own.url)).toEqual([
      'warning CONNECT_EXACTLY_ONCE stream.debezium.connect',
      'warning CONNECT_OVERRIDES stream.debezium.connect',
    ]);
    await captured.connector.create();
    await captured.connector.start();
    expect(await captured.connector.changedOptions()).toEqual([]);
  });

  it('must have the plugin, write to the cluster that is read, and reach the source', async () => {
    const other = { ...captured.options, 'connector.class': 'io.debezium.connector.oracle.OracleConnector' };
    expect(await check(connect, other)).toEqual(['error CONNECT_PLUGIN io.debezium.connector.oracle.OracleConnector']);
    expect(await check(connect, captured.options, 'another')).toEqual([
      'error CONNECT_CLUSTER stream.debezium.connect',
    ]);
    const away = { ...captured.options, 'database.port': '1' };
    expect((await check(connect, away)).join()).toMatch(/^error CONNECT_CONFIG database\./);
    expect(await check('http://127.0.0.1:1')).toEqual(['error CONNECT stream.debezium.connect']);
  });

  it('that is killed is missed when patience ends, and the connector goes on when it is back', async () => {
    const { connector, source, ids } = captured;
    await connector.create();
    await connector.start();
    await source.query('INSERT INTO t VALUES (1)');
    expect(await ids(1)).toEqual([1]);
    let watch: { close(): Promise<void> } | undefined;
    const error = await new Promise<Error>((resolve, reject) => {
      watch = watchConnector(connector, { intervalMs: 100, patienceMs: 500 }, resolve);
      own.kill9().catch(reject);
    });
    await watch?.close();
    expect(error).toMatchObject({ code: 'CONNECT.UNREACHABLE', disposition: 'retry' });
    await source.query('INSERT INTO t VALUES (2)');
    await own.restart();
    await connector.start();
    expect(await ids(2)).toEqual([1, 2]);
  });
});
