// The slot of PostgreSQL and the connector of Debezium that reads from it: started again where others are in the middle of a
// transaction, and without its log.

import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { placeholderOf } from '../../src/compose/debezium.ts';
import { PostgresDebezium } from '../../src/databases/postgres/debezium/source.ts';
import type { SourceLog } from '../../src/databases/source.ts';
import { Closer } from '../../src/lib/closer.ts';
import { topicOf } from '../../src/stream/connect/options.ts';
import { ConnectRest } from '../../src/stream/connect/rest.ts';
import { openKafka } from '../../src/stream/kafka/client.ts';
import { sharedKafka } from '../fleet/kafka-shared.ts';
import { startServer, type TestServer } from '../fleet/postgres.ts';
import { partsOf } from './kafka-parts.ts';
import { type LogFixture, LogReader, openLogFixture, tableOf } from './log-fixture.ts';
import { RUN } from './mysql-log-fixture.ts';

let server: TestServer;

beforeAll(async () => {
  server = await startServer({ settings: { max_slot_wal_keep_size: '1MB' } });
});

afterAll(() => server?.close());

interface Captured {
  readonly fixture: LogFixture;
  readonly log: SourceLog;
  readonly rest: ConnectRest;
  readonly connector: string;
  /** Reads from the begin. */
  open(): Promise<LogReader>;
}

/** An empty table whose changes are captured. Released with the closer. */
async function capture(closer: Closer): Promise<Captured> {
  const fixture = await openLogFixture(server.url());
  closer.add(() => fixture.close());
  await fixture.db.query('DROP TABLE IF EXISTS t; CREATE TABLE t (id int PRIMARY KEY)');
  const table = tableOf('t', [['id', 'integer']]);
  const id = randomBytes(4).toString('hex');
  const slot = `migrate_k_${id}`;
  const placeholder = placeholderOf(RUN, id);
  const { server: postgres, url } = fixture;
  const engine = new PostgresDebezium({ server: postgres, slot, publication: slot, url, placeholder });
  const parts = partsOf(fixture.log({ slot, publication: slot }), url, id, engine, [table]);
  closer.add(() => parts.source.log.release());
  const start = await parts.source.log.pin([table]);
  await start.close();
  const open = async (): Promise<LogReader> => {
    const reader = await LogReader.open(parts.stream([table]), start.at);
    closer.add(() => reader.close());
    return reader;
  };
  const rest = new ConnectRest({ url: sharedKafka().connect, timeoutMs: 60_000 });
  return { fixture, log: parts.source.log, rest, connector: `migrate-${RUN}-${id}`, open };
}

/** Everything in a topic, as text. */
async function recordsOf(topic: string): Promise<string> {
  const kafka = await openKafka({ brokers: [sharedKafka().broker], clientId: 'slot', networkTimeoutMs: 60_000 });
  const consumer = kafka.consumer({ groupId: `${topic}.${randomBytes(4).toString('hex')}`, maxWaitTimeInMs: 100 });
  const texts: string[] = [];
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await new Promise<void>((resolve, reject) => {
    consumer
      .run({
        autoCommit: false,
        eachBatch: async ({ batch }) => {
          texts.push(...batch.messages.map(({ value }) => String(value)));
          if (texts.some((text) => text.includes(Buffer.from('end').toString('base64')))) resolve();
        },
      })
      .catch(reject);
  });
  await consumer.disconnect();
  return texts.join('\n');
}

test('a connector never stops behind the begin of a transaction: started again there it would leave rows out', async () => {
  const closer = new Closer();
  try {
    const { fixture, log, rest, connector, open } = await capture(closer);
    const reader = await open();
    const other = await fixture.client();
    const want: string[][] = [];
    for (let round = 0; round < 3; round++) {
      const [first = 0, second, third, between] = [1, 2, 3, 4].map((id) => 10 * round + id);
      await other.query('BEGIN');
      await other.query(`INSERT INTO t VALUES (${first})`);
      await fixture.db.query(`INSERT INTO t VALUES (${between})`);
      // Stands in the log just where the commit before it ends.
      await other.query(`INSERT INTO t VALUES (${second})`);
      await other.query(`INSERT INTO t VALUES (${third})`);
      await other.query('COMMIT');
      if (round === 1) await rest.restart(connector);
      want.push(...[between, first, second, third].map((id) => [String(id)]));
    }
    await log.mark('end');
    await reader.untilMarker('end');
    expect(reader.changes.map((change) => change.op === 'insert' && change.row)).toEqual(want);
    expect(await recordsOf(topicOf(connector))).not.toContain('BEGIN');
  } finally {
    await closer.close();
  }
});

test('a slot that the server invalidates is seen within seconds, and at the next start, whatever Connect says', async () => {
  const closer = new Closer();
  try {
    const { fixture, open } = await capture(closer);
    const reader = await open();
    // The log is kept from the begin of this transaction on.
    const other = await fixture.client();
    await other.query('BEGIN; INSERT INTO t VALUES (1)');
    for (let segment = 0; segment < 4; segment++)
      await fixture.db.query("SELECT pg_logical_emit_message(false, 'x', 'x'), pg_switch_wal()");
    await fixture.db.query('CHECKPOINT');
    expect(await reader.failure()).toMatchObject({ code: 'STREAM.GONE', disposition: 'operator' });
    await reader.close();
    const lost = { code: 'STREAM.GONE', message: expect.stringContaining('was invalidated') };
    await expect(open()).rejects.toMatchObject(lost);
  } finally {
    await closer.close();
  }
});
