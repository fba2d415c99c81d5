// What stands in a topic, whatever a killed connector sent again, is delivered once and in order, wherever the reader begins.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Change, Transaction } from '../../src/model/change.ts';
import type { Position } from '../../src/model/position.ts';
import { TopicAssembler } from '../../src/stream/kafka/assembler.ts';
import { Message } from '../../src/stream/kafka/envelope.ts';
import { coversWith } from '../../src/stream/kafka/position.ts';
import { RunQueue } from '../../src/stream/run-queue.ts';
import {
  type Committed,
  dialectOf,
  firstSchema,
  heartbeat,
  LogWriter,
  MANNERS,
  type Manner,
  type Step,
  sentAgain,
  shop,
  tombstone,
  type Written,
} from './debezium-log.ts';

const START = '0' as Position;

interface Reading {
  readonly manner: Manner;
  readonly topic: readonly Written[];
  readonly resume?: Position;
  readonly pieceChanges?: number;
}

/** Everything from that position to the end of the topic. */
async function read({ manner, topic, resume = START, pieceChanges = 3 }: Reading): Promise<readonly Transaction[]> {
  const queue = new RunQueue({ full: () => undefined, drained: () => undefined });
  const dialect = dialectOf(manner);
  const message = new Message(dialect, [{ table: shop, computed: [] }]);
  const assembler = new TopicAssembler({ queue, dialect, message, resume, pieceChanges });
  for (let next = assembler.first ?? 0; next < topic.length; ) {
    const { value, key = null, headers } = topic[next]!;
    next = assembler.record({ offset: next, value, key, headers }) ?? next + 1;
  }
  queue.pushIdle('end' as Position);
  const run = (await queue.take()) ?? [];
  return run.slice(0, -1);
}

/** Tables that are emptied together are as many as those that are emptied one after another. */
function atoms(changes: readonly Change[]): readonly string[] {
  return changes.flatMap((change) => {
    if (change.op === 'truncate') return change.tables.map(({ id }) => `truncate ${id}`);
    if (change.op === 'marker') return `marker ${change.content}`;
    return JSON.stringify({ ...change, table: change.table.id }, (_, value) => (value === undefined ? '?' : value));
  });
}

const delivered = (run: readonly Transaction[]) => atoms(run.flatMap(({ changes }) => changes));

const step = fc.constantFrom<Step>(
  'insert',
  'insert',
  'update',
  'delete',
  'move',
  'partial move',
  'truncate',
  'marker',
);
const part = fc.oneof(
  { weight: 5, arbitrary: fc.array(step, { minLength: 1, maxLength: 9 }) },
  { weight: 1, arbitrary: fc.constantFrom<'truncate' | 'definition'>('truncate', 'definition') },
);

/** Where the connector was killed, in percent of what there was to send, and how much of it was sent again. */
const kills = fc.array(fc.record({ at: fc.integer({ min: 0, max: 100 }), again: fc.nat(12) }), {
  minLength: 1,
  maxLength: 4,
});

function write(manner: Manner, parts: readonly (readonly Step[] | 'truncate' | 'definition')[]): readonly Committed[] {
  const writer = new LogWriter(manner);
  // Only MySQL has what comes without a transaction.
  return parts.map((one) =>
    typeof one !== 'string'
      ? writer.transaction(one)
      : manner === 'mysql'
        ? writer.single(one)
        : writer.transaction(['insert']),
  );
}

function send(
  manner: Manner,
  log: readonly Committed[],
  killed: readonly { readonly at: number; readonly again: number }[],
  between: readonly number[],
): readonly Written[] {
  const messages = log.flatMap((one) => one.messages);
  const topic: Written[] = [];
  let from = 0;
  const ends = killed.map(({ at, again }) => ({ to: Math.floor((at * messages.length) / 100), again }));
  for (const { to, again } of [...ends.sort((one, other) => one.to - other.to), { to: messages.length, again: 0 }]) {
    const sent = sentAgain(messages, from, manner);
    // As many as are left to that place, and the begin that is told again.
    const count = Math.max(0, to - from) + Math.max(0, sent.length - (messages.length - from));
    topic.push(...(from === 0 || killed.length % 2 === 0 ? [] : [firstSchema]), ...sent.slice(0, count));
    from = Math.max(0, Math.max(from, to) - again);
  }
  for (const at of between) topic.splice(at % (topic.length + 1), 0, at % 2 === 0 ? heartbeat : tombstone);
  return topic;
}

describe.each(MANNERS)('a topic in the manner of %s', (manner) => {
  const world = fc.record({
    parts: fc.array(part, { minLength: 1, maxLength: 8 }),
    killed: kills,
    between: fc.array(fc.nat(200), { maxLength: 5 }),
    pick: fc.array(fc.nat(1_000), { maxLength: 3 }),
  });

  test('is delivered once and in order, from every place that was told', async () => {
    await fc.assert(
      fc.asyncProperty(world, async ({ parts, killed, between, pick }) => {
        const log = write(manner, parts);
        const topic = send(manner, log, killed, between);
        const all = await read({ manner, topic });
        expect(delivered(all)).toEqual(log.flatMap(({ changes }) => atoms(changes)));
        const covers = coversWith(dialectOf(manner).covers);
        for (const [index, { position }] of all.entries()) {
          const rest = await read({ manner, topic, resume: position });
          expect(rest).toEqual(all.slice(index + 1));
          expect(all.filter((one) => covers(position, one.position))).toHaveLength(index + 1);
        }
        for (const number of pick) {
          // A position that was asked of the source.
          const after = number % (log.length + 1);
          const resume = String(after === 0 ? 0 : (log[after - 1]?.end ?? 0)) as Position;
          const rest = await read({ manner, topic, resume });
          expect(delivered(rest)).toEqual(log.slice(after).flatMap(({ changes }) => atoms(changes)));
          expect(all).toEqual(expect.arrayContaining([...rest]));
        }
      }),
      { numRuns: 100 },
    );
  });
});

