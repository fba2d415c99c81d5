// The checksum of events (CRC-32). Most events are so small that calling out of JavaScript takes longer than computing it.

import { crc32 } from 'node:zlib';

const SMALL_BYTES = 128;

const TABLE = Int32Array.from({ length: 256 }, (_, byte) => {
  let sum = byte;
  for (let bit = 0; bit < 8; bit++) sum = (sum & 1) === 0 ? sum >>> 1 : (sum >>> 1) ^ 0xedb8_8320;
  return sum;
});

export function checksumOf(bytes: Buffer, start: number, end: number): number {
  if (end - start > SMALL_BYTES) return crc32(bytes.subarray(start, end));
  let sum = -1;
  for (let at = start; at < end; at++) sum = (TABLE[(sum ^ (bytes[at] ?? 0)) & 0xff] ?? 0) ^ (sum >>> 8);
  return ~sum >>> 0;
}
