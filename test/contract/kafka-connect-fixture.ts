// A connector of a PostgreSQL database, as a run would make it.

import { randomBytes } from 'node:crypto';
import pg from 'pg';
import type { ConnectorOptions } from '../../src/plan/stream.ts';
import { Connector } from '../../src/stream/connect/connector.ts';
import { connectorOptions, topicOf } from '../../src/stream/connect/options.ts';
import { ConnectRest } from '../../src/stream/connect/rest.ts';
import { openKafka } from '../../src/stream/kafka/client.ts';
import { dropTopic, makeTopic } from '../../src/stream/kafka/topic.ts';
import { openPair } from '../fleet/databases.ts';
import type { SharedKafka } from '../fleet/kafka-shared.ts';

export const POSTGRES_CONNECTOR = 'io.debezium.connector.postgresql.PostgresConnector';
const TIMEOUT_MS = 20_000;

export interface Captured {
  readonly name: string;
  readonly topic: string;
  readonly rest: ConnectRest;
  readonly connector: Connector;
  readonly options: ConnectorOptions;
  readonly slot: string;
  readonly source: pg.Client;
  /** The ids of the rows in the topic, until so many are there; each once. */
  readonly ids: (count: number) => Promise<readonly number[]>;
  close(): Promise<void>;
}

/** A table, a slot and a topic; the connector is not made yet. */
export async function capture({ broker, connect }: SharedKafka, own: ConnectorOptions = {}): Promise<Captured> {
  const pair = await openPair();
  const name = `migrate-k-${randomBytes(4).toString('hex')}`;
  const slot = name.replaceAll('-', '_');
  const source = new pg.Client({ connectionString: pair.sourceUrl });
  // The database is dropped under it.
  source.on('error', () => undefined);
  await source.connect();
  await source.query(`CREATE TABLE t (id int PRIMARY KEY); CREATE PUBLICATION ${slot} FOR TABLE t`);
  await source.query(`SELECT pg_create_logical_replication_slot('${slot}', 'pgoutput')`);
  const kafka = await openKafka({ brokers: [broker], clientId: name, networkTimeoutMs: TIMEOUT_MS });
  const topic = topicOf(name);
  await makeTopic(kafka, { name: topic, replicationFactor: 1 });
  const options = optionsOf(name, slot, new URL(pair.sourceUrl), own);
  const rest = new ConnectRest({ url: connect, timeoutMs: TIMEOUT_MS });
  const connector = new Connector(rest, { name, options, timeoutMs: TIMEOUT_MS });
  return {
    name,
    topic,
    rest,
    connector,
    options,
    slot,
    source,
    ids: (count) => idsIn(broker, topic, count),
    close: async () => {
      // One whose worker was stopped stays in its topics.
      await connector.remove().catch(() => undefined);
      await dropTopic(kafka, topic).catch(() => undefined);
      await source.end();
      await pair.close();
    },
  };
}

function optionsOf(name: string, slot: string, url: URL, own: ConnectorOptions): ConnectorOptions {
  return connectorOptions({
    name,
    className: POSTGRES_CONNECTOR,
    plan: { converter: 'json', connectorOptions: {} },
    heartbeatMs: 1_000,
    source: {
      'database.hostname': url.hostname,
      'database.port': url.port,
      'database.user': 'postgres',
      'database.password': 'open-sesame',
      'database.dbname': url.pathname.slice(1),
      'plugin.name': 'pgoutput',
      'snapshot.mode': 'no_data',
      'slot.name': slot,
      'slot.drop.on.stop': 'false',
      'publication.name': slot,
      'publication.autocreate.mode': 'disabled',
      ...own,
    },
  });
}

async function idsIn(broker: string, topic: string, count: number): Promise<readonly number[]> {
  const kafka = await openKafka({ brokers: [broker], clientId: 'reader', networkTimeoutMs: TIMEOUT_MS });
  const consumer = kafka.consumer({ groupId: `${topic}.${randomBytes(4).toString('hex')}`, maxWaitTimeInMs: 100 });
  const ids = new Set<number>();
  try {
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    await new Promise<void>((resolve, reject) => {
      consumer
        .run({
          autoCommit: false,
          eachMessage: async ({ message }) => {
            const value = JSON.parse(message.value?.toString() ?? '{}') as { op?: string; after?: { id: number } };
            if (value.op !== 'c' || value.after === undefined) return;
            ids.add(value.after.id);
            if (ids.size === count) resolve();
          },
        })
        .catch(reject);
    });
    return [...ids];
  } finally {
    await consumer.disconnect();
  }
}
