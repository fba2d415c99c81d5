// Places in MySQL's binary log. As positions they are text, `binlog.000012@6561f0a3-1:3456 uuid:1-77`: everything in that file
// that ends there or before, and in the files before it. Behind the @ stands when the file was begun, and by which server: a log
// that was reset, or another server's, has other moments for the same names. Then comes, where there is one, the set of transactions that
// this makes. `…:3456#5000 …` is a place within a transaction: besides, the first 5000 changes of the one that begins there.
// ` xa=12:400` at the end: without the transaction that begins at 400 in file 12, which was prepared and is not decided.

import { MigrateError } from '../../../lib/errors.ts';
import type { Position } from '../../../model/position.ts';
import { includesAll } from './gtid-set.ts';

const FORM =
  /^(.*\.)(\d{6,})(?:@([0-9a-f]{8})(?:-(\d+))?)?:(\d{1,16})(?:#([1-9]\d{0,14}))?(?: ((?!xa=)\S+))?(?: xa=(\S+))?$/s;

/** A position taken apart. */
export interface Place {
  /** The file's name up to its number, which only grows: `binlog.` */
  readonly base: string;
  readonly file: number;
  /** The file's name as the server has it. */
  readonly name: string;
  /** When the file was begun, in seconds; undefined when that is unknown. */
  readonly born: number | undefined;
  /** The number of the server that began it; undefined when that is unknown. */
  readonly server: number | undefined;
  /** Bytes from the begin of the file. */
  readonly at: number;
  /** How many changes of the transaction that begins at `at`; 0 when it is not within one. */
  readonly ordinal: number;
  /** The transactions up to here as the server writes them; '' where it does not number them. */
  readonly gtids: string;
  /** Where transactions begin that were prepared and are not decided. */
  readonly prepared: readonly LogPlace[];
}

export interface LogPlace {
  readonly file: number;
  readonly at: number;
}

export function parsePlace(position: string): Place {
  const match = FORM.exec(position);
  if (match === null)
    throw new MigrateError('INTERNAL.BUG', `not a position of a binary log: ${position.slice(0, 60)}`);
  const [, base = '', number = '', born, server, at, ordinal = '0', gtids = '', prepared] = match;
  return {
    base,
    file: Number(number),
    name: base + number,
    born: born === undefined ? undefined : Number.parseInt(born, 16),
    server: server === undefined ? undefined : Number(server),
    at: Number(at),
    ordinal: Number(ordinal),
    gtids,
    prepared: prepared === undefined ? [] : prepared.split(',').map(readLogPlace),
  };
}

function readLogPlace(text: string): LogPlace {
  const [file, at] = text.split(':');
  return { file: Number(file), at: Number(at) };
}

/** The number of the file of that name. */
export function fileNumber(name: string): number {
  return Number(name.slice(name.lastIndexOf('.') + 1));
}

/** Where reading begins: before the place when transactions were prepared before it that are not decided. */
export function beginOf(place: Place): Pick<Place, 'name' | 'at'> {
  const [first] = [...place.prepared].sort((one, other) => one.file - other.file || one.at - other.at);
  return first === undefined ? place : { name: place.base + String(first.file).padStart(6, '0'), at: first.at };
}

/** When a file was begun, and by which server. */
export type Origin = Pick<Place, 'born' | 'server'>;

/** The position in front of everything that varies within a file. */
export function filePrefix(name: string, { born, server }: Origin): string {
  if (born === undefined) return name;
  const birth = `${name}@${born.toString(16).padStart(8, '0')}`;
  return server === undefined ? birth : `${birth}-${server}`;
}

/** `prepared`: as PreparedTransactions writes them. */
export function formatPosition(prefix: string, at: number, gtids: string, ordinal = 0, prepared = ''): Position {
  const place = ordinal === 0 ? `${prefix}:${at}` : `${prefix}:${at}#${ordinal}`;
  const numbered = gtids === '' ? place : `${place} ${gtids}`;
  return (prepared === '' ? numbered : `${numbered} xa=${prepared}`) as Position;
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
  if (isOther(ours, theirs)) return containsAll(ours, theirs);
  if (ours.file !== theirs.file) return ours.file > theirs.file;
  return ours.at === theirs.at ? ours.ordinal >= theirs.ordinal : ours.at > theirs.at;
}

/** True when the files of two places say nothing about each other: one server took over from the other. */
export function isOther(one: Place, other: Place): boolean {
  if (one.server === other.server || one.server === undefined || other.server === undefined) return false;
  return one.gtids !== '' && other.gtids !== '';
}

/** Servers that take over commit in the same order. */
function containsAll(ours: Place, theirs: Place): boolean {
  if (!includesAll(ours.gtids, theirs.gtids)) return false;
  return theirs.ordinal === 0 || !includesAll(theirs.gtids, ours.gtids) || ours.ordinal >= theirs.ordinal;
}
