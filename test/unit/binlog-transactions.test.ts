import { beforeEach, expect, test } from 'vitest';
import { plainCharset } from '../../src/databases/mysql/log/charsets.ts';
import type { BinlogEvent } from '../../src/databases/mysql/log/events.ts';
import { BinlogParser } from '../../src/databases/mysql/log/parser.ts';
import { LoggedTables } from '../../src/databases/mysql/log/tables.ts';
import { TransactionAssembler } from '../../src/databases/mysql/log/transactions.ts';
import type { Transaction } from '../../src/model/change.ts';
import type { Position } from '../../src/model/position.ts';
import { type Table, tableId } from '../../src/model/table.ts';
import { RunQueue } from '../../src/stream/run-queue.ts';
import { tableMap, writeRows } from './binlog-bytes.ts';

const UUID = '3e11fa47-71ca-11e1-9e33-c80aa9429562';
const RESUME = `binlog.000007@00000064:1000 ${UUID}:1-9` as Position;

const table: Table = {
  id: tableId('shop', 't'),
  schema: 'shop',
  name: 't',
  columns: [
    { name: 'id', type: 'int', castType: '' },
    { name: 'note', type: 'varchar(10)', castType: '' },
  ],
  key: [0],
  rowEstimate: 0,
  byteEstimate: 0,
  identity: 'key',
  spread: true,
};

let queue: RunQueue;
let assembler: TransactionAssembler;
let end: number;

beforeEach(() => open(RESUME));

function open(resume: Position): void {
  queue = new RunQueue({ full: () => undefined, drained: () => undefined });
  const utf8 = plainCharset('utf8mb4', 4);
  const tables = new LoggedTables({
    captured: [{ table, computed: [], hasPrimary: true }],
    charsetOf: () => utf8,
    isMariadb: false,
    caseSensitive: true,
  });
  assembler = new TransactionAssembler({ queue, tables, run: 'r', isMariadb: false, resume });
  end = 1_000;
}

type Loose<T> = T extends unknown ? Omit<T, 'size' | 'end'> : never;

/** Events of 100 bytes each, one behind the other. */
function feed(...events: readonly Loose<BinlogEvent>[]): void {
  for (const event of events) {
    end += 100;
    assembler.event({ ...event, size: 100, end: end % 2 ** 32 } as BinlogEvent);
  }
}

const gtid = (number: number): Loose<BinlogEvent> => ({
  kind: 'gtid',
  source: UUID,
  number: String(number),
  begins: false,
});
const query = (text: string): Loose<BinlogEvent> => ({ kind: 'query', schema: 'shop', text });
const xid: Loose<BinlogEvent> = { kind: 'xid' };

function rows(...ids: readonly number[]): readonly Loose<BinlogEvent>[] {
  return [tableMap(), writeRows(ids)].map((bytes) => new BinlogParser().parse(bytes, 0, bytes.length));
}

async function taken(): Promise<readonly Transaction[]> {
  queue.fail(new Error('end'));
  return (await queue.take()) ?? [];
}

test('a transaction ends where its commit does, and carries the numbers so far', async () => {
  feed(gtid(10), query('BEGIN'), ...rows(1, 2), xid);
  expect(await taken()).toMatchObject([
    {
      position: `binlog.000007@00000064:1500 ${UUID}:1-10`,
      changes: [{ row: ['1', 'x'] }, { row: ['2', 'x'] }],
      last: true,
    },
  ]);
});

test('within a transaction no later position is told, however large it is', async () => {
  feed(gtid(10), query('BEGIN'), ...rows(1), { kind: 'silent' }, ...rows(2));
  await expect(taken()).rejects.toThrow('end');
});

test('a place within a transaction is where the transaction begins, and what is before it is left out', async () => {
  const many = Array.from({ length: 7_000 }, (_, id) => id);
  const transaction = [gtid(10), query('BEGIN'), ...rows(...many), xid];
  feed(...transaction);
  const [piece, rest] = await taken();
  expect(piece).toMatchObject({ position: `binlog.000007@00000064:1000#5000 ${UUID}:1-9`, last: false });
  open(piece!.position);
  feed(...transaction);
  expect(await taken()).toEqual([rest]);
});

test('what was applied is passed over, its tables too', async () => {
  open(`binlog.000007@00000064:1400 ${UUID}:1-10` as Position);
  assembler.event({ kind: 'rotate', file: 'binlog.000007', position: 4, isMadeUp: true, size: 40, end: 0 });
  end = 4;
  feed({ kind: 'format', born: 0x64, server: 1, isMadeUp: false });
  end = 900;
  feed(gtid(10), query('BEGIN'), ...rows(1), xid, gtid(11), query('BEGIN'), ...rows(2), xid);
  expect((await taken()).flatMap(({ changes }) => changes)).toMatchObject([{ row: ['2', 'x'] }]);
});

test('a file of the same name that was begun at another time is not the one that was read', () => {
  expect(() => feed({ kind: 'format', born: 0x65, server: 1, isMadeUp: true })).toThrow(
    expect.objectContaining({ code: 'STREAM.GONE' }),
  );
});

test('a number that was there before comes from another log', () => {
  feed(gtid(9), query('BEGIN'), ...rows(1));
  expect(() => feed(xid)).toThrow(expect.objectContaining({ code: 'STREAM.GONE' }));
});

test('a place beyond 4 GB is told as it is', async () => {
  open(`binlog.000007@00000064:${2 ** 32 - 50} ${UUID}:1-9` as Position);
  end = 2 ** 32 - 50;
  feed(gtid(10), query('BEGIN'), ...rows(1), xid);
  expect((await taken()).map(({ position }) => position)).toEqual([
    `binlog.000007@00000064:${2 ** 32 + 450} ${UUID}:1-10`,
  ]);
});

test.each([200, 50])('an event that goes back by %i bytes in its file stops the reading', (bytes) => {
  feed(gtid(10));
  end -= bytes;
  expect(() => feed(query('BEGIN'))).toThrow(expect.objectContaining({ code: 'STREAM.UNKNOWN' }));
});

test.each([
  ['ROLLBACK', [query('BEGIN'), ...rows(1), query('ROLLBACK')]],
  ['ROLLBACK TO', [query('BEGIN'), query('SAVEPOINT a'), ...rows(1), query('SAVEPOINT b'), query('ROLLBACK TO a')]],
])('changes that are taken back by %s stop the reading', (_, events) => {
  expect(() => feed(gtid(10), ...events)).toThrow(expect.objectContaining({ code: 'STREAM.FORMAT' }));
});

test('a transaction without changes is rolled back in silence', async () => {
  feed(gtid(10), query('BEGIN'), query('SAVEPOINT a'), query('ROLLBACK TO a'), ...rows(1), xid);
  feed(gtid(11), query('BEGIN'), query('ROLLBACK'));
  expect(await taken()).toMatchObject([{ changes: [{ row: ['1', 'x'] }] }, { changes: [] }]);
});

test('rows of a table that was not described stop the reading', () => {
  const [, unknown] = rows(1);
  feed(gtid(10), query('BEGIN'));
  expect(() => feed(unknown!)).toThrow(expect.objectContaining({ code: 'STREAM.UNKNOWN' }));
});
