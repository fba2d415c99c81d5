// Places in PostgreSQL's write-ahead log. As positions they are text in the server's own form, `16/B374D848`.

import { MigrateError } from '../../../lib/errors.ts';
import type { Position } from '../../../model/position.ts';

const FORM = /^([0-9A-Fa-f]{1,8})\/([0-9A-Fa-f]{1,8})$/;

/** The byte offset a position stands for. */
export function parseLsn(text: string): bigint {
  const match = FORM.exec(text);
  if (match === null)
    throw new MigrateError('INTERNAL.BUG', `not a position of a PostgreSQL log: ${text.slice(0, 40)}`);
  return (BigInt(`0x${match[1]}`) << 32n) | BigInt(`0x${match[2]}`);
}

export function formatLsn(lsn: bigint): Position {
  const high = Number(lsn >> 32n);
  const low = Number(lsn & 0xffffffffn);
  return `${high.toString(16)}/${low.toString(16)}`.toUpperCase() as Position;
}

/** True when everything up to `at` is contained in `checkpoint`. Asked for every change, so it does without bigints. */
export function covers(checkpoint: Position, at: Position): boolean {
  const ours = checkpoint.indexOf('/');
  const theirs = at.indexOf('/');
  const high = Number.parseInt(checkpoint.slice(0, ours), 16) - Number.parseInt(at.slice(0, theirs), 16);
  if (high > 0) return true;
  if (high < 0) return false;
  const low = Number.parseInt(checkpoint.slice(ours + 1), 16) - Number.parseInt(at.slice(theirs + 1), 16);
  // Not a number: one of the two is no position, and the exact way says which.
  return Number.isNaN(high) || Number.isNaN(low) ? parseLsn(checkpoint) >= parseLsn(at) : low >= 0;
}

/** Bytes of log from one position to another; 0 when `to` is not ahead. */
export function distance(from: Position, to: Position): number {
  const bytes = parseLsn(to) - parseLsn(from);
  return bytes > 0n ? Number(bytes) : 0;
}
