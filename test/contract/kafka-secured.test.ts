// A broker that wants TLS and a password, and gives its users rights: what a run is told, and what preflight finds.

import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { checkBrokers } from '../../src/stream/kafka/check.ts';
import { type KafkaAccess, openKafka } from '../../src/stream/kafka/client.ts';
import { makeTopic } from '../../src/stream/kafka/topic.ts';
import { type KafkaServer, startKafka } from '../fleet/kafka.ts';

let folder: string;
let ca: string;
let server: KafkaServer;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'migrate-secured-'));
  ca = join(folder, 'server.crt');
  const key = join(folder, 'server.key');
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', key];
  const name = ['-subj', '/CN=broker', '-addext', 'subjectAltName=IP:127.0.0.1'];
  await promisify(execFile)('openssl', ['req', '-x509', ...newKey, '-days', '2', ...name, '-out', ca]);
  const store = join(folder, 'store.pem');
  await writeFile(store, `${await readFile(key, 'utf8')}${await readFile(ca, 'utf8')}`);
  server = await startKafka({
    'listener.security.protocol.map': 'PLAINTEXT:SASL_SSL,CONTROLLER:PLAINTEXT',
    'ssl.keystore.type': 'PEM',
    'ssl.keystore.location': store,
    'ssl.truststore.type': 'PEM',
    'ssl.truststore.location': ca,
    'sasl.enabled.mechanisms': 'PLAIN',
    'sasl.mechanism.inter.broker.protocol': 'PLAIN',
    'listener.name.plaintext.plain.sasl.jaas.config':
      'org.apache.kafka.common.security.plain.PlainLoginModule required ' +
      'username="admin" password="admin-secret" user_admin="admin-secret" user_guest="guest-secret";',
    'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
    'super.users': 'User:admin;User:ANONYMOUS',
  });
});
afterAll(async () => {
  await server.close();
  await rm(folder, { recursive: true, force: true });
});

const access = (username: string, password: string, more: Partial<KafkaAccess> = {}): KafkaAccess => ({
  brokers: [server.broker],
  clientId: 'secured',
  networkTimeoutMs: 5_000,
  ssl: { ca },
  sasl: { mechanism: 'plain', username, password },
  ...more,
});
const topic = { name: 'migrate-secured.log', replicationFactor: 1 };
const check = async (given: KafkaAccess) => (await checkBrokers(await openKafka(given), topic)).findings;
const made = (given: KafkaAccess) =>
  openKafka(given)
    .then((client) => makeTopic(client, topic))
    .then(
      () => 'made',
      (error: unknown) => error,
    );

it('a user with every right, over a connection that is verified, finds nothing', async () => {
  expect(await check(access('admin', 'admin-secret'))).toEqual([]);
  expect(await made(access('admin', 'admin-secret'))).toBe('made');
});

it('a wrong password is told as one', async () => {
  const [found, ...others] = await check(access('admin', 'open-sesame'));
  expect(others).toEqual([]);
  expect(found).toMatchObject({ level: 'error', code: 'PREFLIGHT.KAFKA' });
  expect(found?.cure).toContain('stream.debezium.sasl');
  expect(await made(access('admin', 'open-sesame'))).toMatchObject({ code: 'KAFKA.AUTHENTICATION' });
  expect(JSON.stringify(found)).not.toContain('sesame');
});

it('a missing right comes with the command that gives it', async () => {
  const found = await check(access('guest', 'guest-secret'));
  expect(found.map(({ code }) => code)).toEqual(['PREFLIGHT.KAFKA_TOPIC', 'PREFLIGHT.KAFKA_GROUP']);
  for (const { cure } of found) expect(cure).toContain('kafka-acls --add');
  expect(await made(access('guest', 'guest-secret'))).toMatchObject({ code: 'KAFKA.REFUSED' });
});

it('a certificate that nobody vouches for, and one for another name, are not trusted', async () => {
  const host = `localhost:${server.port}`;
  const wrong = [{ ssl: true }, { brokers: [host] }].map((each) => made(access('admin', 'admin-secret', each)));
  for (const error of await Promise.all(wrong)) {
    expect(error).toMatchObject({ code: 'KAFKA.AUTHENTICATION' });
    expect(error).toHaveProperty('fix', expect.stringContaining('stream.debezium.ssl'));
  }
  expect(await made(access('admin', 'admin-secret', { ssl: { ca: '/nowhere' } }))).toMatchObject({
    code: 'KAFKA.AUTHENTICATION',
  });
});
