// Places in MySQL's binary log. As positions they are text, `binlog.000012@6561f0a3:3456 uuid:1-77`: everything in that file
// that ends there or before, and in the files before it. Behind the @ stands when the file was begun: a log that was reset,
// or another server's, has other moments for the same names. Then comes, where there is one, the set of transactions that
// this makes. `…:3456#5000 …` is a place within a transaction: besides, the first 5000 changes of the one that begins there.

import { MigrateError } from '../../../lib/errors.ts';
import type { Position } from '../../../model/position.ts';

const FORM = /^(.*\.)(\d{6,})(?:@([0-9a-f]{8}))?:(\d{1,16})(?:#([1-9]\d{0,14}))?(?: (\S+))?$/s;

/** A position taken apart. */
export interface Place {
  /** The file's name up to its number, which only grows: `binlog.` */
  readonly base: string;
  readonly file: number;
  /** The file's name as the server has it. */
  readonly name: string;
  /** When the file was begun, in seconds; undefined when that is unknown. */
  readonly born: number | undefined;
  /** Bytes from the begin of the file. */
  readonly at: number;
  /** How many changes of the transaction that begins at `at`; 0 when it is not within one. */
  readonly ordinal: number;
  /** The transactions up to here as the server writes them; '' where it does not number them. */
  readonly gtids: string;
}

export function parsePlace(position: string): Place {
  const match = FORM.exec(position);
  if (match === null)
    throw new MigrateError('INTERNAL.BUG', `not a position of a binary log: ${position.slice(0, 60)}`);
  const [, base = '', number = '', born, at, ordinal = '0', gtids = ''] = match;
  return {
    base,
    file: Number(number),
    name: base + number,
    born: born === undefined ? undefined : Number.parseInt(born, 16),
    at: Number(at),
    ordinal: Number(ordinal),
    gtids,
  };
}

/** The position in front of everything that varies within a file. */
export function filePrefix(name: string, born: number | undefined): string {
  return born === undefined ? name : `${name}@${born.toString(16).padStart(8, '0')}`;
}

export function formatPosition(prefix: string, at: number, gtids: string, ordinal = 0): Position {
  const place = ordinal === 0 ? `${prefix}:${at}` : `${prefix}:${at}#${ordinal}`;
  return (gtids === '' ? place : `${place} ${gtids}`) as Position;
}

export function isWhole(position: Position): boolean {
  return parsePlace(position).ordinal === 0;
}

// Asked for every change, nearly always with the same few texts.
let last: { readonly text: Position; readonly place: Place } | undefined;
let other: { readonly text: Position; readonly place: Place } | undefined;

function parsed(text: Position): Place {
  if (last?.text === text) return last.place;
  [last, other] = [other, last];
  if (last?.text === text) return last.place;
  last = { text, place: parsePlace(text) };
  return last.place;
}

/**
 * True when everything up to `at` is contained in `checkpoint`. Files are numbered upwards, and a number is not a text: the
 * one after binlog.999999 is binlog.1000000. Nothing stands between the begin of a transaction and its end, so a snapshot
 * covers a place within one exactly when it covers its end.
 */
export function covers(checkpoint: Position, at: Position): boolean {
  const ours = parsed(checkpoint);
  const theirs = parsed(at);
  if (ours.file !== theirs.file) return ours.file > theirs.file;
  return ours.at === theirs.at ? ours.ordinal >= theirs.ordinal : ours.at > theirs.at;
}
