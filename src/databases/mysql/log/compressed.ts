// What MariaDB compresses with zlib: whole events, and values of columns that are declared so.

import { inflateRawSync, inflateSync } from 'node:zlib';
import { MigrateError } from '../../../lib/errors.ts';
import type { Cursor } from './cursor.ts';

/** An event: a byte that says how and how long the length is, the length, the highest byte first, and the compressed bytes. */
export function inflated(cursor: Cursor): Buffer {
  const head = cursor.u8();
  const algorithm = (head & 0x70) >> 4;
  if ((head & 0x80) === 0 || algorithm !== 0) throw malformed('event');
  const size = cursor.uintBE(head & 0x07);
  const content = inflateSync(cursor.bytes.subarray(cursor.at, cursor.end));
  if (content.length !== size) throw malformed('event');
  return content;
}

const ZLIB = 8;
/** Without the frame of zlib. */
const RAW = 0x08;

/** A value: a byte that says how, in its upper half, and how long the length is. What is short is kept as it is. */
export function uncompressed(value: Buffer): Buffer {
  const head = value[0] ?? 0;
  if (head === 0) return value.subarray(1);
  if (head >> 4 !== ZLIB) throw malformed('value');
  const sizeBytes = head & 0x07;
  const content = value.subarray(1 + sizeBytes);
  const plain = (head & RAW) === 0 ? inflateSync(content) : inflateRawSync(content);
  if (plain.length !== value.readUIntBE(1, sizeBytes)) throw malformed('value');
  return plain;
}

function malformed(what: string): MigrateError {
  return new MigrateError('STREAM.UNKNOWN', `a compressed ${what} in the log is malformed`);
}
