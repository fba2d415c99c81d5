import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { checksumOf } from '../../src/databases/mysql/log/checksum.ts';
import { Packets } from '../../src/databases/mysql/log/packets.ts';
import { PayloadReader } from '../../src/databases/mysql/log/payload.ts';

const CONTINUED = 0xff_ffff;

function packet(content: Buffer): Buffer {
  const head = Buffer.alloc(4);
  head.writeUIntLE(content.length, 0, 3);
  return Buffer.concat([head, content]);
}

/** The messages in bytes that arrive in pieces of these sizes, in turn. */
function messages(bytes: Buffer, sizes: readonly number[]): readonly Buffer[] {
  const packets = new Packets();
  const found: Buffer[] = [];
  let parts: Buffer[] = [];
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const next = at + (sizes[turn % sizes.length] ?? bytes.length);
    packets.add(bytes.subarray(at, next));
    at = next;
    while (packets.take()) {
      expect(packets.isFirst).toBe(parts.length === 0);
      parts.push(packets.bytes.subarray(packets.at, packets.end));
      if (!packets.isLast) continue;
      found.push(Buffer.concat(parts));
      parts = [];
    }
  }
  expect(parts).toEqual([]);
  return found;
}

test('messages are the same however their bytes arrive', () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 20 }), { maxLength: 8 }),
      fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 }),
      (contents, sizes) => {
        const sent = contents.map((content) => Buffer.from(content));
        expect(messages(Buffer.concat(sent.map(packet)), sizes)).toEqual(sent);
      },
    ),
  );
});

test.each([0, 5])('a packet of the longest length is continued by the next one, of %i bytes', (more) => {
  const long = Buffer.alloc(CONTINUED, 'x');
  const rest = Buffer.alloc(more, 'y');
  const bytes = Buffer.concat([packet(long), packet(rest), packet(Buffer.from('z'))]);
  const found = messages(bytes, [1_000_003, 65_536, 3]);
  expect(found.map(({ length }) => length)).toEqual([CONTINUED + more, 1]);
  expect(found[0]?.equals(Buffer.concat([long, rest]))).toBe(true);
});

test('the checksum of few bytes is that of many', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (content) => {
      expect(checksumOf(Buffer.from(content), 0, content.length)).toBe(crc32(content));
    }),
  );
});

/** From a server: three rows, inserted with binlog_transaction_compression = ON. */
const ZSTD = Buffer.from(
  'X8MBaygBAAAAvwAAAEkGAAAAAAIBAAMB2AEBngAotS/9INitBAAiCBwngMUZDmAmZEIDYkInIRO5D/r6h3tfecYaAwCJUxyE8oZH3n/sLWUK/3+DIPyt09S/Q/jrvbBQALCZTASzKo6alHG/gNbJ7nTQOkY3Kd84VMykhyOCGFssyfUz/H5+HIVdLQBddnji3YKZo5+tmEkBDwCgBMRlNWoYggXNwISMYC+pNoAYyKsSzLGYBk0DTAbgBcBGJPI=',
  'base64',
);
const HEAD = 19;
const CHECKSUM = 4;

/** The types of the events in it, and whether it was read to its end. */
function read(
  bytes: Buffer,
  size: number,
  checksum = CHECKSUM,
  types: number[] = [],
): { types: readonly number[]; isDone: boolean } {
  const reader = new PayloadReader({
    checksum,
    begin: (place) => {
      expect(place).toEqual({ size: bytes.length, end: bytes.readUInt32LE(13) });
      return true;
    },
    event: (block, start) => types.push(block.readUInt8(start + 4)),
  });
  for (let at = 0; at < bytes.length; at += size) {
    reader.add(bytes.subarray(at, at + size), at + size >= bytes.length);
    while (reader.step());
  }
  return { types, isDone: reader.isDone };
}

/** The same events as they are, in one that only holds them. */
function uncompressed(events: number): Buffer {
  const inner = Buffer.concat(
    Array.from({ length: events }, (_, index) => {
      const event = Buffer.alloc(HEAD + (index % 50));
      event.writeUInt8(1 + (index % 200), 4);
      event.writeUInt32LE(event.length, 9);
      return event;
    }),
  );
  const fields = Buffer.from([2, 3, 0xfc, 255, 0, 0]);
  const head = Buffer.alloc(HEAD);
  head.writeUInt8(40, 4);
  head.writeUInt32LE(HEAD + fields.length + inner.length + CHECKSUM, 9);
  const checked = Buffer.concat([head, fields, inner]);
  const sum = Buffer.alloc(CHECKSUM);
  sum.writeUInt32LE(crc32(checked));
  return Buffer.concat([checked, sum]);
}

test('a compressed transaction is the same however it arrives', () => {
  for (let size = 1; size <= ZSTD.length; size += 7)
    expect(read(ZSTD, size)).toEqual({ types: [2, 19, 30, 16], isDone: true });
  const many = uncompressed(500);
  const types = Array.from({ length: 500 }, (_, index) => 1 + (index % 200));
  for (const size of [1, 100, 1_024, 5_000, many.length]) expect(read(many, size)).toEqual({ types, isDone: true });
});

test('the end of a damaged one is not read', () => {
  for (const at of [60, ZSTD.length - 1]) {
    const damaged = Buffer.from(ZSTD);
    damaged.writeUInt8(damaged.readUInt8(at) ^ 1, at);
    expect(() => read(damaged, 64)).toThrow(expect.objectContaining({ code: 'SOURCE.CONNECTION' }));
  }
  const many = uncompressed(500);
  many.writeUInt8(many.readUInt8(many.length - 1) ^ 1, many.length - 1);
  const types: number[] = [];
  expect(() => read(many, 64, CHECKSUM, types)).toThrow(expect.objectContaining({ code: 'SOURCE.CONNECTION' }));
  expect(types.length).toBeGreaterThan(400);
  expect(types.length).toBeLessThan(500);
  // Where the server makes no checksums.
  const cut = Buffer.from(ZSTD.subarray(0, -CHECKSUM));
  cut.writeUInt32LE(cut.length, 9);
  expect(read(cut, 64, 0).types).toEqual([2, 19, 30, 16]);
});
