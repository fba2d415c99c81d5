// The codec that replaces the client library's own for record batches.

import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { gzipCodec } from '../../src/stream/kafka/gzip.ts';

const text = (length: number): Buffer => Buffer.from('a record, and another one; '.repeat(length).slice(0, length));

test.each([0, 1, 63, 64, 65, 16_384, 1_000_000])('%i bytes come back as they were', async (length) => {
  const bytes = text(length);
  expect((await gzipCodec.decompress(gzipSync(bytes))).equals(bytes)).toBe(true);
  expect((await gzipCodec.decompress(await gzipCodec.compress({ buffer: bytes }))).equals(bytes)).toBe(true);
});

test('what is unpacked holds no more memory than it needs', async () => {
  // What is small may lie in a pool of the runtime, with others.
  for (const length of [100_000, 1_000_000]) {
    const unpacked = await gzipCodec.decompress(gzipSync(text(length)));
    expect(unpacked.buffer.byteLength).toBeLessThan(length + 64);
  }
});

test('a stream of several members is unpacked whole although its end tells of the last one only', async () => {
  const bytes = text(50_000);
  const packed = Buffer.concat([gzipSync(bytes.subarray(0, 49_990)), gzipSync(bytes.subarray(49_990))]);
  expect((await gzipCodec.decompress(packed)).equals(bytes)).toBe(true);
});

test('what is no gzip, or ends too early, or tells a wrong size is refused', async () => {
  const packed = gzipSync(text(1_000));
  const other = Buffer.from(packed);
  other.writeUInt32LE(0xffff_ffff, other.length - 4);
  for (const bytes of [text(100), packed.subarray(0, -20), other, Buffer.alloc(0)])
    await expect(gzipCodec.decompress(bytes)).rejects.toThrow();
});
