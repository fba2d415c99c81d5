// How the double answers calls: what a query gives, row counts, errors.

import type { Cursor } from './requests.ts';
import { type Value, Writer } from './wire.ts';

const TYPE_TEXT = 1;
const TYPE_BYTES = 23;
const UTF8 = 873;
const NO_MORE_ROWS = 1403;
const IN_TRANSACTION = 2;
const LONGEST = 32_767;

export interface End {
  readonly inTransaction: boolean;
  readonly cursor?: number;
  readonly code?: number;
  readonly message?: string;
  /** Of a query, how many were fetched so far. */
  readonly rows?: number;
}

/** Of a call that answers nothing but that it is done. */
export function done(inTransaction: boolean): Buffer {
  return new Writer().byte(9).number(status(inTransaction)).number(0).done();
}

export function ended({ inTransaction, cursor = 0, code = 0, message = '', rows = 0 }: End): Buffer {
  const out = new Writer()
    .byte(4)
    .number(status(inTransaction))
    .zeros(2)
    .number(code > 0xff_ff ? 0 : code)
    .zeros(2);
  // The position, the kind of statement, flags; no row's address, no error of the system.
  out.number(cursor).zeros(7).zeros(5).zeros(6);
  // No rows of a batch that were refused.
  out.zeros(3).number(code).number(rows);
  return (code === 0 ? out : out.text(`${message}\n`)).done();
}

/** Of a statement that wrote. */
export function written(
  end: End,
  { counts, wantsCounts }: { readonly counts: readonly number[]; readonly wantsCounts: boolean },
): Buffer {
  const out = new Writer();
  if (wantsCounts) {
    out.byte(8).zeros(4).number(counts.length);
    for (const count of counts) out.number(count);
  }
  const rows = counts.reduce((sum, count) => sum + count, 0);
  return out.raw(ended({ ...end, rows })).done();
}

/** Rows of a query that are left, as many as were asked for; `isNew`: after what its columns are. */
export function fetched(cursor: Cursor, count: number, inTransaction: boolean, isNew: boolean): Buffer {
  const out = new Writer();
  if (isNew) described(out, cursor);
  const rows = cursor.rows.splice(0, count);
  cursor.fetched += rows.length;
  if (rows.length > 0) out.byte(6).zeros(7);
  for (const row of rows) {
    out.byte(7);
    for (const value of row) out.bytes(typeof value === 'string' ? Buffer.from(value) : value);
  }
  const end = { inTransaction, cursor: cursor.id, rows: cursor.fetched };
  const last = { code: NO_MORE_ROWS, message: 'ORA-01403: no data found' };
  return out.raw(ended(cursor.rows.length > 0 ? end : { ...end, ...last })).done();
}

function described(out: Writer, { columns, rows }: Cursor): void {
  out.byte(16, 0).number(LONGEST).number(columns.length).byte(1);
  for (const [index, name] of columns.entries()) {
    const isBytes = rows.some((row: readonly Value[]) => Buffer.isBuffer(row[index]));
    out
      .byte(isBytes ? TYPE_BYTES : TYPE_TEXT, 0, 0, 0)
      .number(LONGEST)
      .zeros(4)
      .number(UTF8);
    out
      .byte(isBytes ? 0 : 1)
      .number(LONGEST)
      .byte(1, name.length);
    out
      .number(Buffer.byteLength(name))
      .text(name)
      .zeros(2)
      .number(index + 1)
      .number(0);
  }
  out.zeros(6);
}

function status(inTransaction: boolean): number {
  return inTransaction ? IN_TRANSACTION : 0;
}
