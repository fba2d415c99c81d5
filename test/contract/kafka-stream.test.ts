// The stream over a topic, against a real broker. The messages are made up: no connector is needed.

import type { Kafka } from 'kafkajs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Transaction } from '../../src/model/change.ts';
import type { Position } from '../../src/model/position.ts';
import { openKafka, withAdmin } from '../../src/stream/kafka/client.ts';
import { DebeziumStream } from '../../src/stream/kafka/stream.ts';
import { dropTopic, makeTopic } from '../../src/stream/kafka/topic.ts';
import { type KafkaServer, startKafka } from '../fleet/kafka.ts';
import { type Committed, dialectOf, LogWriter, type Step, shop, type Written } from '../unit/debezium-log.ts';

let server: KafkaServer;
let kafka: Kafka;
let topics = 0;
let groups = 0;

beforeAll(async () => {
  server = await startKafka();
  kafka = await openKafka({
    brokers: [server.broker],
    ssl: undefined,
    sasl: undefined,
    clientId: 'test',
    networkTimeoutMs: 5_000,
  });
});
afterAll(() => server.close());

const START = '0' as Position;
const inserts = (count: number): Step[] => Array.from({ length: count }, () => 'insert');

async function newTopic(): Promise<string> {
  const name = `stream-${++topics}.log`;
  await makeTopic(kafka, { name, replicationFactor: 1 });
  return name;
}

async function send(topic: string, messages: readonly Written[], transactionalId?: string): Promise<void> {
  const producer = kafka.producer(
    transactionalId === undefined ? {} : { transactionalId, idempotent: true, maxInFlightRequests: 1 },
  );
  await producer.connect();
  const batch = { topic, messages: messages.map(({ value, headers }) => ({ value, headers })) };
  if (transactionalId === undefined) {
    // What is sent together is fetched together, however much it is.
    for (let at = 0; at < messages.length; at += 1_000)
      await producer.send({ topic, messages: batch.messages.slice(at, at + 1_000) });
  } else {
    const lost = await producer.transaction();
    await lost.send(batch);
    await lost.abort();
    const kept = await producer.transaction();
    await kept.send(batch);
    await kept.commit();
  }
  await producer.disconnect();
}

const removeBefore = (topic: string, offset: number) =>
  withAdmin(kafka, 'removing', async (admin) => {
    // It deletes only from topics that it has met.
    await admin.fetchTopicOffsets(topic);
    await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: String(offset) }] });
  });

/** In any of the groups that a reader has had. */
const committed = (group: string) =>
  withAdmin(kafka, 'looking', async (admin) => {
    const groups = [group, ...[1, 2, 3].map((count) => `${group}.${count}`)];
    const found = await Promise.all(groups.map((groupId) => admin.fetchOffsets({ groupId })));
    return found.flatMap((topics) => topics.flatMap(({ partitions }) => partitions.map(({ offset }) => offset)));
  });

const messagesOf = (log: readonly Committed[]) => log.flatMap(({ messages }) => messages);

/** An opened stream, and a way to wait until so many changes have come. */
function open(topic: string, resume: Position = START, networkTimeoutMs = 30_000) {
  const group = `${topic}.${++groups}`;
  const read = { values: 0 };
  const dialect = dialectOf('mysql');
  const stream = new DebeziumStream({
    client: kafka,
    topic,
    group,
    dialect: {
      ...dialect,
      readerOf: (table, column) => {
        const reader = dialect.readerOf(table, column);
        return (...value) => {
          read.values++;
          return reader(...value);
        };
      },
    },
    tables: [{ table: shop, computed: [] }],
    networkTimeoutMs,
    watchIntervalMs: 200,
  });
  const stop = new AbortController();
  const shards = stream.open(async () => resume, stop.signal)[Symbol.asyncIterator]();
  const shard = shards.next().then(({ value }) => value);
  let changes: AsyncIterator<readonly Transaction[]> | undefined;
  const next = async () => {
    changes ??= (await shard).changes[Symbol.asyncIterator]() as AsyncIterator<readonly Transaction[]>;
    return changes.next();
  };
  return {
    stream,
    group,
    read,
    shard,
    next,
    async until(count: number): Promise<readonly Transaction[]> {
      const got: Transaction[] = [];
      let seen = 0;
      while (seen < count) {
        const { value, done } = await next();
        if (done === true) break;
        for (const one of value) {
          got.push(one);
          seen += one.changes.length;
        }
      }
      return got;
    },
    async [Symbol.asyncDispose]() {
      await stream.close();
    },
  };
}

