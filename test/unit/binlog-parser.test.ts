import { expect, test } from 'vitest';
import type { BinlogEvent } from '../../src/databases/mysql/log/events.ts';
import { BinlogParser } from '../../src/databases/mysql/log/parser.ts';
import { event, formatEvent } from './binlog-bytes.ts';

const IGNORABLE = 0x80;

function parse(bytes: Buffer): BinlogEvent {
  const parser = new BinlogParser();
  const format = formatEvent();
  expect(parser.parse(format, 0, format.length)).toMatchObject({ kind: 'format', born: 0x6561f0a3 });
  // Somewhere in a larger block, as it arrives.
  const block = Buffer.concat([Buffer.alloc(5), bytes, Buffer.alloc(7)]);
  return parser.parse(block, 5, 5 + bytes.length);
}

test('an event whose checksum is wrong is an error that is tried again', () => {
  const bytes = event({ type: 16, body: Buffer.alloc(8) });
  expect(parse(bytes)).toEqual({ kind: 'xid', size: 31, end: 1_000 });
  for (const at of [0, 13, 20, 30]) {
    const damaged = Buffer.from(bytes);
    damaged.writeUInt8(damaged.readUInt8(at) ^ 1, at);
    expect(() => parse(damaged), String(at)).toThrow(expect.objectContaining({ code: 'SOURCE.CONNECTION' }));
  }
});

test('a damaged begin of a file is an error, the mark of a file in use is not', () => {
  const bytes = formatEvent();
  bytes.writeUInt8(bytes.readUInt8(17) | 1, 17);
  expect(new BinlogParser().parse(bytes, 0, bytes.length).kind).toBe('format');
  bytes.writeUInt8(bytes.readUInt8(30) ^ 1, 30);
  expect(() => new BinlogParser().parse(bytes, 0, bytes.length)).toThrow(/damaged/);
});

test('an event that is not known stops the reading, unless the server says that it may be passed over', () => {
  for (const type of [0, 1, 6, 99, 170, 255]) {
    const bytes = { type, body: Buffer.alloc(8) };
    expect(() => parse(event(bytes)), String(type)).toThrow(expect.objectContaining({ code: 'STREAM.UNKNOWN' }));
    expect(parse(event({ ...bytes, flags: IGNORABLE })).kind).toBe('silent');
  }
});

test.each([
  [5, /statement/],
  [13, /statement/],
  [14, /statement/],
  [18, /LOAD DATA/],
  [26, /incident/],
  [39, /binlog_row_value_options/],
])('an event of type %i changes data in a form that cannot be followed', (type, what) => {
  expect(parse(event({ type, body: Buffer.alloc(20) }))).toMatchObject({
    kind: 'unreadable',
    what: expect.stringMatching(what),
  });
});

test('what the server only says for itself is silent, and a sign of life has no place in the log', () => {
  for (const type of [3, 28, 29, 35, 160, 161, 163, 164])
    expect(parse(event({ type, body: Buffer.alloc(30) })).kind).toBe('silent');
  for (const type of [27, 41])
    expect(parse(event({ type, body: Buffer.from('binlog.000001') }))).toMatchObject({ kind: 'silent', end: 0 });
});

test('an event that is cut off is malformed', () => {
  const bytes = event({ type: 16, body: Buffer.alloc(8) });
  expect(() => parse(bytes.subarray(0, bytes.length - 1))).toThrow(/malformed/);
});