describe('what must not be', () => {
  const manner = 'mysql';
  const two = () => {
    const writer = new LogWriter(manner);
    return [writer.transaction(['insert', 'update', 'delete']), writer.transaction(['insert', 'insert'])] as const;
  };
  const fault = (topic: readonly Written[], resume = START) =>
    read({ manner, topic, resume }).then(
      () => 'none',
      ({ code, message }: { code: string; message: string }) => `${code} ${message}`,
    );

  test('a change, a begin or an end that is missing', async () => {
    const [{ messages: one }, { messages: other }] = two();
    const without = (index: number) => one.filter((_, at) => at !== index);
    expect(await fault(without(2))).toMatch(/^STREAM.FORMAT .* change 3 of a transaction follows change 1$/);
    expect(await fault(without(3))).toMatch(/^STREAM.FORMAT .* a transaction of 3 changes ends after 2$/);
    expect(await fault(without(0))).toMatch(/^STREAM.FORMAT .* a transaction has no begin$/);
    expect(await fault([...without(4), ...other])).toMatch(/^STREAM.FORMAT .* has ended$/);
    const alone = new LogWriter(manner);
    const begun = alone.transaction(['insert']).messages.slice(0, 2);
    expect(await fault([...begun, ...alone.single('definition').messages])).toMatch(
      /^STREAM.FORMAT .* of a transaction$/,
    );
  });

  test('a change of a row without its transaction, as of one that is prepared', async () => {
    const [{ messages }] = two();
    const bare = JSON.parse(messages[1]!.value!.toString()) as object;
    const value = Buffer.from(JSON.stringify({ ...bare, transaction: null }));
    expect(await fault([{ value, headers: {} }])).toMatch(
      /^STREAM.FORMAT a change was logged without its transaction$/,
    );
  });

  test('a new row without all its values that was no other row before', async () => {
    const { messages } = new LogWriter(manner).transaction(['partial move']);
    expect(await fault(messages.map(({ value }) => ({ value, headers: {} })))).toMatch(
      /^STREAM.UNKNOWN an insert into /,
    );
  });

  test('a record to resume from that is another one', async () => {
    const [{ messages: one }, { messages: other }] = two();
    const topic = [...one, ...other];
    expect(await fault(topic, '4@110' as Position)).toBe('none');
    expect(await fault(topic, '3@110' as Position)).toMatch(/^STREAM.GONE record 3 /);
    expect(await fault(topic, '1#2@110' as Position)).toMatch(/^STREAM.GONE record 1 /);
    expect(await fault(topic, '0#3@120' as Position)).toMatch(/^STREAM.GONE .* a transaction ends elsewhere$/);
    const ofPostgres = new LogWriter('postgres').transaction(['insert']).messages;
    await expect(read({ manner: 'postgres', topic: ofPostgres, resume: '1@7' as Position })).rejects.toThrow(
      /^record 1 /,
    );
  });

  // A connector of PostgreSQL that was started again numbers what it still sends as if nothing were missing.
  test('the second half of a change of key', async () => {
    const { messages } = new LogWriter('postgres').transaction(['insert', 'move', 'insert']);
    const without = messages.flatMap(({ value, ...rest }, index) => {
      const told = value!
        .toString()
        .replace(/"total_order":4/, '"total_order":3')
        .replace(/"event_count":4/, '"event_count":3');
      return index === 2 ? [] : [{ ...rest, value: Buffer.from(told) }];
    });
    for (const topic of [without, without.filter((_, index) => index !== 2)])
      await expect(read({ manner: 'postgres', topic })).rejects.toThrow(/a change of key has no second half$/);
  });
});

test('tables that are emptied by one statement are one change, and are not cut apart', async () => {
  const { messages } = new LogWriter('postgres').transaction(['insert', 'insert', 'truncate', 'truncate', 'insert']);
  const run = await read({ manner: 'postgres', topic: messages });
  expect(run.map(({ changes }) => changes.map(({ op }) => op))).toEqual([
    ['insert', 'insert', 'truncate', 'insert'],
    [],
  ]);
});

test('a transaction that is begun anew with more tables is delivered once, as it is then', async () => {
  const writer = new LogWriter('mysql');
  const before = writer.transaction(['insert', 'update']);
  const steps: readonly Step[] = ['insert', 'move', 'insert', 'delete', 'update', 'insert', 'insert', 'insert'];
  const { messages, changes } = writer.transaction(steps);
  const after = writer.transaction(['delete']);
  // As it was written when half of its changes was of a table that the connector did not have.
  const some = messages.slice(1, -1).filter((_, index) => [1, 2, 4, 6, 8].includes(index));
  const fewer = some.map(({ value, headers }, index) => {
    const { transaction, ...rest } = JSON.parse(String(value)) as { readonly transaction: object };
    const told = { ...rest, transaction: { ...transaction, total_order: index + 1 } };
    return { value: Buffer.from(JSON.stringify(told)), headers };
  });
  for (let written = 0; written <= fewer.length; written++) {
    const part = [...messages.slice(0, 1), ...fewer.slice(0, written)];
    const topic = [...before.messages, ...part, ...before.messages.slice(2), ...messages, ...after.messages];
    const all = await read({ manner: 'mysql', topic });
    expect(delivered(all)).toEqual([before.changes, changes, after.changes].flatMap(atoms));
    for (const [index, { position }] of all.entries()) {
      expect(await read({ manner: 'mysql', topic, resume: position })).toEqual(all.slice(index + 1));
    }
  }
});