const rows = (run: readonly Transaction[]) => run.flatMap(({ changes }) => changes);
const code = (promise: Promise<unknown>) =>
  promise.then(
    () => 'none',
    (error: unknown) => (error instanceof Error && 'code' in error ? error.code : error),
  );

test('transactions come in the order of the topic, and again from every position', async () => {
  const topic = await newTopic();
  const writer = new LogWriter('mysql');
  const log = [writer.transaction(['insert', 'move']), writer.single('truncate'), writer.transaction(['update'])];
  await send(topic, messagesOf(log));
  await using whole = open(topic);
  const all = await whole.until(5);
  expect(rows(all)).toEqual(log.flatMap(({ changes }) => changes));
  await using rest = open(topic, all[0]!.position);
  expect(await rest.until(2)).toEqual(all.slice(1));
  // For people to look at.
  (await whole.shard).ack(all[0]!.position);
  const next = String(Number(all[0]!.position.split('@')[0]) + 1);
  await expect.poll(() => committed(whole.group), { timeout: 20_000 }).toContain(next);
  // Behind the end: what comes later is read.
  await using tail = open(topic, all[2]!.position);
  const last = writer.transaction(['delete']);
  await tail.shard;
  await send(topic, last.messages);
  expect(rows(await tail.until(1))).toEqual(last.changes);
});

test('a large transaction comes in pieces, and from a place within it on', async () => {
  const topic = await newTopic();
  const log = new LogWriter('mysql').transaction(inserts(6_000));
  await send(topic, log.messages);
  await using whole = open(topic);
  const all = await whole.until(6_000);
  expect(all.map(({ changes, last }) => [changes.length, last])).toEqual([
    [5_000, false],
    [1_000, true],
  ]);
  expect(rows(all)).toEqual(log.changes);
  await using rest = open(topic, all[0]!.position);
  expect(await rest.until(1_000)).toEqual(all.slice(1));
});

test('what Kafka itself took back is not there, and its own marks are no gap', async () => {
  const topic = await newTopic();
  const writer = new LogWriter('mysql');
  const log = [1, 2, 3].map(() => writer.transaction(['insert', 'insert']));
  for (const one of log) await send(topic, one.messages, `${topic}-writer`);
  await using whole = open(topic);
  const all = await whole.until(6);
  expect(rows(all)).toEqual(log.flatMap(({ changes }) => changes));
  await using rest = open(topic, all[0]!.position);
  expect(await rest.until(4)).toEqual(all.slice(1));
});

test('a consumer that does not take holds the reader, and loses nothing', async () => {
  const topic = await newTopic();
  const writer = new LogWriter('mysql');
  const log = Array.from({ length: 3_000 }, () => writer.transaction(inserts(3)));
  await send(topic, messagesOf(log));
  await using whole = open(topic);
  await whole.shard;
  let before = 0;
  const grown = () => {
    const by = whole.read.values - before;
    before += by;
    return by;
  };
  // Until it stands still, with something read.
  await expect.poll(() => grown() === 0 && before > 0, { interval: 300, timeout: 20_000 }).toBe(true);
  const first = await whole.next();
  expect(first.value.length).toBeLessThan(2_500);
  const rest = await whole.until(9_000 - rows(first.value).length);
  expect(rows([...first.value, ...rest])).toEqual(log.flatMap(({ changes }) => changes));
});

