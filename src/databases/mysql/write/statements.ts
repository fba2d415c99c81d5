// The statements that rows are written with. Sets are joined by key, one statement for as many rows as fit; none touches a
// row but by its key, so that no other unique value can lead it to another row.

import type { Key, LoggedValue, Row } from '../../../model/change.ts';
import { quoteTable } from '../sql.ts';
import type { WrittenColumn, WrittenTable } from './columns.ts';
import { tooLarge } from './failures.ts';

export interface Statement {
  readonly sql: string;
  /** In place of question marks. */
  readonly parameters?: readonly (string | Buffer)[];
  /** How many rows it must touch. */
  readonly rows: number;
}

/** What a server takes in one statement, and how many rows of them are worth a round trip. */
export interface Limits {
  readonly rows: number;
  readonly bytes: number;
  /** The server's max_allowed_packet. */
  readonly packet: number;
}

/** Larger statements are no quicker, and the server keeps an object of some 200 bytes for every value in one. */
const MOST = { rows: 2_000, bytes: 1 << 20 };
/** A text or bytes of this length is a parameter where a statement would be too large: there it takes no more than its size. */
const LONG = 1 << 13;
/** For what the protocol adds. */
const ENVELOPE = 512;

export function limitsOf(packet: number): Limits {
  return { rows: MOST.rows, bytes: Math.min(MOST.bytes, packet - ENVELOPE), packet };
}

export function setDeletes(written: WrittenTable, keys: readonly Key[], limits: Limits): Generator<Statement> {
  return pieces(keys, limits, {
    head: `DELETE ${quoteTable(written.table)} FROM (VALUES `,
    row: (key) => `ROW(${keyLiterals(written, key)})`,
    tail: `) AS v(${names('k', written.key)}) ${joined(written)}`,
    alone: (key) => rowDelete(written, key, limits),
  });
}

export interface UpdateSet {
  /** Indexes into the table's columns. */
  readonly columns: readonly number[];
  readonly keys: readonly Key[];
  readonly rows: readonly Row[];
}

export function setUpdates(written: WrittenTable, set: UpdateSet, limits: Limits): Generator<Statement> {
  const carried = set.columns.flatMap((index) => written.columns[index] ?? []);
  const table = quoteTable(written.table);
  const assigned = [
    ...carried.map(({ name }, index) => `${table}.${name} = v.c${index}`),
    ...kept(written, carried).map(({ name }) => `${table}.${name} = ${table}.${name}`),
  ];
  const values = (row: Row): string =>
    set.columns.map((index) => `, ${written.columns[index]?.literal(row[index]) ?? ''}`).join('');
  return pieces([...set.rows.keys()], limits, {
    head: 'UPDATE (VALUES ',
    row: (at) => `ROW(${keyLiterals(written, set.keys[at] ?? [])}${values(set.rows[at] ?? [])})`,
    tail: `) AS v(${[names('k', written.key), ...carried.map((_, index) => `c${index}`)].join(', ')})
      ${joined(written)} SET ${assigned.join(', ')}`,
    alone: (at) => {
      const row = set.rows[at] ?? [];
      const only = row.map((value, index) => (set.columns.includes(index) ? value : undefined));
      return rowUpdate(written, set.keys[at] ?? [], only, limits);
    },
  });
}

export function setInserts(written: WrittenTable, rows: readonly Row[], limits: Limits): Generator<Statement> {
  return pieces(rows, limits, {
    head: `${insertInto(written)} VALUES `,
    row: (row) => `(${written.columns.map((column, index) => column.literal(row[index])).join(', ')})`,
    tail: '',
    alone: (row) => rowInsert(written, row, limits),
  });
}

export function rowDelete(written: WrittenTable, key: Key, limits: Limits): Statement {
  const condition = hasKey(written, key);
  return fitted(limits, () => `DELETE FROM ${quoteTable(written.table)} WHERE ${condition}`);
}

/** The key as it was; undefined values stay as they are. */
export function rowUpdate(written: WrittenTable, key: Key, row: Row, limits: Limits): Statement {
  const carried = written.columns.filter((_, index) => row[index] !== undefined);
  const condition = hasKey(written, key);
  return fitted(limits, (say) => {
    const assigned = [
      ...written.columns.flatMap((column, index) =>
        row[index] === undefined ? [] : [`${column.name} = ${say(column, row[index])}`],
      ),
      ...kept(written, carried).map(({ name }) => `${name} = ${name}`),
    ];
    return `UPDATE ${quoteTable(written.table)} SET ${assigned.join(', ')} WHERE ${condition}`;
  });
}

