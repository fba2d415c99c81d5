// How fast the messages of a topic become changes, without a broker, against JSON.parse of the same bytes, which makes no changes
// of them yet: `npx tsx bench/debezium-decode.ts [changes] [rounds]`.

import type { Position } from '../src/model/position.ts';
import { type Table, tableId } from '../src/model/table.ts';
import { TopicAssembler } from '../src/stream/kafka/assembler.ts';
import { Message } from '../src/stream/kafka/envelope.ts';
import { RunQueue } from '../src/stream/run-queue.ts';
import { dialectOf } from '../test/unit/debezium-log.ts';
import { median, report, thousands } from './lib/results.ts';

const COLUMNS = ['id', 'customer', 'state', 'total', 'created', 'note'];
const CHANGES = Number(process.argv[2] ?? 40_000);
const ROUNDS = Number(process.argv[3] ?? 10);
const SERVER = 'ba4fe385-e5dd-11f1-ba2a-02fc00000001';

const table: Table = {
  id: tableId('shop', 'orders'),
  schema: 'shop',
  name: 'orders',
  columns: COLUMNS.map((name) => ({ name, type: 'text', castType: 'text' })),
  key: [0],
  identity: 'key',
  spread: true,
  rowEstimate: 0,
  byteEstimate: 0,
};

/** As a connector of MySQL writes them, without schemas: every other one an update with both rows. */
function messages(transactionRows: number): readonly Buffer[] {
  const made: object[] = [];
  let number = 0;
  for (let row = 0; row < CHANGES; row++) {
    const order = (row % transactionRows) + 1;
    if (order === 1) number++;
    const id = `${SERVER}:${number}`;
    if (order === 1) made.push({ status: 'BEGIN', id, event_count: null, data_collections: null, ts_ms: 1 });
    made.push(change(row, id, order));
    if (order === transactionRows || row === CHANGES - 1)
      made.push({ status: 'END', id, event_count: order, ts_ms: 1 });
  }
  return made.map((message) => Buffer.from(JSON.stringify(message)));
}

function change(row: number, id: string, order: number): object {
  const note = row % 10 === 0 ? 'größer als ASCII, und länger' : 'a note of some thirty characters';
  const values = { id: row, customer: row * 7, state: 'new', total: '1234.50', created: 1_795_288_771_136_522, note };
  const now = 1_795_288_771_136;
  return {
    before: row % 2 === 0 ? null : values,
    after: row % 2 === 0 ? values : { ...values, state: 'paid' },
    source: {
      version: '3.6.1.Final',
      connector: 'mysql',
      name: 'migrate-orders-1',
      ts_ms: now,
      snapshot: 'false',
      db: 'shop',
      sequence: null,
      ts_us: now * 1_000,
      ts_ns: now * 1_000_000,
      table: 'orders',
      server_id: 1,
      gtid: id,
      file: 'binlog.000003',
      pos: 1_000 + row * 100,
      row: 0,
      thread: 33,
      query: null,
    },
    transaction: { id, total_order: order, data_collection_order: order },
    op: row % 2 === 0 ? 'c' : 'u',
    ts_ms: now,
    ts_us: now * 1_000,
    ts_ns: now * 1_000_000,
  };
}

async function ours(topic: readonly Buffer[]): Promise<number> {
  const began = performance.now();
  const queue = new RunQueue({ full: () => undefined, drained: () => undefined });
  const dialect = dialectOf('mysql');
  const message = new Message(dialect, [{ table, computed: [] }]);
  const assembler = new TopicAssembler({ queue, dialect, message, resume: '0' as Position });
  let changes = 0;
  for (const [offset, value] of topic.entries()) {
    assembler.record({ offset, value });
    if (offset % 2_000 === 1_999 || offset === topic.length - 1)
      for (const one of (await queue.take()) ?? []) changes += one.changes.length;
  }
  if (changes !== CHANGES) throw new Error(`${changes} of ${CHANGES} changes`);
  return (performance.now() - began) / 1_000;
}

function parsed(topic: readonly Buffer[]): number {
  const began = performance.now();
  let members = 0;
  for (const value of topic) members += Object.keys(JSON.parse(value.toString('utf8')) as object).length;
  if (members < CHANGES) throw new Error('nothing was parsed');
  return (performance.now() - began) / 1_000;
}

const rows: string[][] = [];
for (const transactionRows of [1, 1_000]) {
  const topic = messages(transactionRows);
  const took: { ours: number; parse: number }[] = [];
  // The first round is not counted.
  for (let round = 0; round <= ROUNDS; round++) {
    const one = { ours: await ours(topic), parse: parsed(topic) };
    if (round > 0) took.push(one);
  }
  const rate = (seconds: readonly number[]): string => `${thousands(CHANGES / median(seconds))} changes/s`;
  rows.push([
    `transactions of ${transactionRows}`,
    rate(took.map(({ parse }) => parse)),
    rate(took.map((one) => one.ours)),
    median(took.map(({ ours: mine, parse }) => parse / mine)).toFixed(2),
  ]);
}
const peak = Math.round(process.resourceUsage().maxRSS / 1_024);
await report({
  title: `Messages of Debezium, median of ${ROUNDS} (peak memory ${peak} MB, the messages included)`,
  header: ['', 'JSON.parse', 'migrate', 'ratio'],
  rows,
});
