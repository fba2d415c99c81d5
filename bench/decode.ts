// How fast messages of the log become changes, without a server: `npx tsx bench/decode.ts [changes]`.

import { TransactionAssembler } from '../src/databases/postgres/log/assembler.ts';
import { PgoutputDecoder } from '../src/databases/postgres/log/pgoutput.ts';
import { Relations } from '../src/databases/postgres/log/relations.ts';
import type { Position } from '../src/model/position.ts';
import { RunQueue } from '../src/stream/run-queue.ts';
import { begin, commit, insert, makeTable, relation, update } from '../test/unit/pgoutput-messages.ts';
import { report, thousands } from './lib/results.ts';

const COLUMNS = ['id', 'customer', 'state', 'total', 'created', 'note'];
const TEXT = 25;
const HEADER = Buffer.alloc(25);
const PREPARED = 10_000;

const total = Number(process.argv[2] ?? 1_000_000);
const table = makeTable('orders', COLUMNS);

function frames(transactionRows: number): readonly Buffer[] {
  const made: Buffer[] = [];
  for (let row = 0; row < PREPARED; row++) {
    if (row % transactionRows === 0) made.push(begin(BigInt(row)));
    const note = row % 10 === 0 ? 'größer als ASCII, und länger' : 'a note of some thirty characters';
    const values = [String(row), String(row * 7), 'paid', '1234.50', '2024-05-06 07:08:09.123456+00', note];
    made.push(row % 2 === 0 ? insert(1, values) : update(1, values));
    if (row % transactionRows === transactionRows - 1) made.push(commit(BigInt(row + 1)));
  }
  return made.map((message) => Buffer.concat([HEADER, message]));
}

async function measure(transactionRows: number): Promise<string> {
  const queue = new RunQueue({ full: () => undefined, drained: () => undefined });
  const relations = new Relations([{ table, types: COLUMNS.map(() => ({ oid: TEXT, modifier: -1 })) }], new Set());
  const decoder = new PgoutputDecoder(relations, new TransactionAssembler(queue, '0/0' as Position));
  const columns = COLUMNS.map((name) => ({ name, oid: TEXT, key: name === 'id' }));
  decoder.decode(relation({ oid: 1, name: 'orders', columns }), 0);
  const prepared = frames(transactionRows);
  const started = performance.now();
  let changes = 0;
  while (changes < total) {
    for (const frame of prepared) decoder.decode(frame, HEADER.length);
    for (const transaction of (await queue.take()) ?? []) changes += transaction.changes.length;
  }
  const seconds = (performance.now() - started) / 1_000;
  return `${thousands(changes / seconds)} changes/s`;
}

const rows: string[][] = [];
for (const size of [1, 10, 1_000]) rows.push([`transactions of ${size}`, await measure(size)]);
await report({ title: 'Decoding the log, without a server', header: ['', 'decoded'], rows });