test('a position behind the end, or in front of what was removed, cannot be read from', async () => {
  const topic = await newTopic();
  const writer = new LogWriter('mysql');
  await send(topic, messagesOf([writer.transaction(['insert']), writer.transaction(['insert'])]));
  expect(await code(open(topic, '6@110' as Position).shard)).toBe('STREAM.GONE');
  expect(await code(open(await newTopic(), '0#5@110' as Position).shard)).toBe('STREAM.GONE');
  await removeBefore(topic, 3);
  expect(await code(open(topic, '2@110' as Position).shard)).toBe('STREAM.GONE');
  expect(await code(open(topic).shard)).toBe('STREAM.GONE');
  await using rest = open(topic, '5@130' as Position);
  await rest.shard;
});

test('records that are removed while they have to be read stop the stream', async () => {
  const topic = await newTopic();
  const writer = new LogWriter('mysql');
  await send(topic, messagesOf(Array.from({ length: 4_000 }, () => writer.transaction(inserts(4)))));
  await using whole = open(topic);
  await whole.shard;
  await removeBefore(topic, 23_990);
  expect(await code(whole.until(16_000))).toBe('STREAM.GONE');
});

test('a topic that is deleted stops the stream, and one that was made anew is another', async () => {
  const topic = await newTopic();
  const log = new LogWriter('mysql').transaction(['insert']);
  await send(topic, log.messages);
  await using whole = open(topic);
  const [{ position }] = (await whole.until(1)) as [Transaction];
  await dropTopic(kafka, topic);
  expect(await code(whole.next())).toBe('STREAM.GONE');
  await makeTopic(kafka, { name: topic, replicationFactor: 1 });
  const other = new LogWriter('mysql');
  await send(topic, messagesOf([other.transaction(['insert', 'insert', 'insert']), other.transaction(['insert'])]));
  await using again = open(topic, position);
  expect(await code(again.next())).toBe('STREAM.GONE');
});

test('what is no JSON stops the stream and is not shown', async () => {
  const topic = await newTopic();
  await send(topic, [
    ...new LogWriter('mysql').transaction(['insert']).messages,
    { value: Buffer.from('{"op":"c","secret'), headers: {} },
  ]);
  await using whole = open(topic);
  await whole.until(1);
  const error: unknown = await whole.next().catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: 'STREAM.FORMAT', message: `record 3 of topic ${topic} is no JSON` });
});

test('somebody else who joins the group, and leaves it again and again, takes nothing away', async () => {
  const topic = await newTopic();
  const writer = new LogWriter('mysql');
  const log = Array.from({ length: 600 }, () => writer.transaction(inserts(2)));
  await send(topic, messagesOf(log.slice(0, 200)));
  await using whole = open(topic);
  const got = [...(await whole.until(400))];
  for (const from of [200, 400]) {
    // With two members of the group one of them has no partition.
    const other = kafka.consumer({ groupId: whole.group, sessionTimeout: 6_000 });
    const joined = new Promise((resolve) => other.on('consumer.group_join', resolve));
    await other.connect();
    await other.subscribe({ topic });
    await other.run({ eachMessage: async () => undefined });
    await joined;
    await send(topic, messagesOf(log.slice(from, from + 200)));
    got.push(...(await whole.until(400)));
    await other.disconnect();
  }
  expect(rows(got)).toEqual(log.flatMap(({ changes }) => changes));
});

test('a broker that is killed and comes back is read on from where it was', async () => {
  const topic = await newTopic();
  const writer = new LogWriter('mysql');
  const log = Array.from({ length: 2_000 }, () => writer.transaction(inserts(2)));
  await send(topic, messagesOf(log.slice(0, 1_000)));
  await using whole = open(topic);
  const before = await whole.until(1);
  (await whole.shard).ack(before[0]!.position);
  await server.kill9();
  await server.restart();
  await send(topic, messagesOf(log.slice(1_000)));
  const after = await whole.until(4_000 - rows(before).length);
  expect(rows([...before, ...after])).toEqual(log.flatMap(({ changes }) => changes));
});

test('a broker that stays away ends the reading', async () => {
  const topic = await newTopic();
  const whole = open(topic, START, 1_000);
  await whole.shard;
  await server.kill9();
  expect(await code(whole.next())).toBe('KAFKA.UNREACHABLE');
  await whole.stream.close();
  await using late = open(topic, START, 1_000);
  expect(await code(late.shard)).toBe('KAFKA.UNREACHABLE');
});
