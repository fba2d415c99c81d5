// A value in the log that the target cannot hold: it stops the run where it would be applied, and nowhere else.

import { afterEach, expect, test } from 'vitest';
import { Applier } from '../../src/apply/applier.ts';
import { DeadLetters } from '../../src/apply/dead-letters.ts';
import type { ApplierOptions } from '../../src/apply/options.ts';
import { convertedStream } from '../../src/convert/converted-stream.ts';
import type { ConversionOf } from '../../src/databases/conversion.ts';
import { Gate } from '../../src/health/gate.ts';
import { MigrateError } from '../../src/lib/errors.ts';
import { RunStatus } from '../../src/observe/status.ts';
import { at, createTable, insert, remove, SILENT, transaction, update } from './apply-fixture.ts';
import { copiedAt, MemorySource, MemoryStream, MemoryTarget } from './apply-memory.ts';

const items = createTable('items');
const others = createTable('others');
const conversionOf: ConversionOf = () => ({
  print: (value) => {
    if (value === 'bad') throw new MigrateError('SOURCE.REFUSED', 'column a has a value that is bad');
    return value;
  },
  read: (value) => value,
});
const opened: Applier[] = [];

afterEach(async () => {
  for (const applier of opened.splice(0)) await applier.close();
});

async function follow(options: Partial<ApplierOptions> = {}) {
  const stream = new MemoryStream();
  const target = new MemoryTarget([items, others], [at(0), at(0)]);
  const applier = new Applier({
    stream: convertedStream(stream, conversionOf),
    target,
    source: new MemorySource(
      () => at(0),
      () => undefined,
    ),
    tables: [copiedAt(items, 0, at(0)), copiedAt(others, 1, at(0))],
    journal: { sendHome: async () => undefined },
    homeward: new Set(),
    limits: { batchRows: 100, batchBytes: 1_000_000, batchWait: 0, lanes: 2, maxTransactionRows: 1_000_000 },
    log: SILENT,
    gate: new Gate(),
    status: new RunStatus('test'),
    signal: new AbortController().signal,
    ...options,
  });
  opened.push(applier);
  await applier.start();
  return { stream, target, applier };
}

test.each([
  ['an insert', insert(items, '1', 'bad', 'x')],
  ['an update', update(items, '1', '1', 'bad', 'x')],
  ['a key', remove(items, 'bad')],
])('of %s stops the run, which names the table', async (_, change) => {
  const { stream, applier, target } = await follow();
  stream.push(transaction(1, [change]));
  await expect(applier.failed).rejects.toMatchObject({
    code: 'SOURCE.REFUSED',
    message: 'public.items: column a has a value that is bad',
    fix: expect.stringContaining('migrate table copy'),
  });
  expect(target.rows(items).size).toBe(0);
});

test('of a key does no harm once its table is left out, or was copied again', async () => {
  const lost = [remove(items, 'bad'), insert(items, 'bad', 'y', 'x'), update(items, 'bad', '7', 'y', 'x')];
  const good = transaction(6, [insert(others, '1', 'good', 'x')]);
  const aside = { tables: new Set([items.id]), lanes: 2, waits: false };
  for (const options of [{ aside }, { tables: [copiedAt(items, 0, at(5), true), copiedAt(others, 1, at(0))] }]) {
    const { stream, applier, target } = await follow(options);
    stream.push(transaction(1, lost), good);
    await applier.passed(at(6));
    expect([target.rows(items).size, target.rows(others).size]).toEqual([0, 1]);
  }
});

test('is kept as a dead letter where such are kept, with what follows it on its row, unless it is of a key', async () => {
  const status = new RunStatus('test');
  const limits = { onBadRow: 'deadLetter', deadLetterLimit: 10 } as const;
  const deadLetters = new DeadLetters({ journal: { list: async () => [] }, limits, status });
  const { stream, applier, target } = await follow({ deadLetters });
  stream.push(
    transaction(1, [insert(items, '1', 'bad', 'x'), insert(items, '2', 'good', 'x')]),
    transaction(2, [update(items, '1', '1', 'good', 'x')]),
  );
  await applier.passed(at(2));
  expect([...target.rows(items).keys()]).toEqual(['2']);
  expect(status.snapshot().deadLetters.open).toBe(2);
  stream.push(transaction(3, [update(items, '2', 'bad', 'good', 'x')]));
  await expect(applier.failed).rejects.toMatchObject({ code: 'SOURCE.REFUSED' });
});

test('of a row that was read again since does no harm', async () => {
  const { stream, applier, target } = await follow({
    tables: [copiedAt(items, 0, at(5)), copiedAt(others, 1, at(0))],
  });
  stream.push(transaction(1, [insert(items, '1', 'bad', 'x')]), transaction(6, [insert(items, '2', 'good', 'x')]));
  await applier.passed(at(6));
  expect([...target.rows(items).keys()]).toEqual(['2']);
});

test('of a table that is left out does no harm', async () => {
  const aside = { tables: new Set([items.id]), lanes: 2, waits: false };
  const { stream, applier, target } = await follow({ aside });
  stream.push(transaction(1, [insert(items, '1', 'bad', 'x'), insert(others, '1', 'good', 'x')]));
  await applier.passed(at(1));
  expect([target.rows(items).size, target.rows(others).size]).toEqual([0, 1]);
});