export function rowInsert(written: WrittenTable, row: Row, limits: Limits): Statement {
  return fitted(limits, (say) => {
    const values = written.columns.map((column, index) => say(column, row[index])).join(', ');
    return `${insertInto(written)} VALUES (${values})`;
  });
}

/** Deletes that many copies of a row, which is found by all its values. Each reads the table, unless an index helps. */
export function copiesDelete(written: WrittenTable, row: Key, copies: number, limits: Limits): Statement {
  const condition = written.key.map((column, index) => column.isExactly(row[index])).join(' AND ');
  const sql = `DELETE FROM ${quoteTable(written.table)} WHERE ${condition} LIMIT ${copies}`;
  return { ...fitted(limits, () => sql), rows: copies };
}

function insertInto(written: WrittenTable): string {
  return `INSERT INTO ${quoteTable(written.table)} (${written.columns.map(({ name }) => name).join(', ')})`;
}

/** Assigned to themselves: ON UPDATE CURRENT_TIMESTAMP would change them, and a row with nothing to change must be touched. */
function kept(written: WrittenTable, carried: readonly WrittenColumn[]): readonly WrittenColumn[] {
  const moments = written.columns.filter(
    (each) => !carried.includes(each) && /^(timestamp|datetime)/.test(each.column.type),
  );
  return carried.length + moments.length > 0 ? moments : written.key.slice(0, 1);
}

function keyLiterals({ key }: WrittenTable, values: Key): string {
  return key.map((column, index) => column.keyLiteral(values[index])).join(', ');
}

function hasKey({ key }: WrittenTable, values: Key): string {
  return key.map((column, index) => `${column.name} = ${column.keyLiteral(values[index])}`).join(' AND ');
}

/** Not by an alias: with one a DELETE would need a current database. */
function joined({ table, key }: WrittenTable): string {
  const name = quoteTable(table);
  const same = key.map((column, index) => `${name}.${column.name} = v.k${index}`);
  return `STRAIGHT_JOIN ${name} ON ${same.join(' AND ')}`;
}

function names(prefix: string, columns: readonly WrittenColumn[]): string {
  return columns.map((_, index) => `${prefix}${index}`).join(', ');
}

interface Pieces<T> {
  readonly head: string;
  row(item: T): string;
  readonly tail: string;
  /** For a row that does not fit. */
  alone(item: T): Statement;
}

function* pieces<T>(items: readonly T[], limits: Limits, { head, row, tail, alone }: Pieces<T>): Generator<Statement> {
  const room = limits.bytes - Buffer.byteLength(head) - Buffer.byteLength(tail);
  let texts: string[] = [];
  let bytes = 0;
  const piece = (): Statement => ({ sql: `${head}${texts.join(',')}${tail}`, rows: texts.length });
  for (const item of items) {
    const text = row(item);
    const size = Buffer.byteLength(text) + 1;
    if (texts.length > 0 && (texts.length >= limits.rows || bytes + size > room)) {
      yield piece();
      texts = [];
      bytes = 0;
    }
    if (size > room) yield alone(item);
    else {
      texts.push(text);
      bytes += size;
    }
  }
  if (texts.length > 0) yield piece();
}

type Say = (column: WrittenColumn, value: LoggedValue) => string;

/** A statement of one row. `build` is asked again where it is too large with every value in its text. */
function fitted(limits: Limits, build: (say: Say) => string): Statement {
  const plain = build((column, value) => column.literal(value));
  if (Buffer.byteLength(plain) <= limits.packet - ENVELOPE) return { sql: plain, rows: 1 };
  const parameters: (string | Buffer)[] = [];
  const sql = build((column, value) => {
    if (value === null || value === undefined || value.length < LONG) return column.literal(value);
    parameters.push(column.conversion.read(value));
    return '?';
  });
  const bytes = parameters.reduce((sum, each) => sum + Buffer.byteLength(each), Buffer.byteLength(sql));
  if (bytes > limits.packet - ENVELOPE) throw tooLarge(bytes, limits.packet);
  return { sql, parameters, rows: 1 };
}
