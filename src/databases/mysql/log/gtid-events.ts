// The events that number transactions, in the three forms that they have besides MySQL's first.

import type { Cursor } from './cursor.ts';
import type { Gtid } from './events.ts';
import { xidText } from './statements.ts';

type Place = Pick<Gtid, 'size' | 'end'>;

export function uuidText(bytes: Buffer, at: number): string {
  const hex = bytes.toString('hex', at, at + 16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** In MariaDB a transaction that is no single statement begins with its number. */
const STANDALONE = 0x01;
const HAS_COMMIT_ID = 0x02;
const PREPARES = 0x40;

export function mariadbGtid(cursor: Cursor, place: Place, server: number): Gtid {
  const sequence = cursor.u64();
  const domain = cursor.u32();
  const flags = cursor.u8();
  const begins = (flags & STANDALONE) === 0;
  const gtid: Gtid = { kind: 'gtid', ...place, source: String(domain), number: `${server}-${sequence}`, begins };
  if ((flags & PREPARES) === 0) return gtid;
  if ((flags & HAS_COMMIT_ID) !== 0) cursor.at += 8;
  const format = String(cursor.u32());
  const globalSize = cursor.u8();
  const branchSize = cursor.u8();
  const global = cursor.copy(globalSize).toString('hex');
  return { ...gtid, xid: xidText(global, cursor.copy(branchSize).toString('hex'), format) };
}

const FIELD = { UUID: 1, NUMBER: 2, TAG: 3 } as const;
const UUID_BYTES = 16;

/**
 * MySQL 8.3 and later, where the transaction's number has a tag: fields by number, each in a form of its own. What follows
 * the tag tells when and how it was committed.
 */
export function taggedGtid(cursor: Cursor, place: Place): Gtid {
  // The version of the form, the size, and the last field that must be understood.
  for (let count = 0; count < 3; count++) varint(cursor);
  const uuid = Buffer.alloc(UUID_BYTES);
  let number = 0n;
  let tag = '';
  while (cursor.at < cursor.end && tag === '') {
    const field = Number(varint(cursor));
    if (field === FIELD.UUID) for (let index = 0; index < UUID_BYTES; index++) uuid[index] = Number(varint(cursor));
    else if (field === FIELD.NUMBER) number = varint(cursor) >> 1n;
    else if (field === FIELD.TAG) tag = cursor.utf8(Number(varint(cursor)));
    // The flags come first.
    else varint(cursor);
  }
  return { kind: 'gtid', ...place, source: `${uuidText(uuid, 0)}:${tag}`, number: String(number), begins: false };
}

/** As many bytes as the first has ones at its low end, and one more; the number stands above these bits. */
function varint(cursor: Cursor): bigint {
  const first = cursor.u8();
  let more = 0;
  while (more < 8 && (first & (1 << more)) !== 0) more++;
  let value = BigInt(more < 7 ? first >> (more + 1) : 0);
  const above = BigInt(Math.max(0, 7 - more));
  for (let index = 0; index < more; index++) value |= BigInt(cursor.u8()) << (above + BigInt(8 * index));
  return value;
}
