// Places in PostgreSQL's write-ahead log. As positions they are text in the server's own form, `16/B374D848`: everything
// that ends there or before. `16/B374D848#5000` is a place within a transaction: besides, the first 5000 changes of the
// transaction whose commit record begins there.

import { MigrateError } from '../../../lib/errors.ts';
import type { Position } from '../../../model/position.ts';

const FORM = /^([0-9A-Fa-f]{1,8})\/([0-9A-Fa-f]{1,8})(?:#[1-9]\d{0,14})?$/;

/** The byte offset of a position; for a place within a transaction, that of its commit record. */
export function parseLsn(text: string): bigint {
  const match = FORM.exec(text);
  if (match === null)
    throw new MigrateError('INTERNAL.BUG', `not a position of a PostgreSQL log: ${text.slice(0, 40)}`);
  return (BigInt(`0x${match[1]}`) << 32n) | BigInt(`0x${match[2]}`);
}

/** `ordinal`: how many changes of the transaction whose commit record begins at `lsn`; 0 for none of them. */
export function formatLsn(lsn: bigint, ordinal = 0): Position {
  const high = Number(lsn >> 32n);
  const low = Number(lsn & 0xffffffffn);
  const place = `${high.toString(16)}/${low.toString(16)}`.toUpperCase();
  return (ordinal === 0 ? place : `${place}#${ordinal}`) as Position;
}

/** How many changes of the transaction that commits at the position it stands for; 0 when it is not within a transaction. */
export function ordinalOf(position: Position): number {
  const mark = position.indexOf('#');
  return mark < 0 ? 0 : Number(position.slice(mark + 1));
}

/**
 * True when everything up to `at` is contained in `checkpoint`. Nothing can stand between the begin of a commit record and
 * its end: a snapshot, which stands between records, covers the pieces of a transaction exactly when it covers its end.
 * Asked for every change, so it does without bigints.
 */
export function covers(checkpoint: Position, at: Position): boolean {
  const ours = checkpoint.indexOf('/');
  const theirs = at.indexOf('/');
  const high = Number.parseInt(checkpoint.slice(0, ours), 16) - Number.parseInt(at.slice(0, theirs), 16);
  if (high > 0) return true;
  if (high < 0) return false;
  const low = Number.parseInt(checkpoint.slice(ours + 1), 16) - Number.parseInt(at.slice(theirs + 1), 16);
  // Not a number: one of the two is no position, and the exact way says which.
  if (Number.isNaN(high) || Number.isNaN(low)) return parseLsn(checkpoint) >= parseLsn(at);
  return low === 0 ? ordinalOf(checkpoint) >= ordinalOf(at) : low > 0;
}

/** Bytes of log from one position to another; 0 when `to` is not ahead. */
export function distance(from: Position, to: Position): number {
  const bytes = parseLsn(to) - parseLsn(from);
  return bytes > 0n ? Number(bytes) : 0;
}
