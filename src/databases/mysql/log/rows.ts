// Reads the rows of one event: what was inserted, updated or deleted, as changes of a table of the run.

import { MigrateError } from '../../../lib/errors.ts';
import type { Change, Key, LoggedValue } from '../../../model/change.ts';
import type { Table } from '../../../model/table.ts';
import { inflated } from './compressed.ts';
import { Cursor } from './cursor.ts';
import type { Rows } from './events.ts';
import type { Relation } from './tables.ts';

/** `bytes`: of the row in the log. */
export type TakeChange = (change: Change, bytes: number) => void;

export class RowsReader {
  readonly #cursor = new Cursor();
  readonly #run: string;

  /** `run`: whose markers are delivered. */
  constructor(run: string) {
    this.#run = run;
  }

  /** Hands out the changes in the order in which they were made. */
  read(rows: Rows, relation: Relation, take: TakeChange): void {
    const cursor = this.#cursor.over(rows.bytes, rows.at, rows.until);
    const width = cursor.packed();
    if (width !== relation.readers.length) throw malformed(relation);
    const before = columnsPresent(cursor, width);
    const after = rows.op === 'update' ? columnsPresent(cursor, width) : before;
    if (rows.compressed) {
      const content = inflated(cursor);
      cursor.over(content, 0, content.length);
    }
    while (cursor.at < cursor.end) {
      const start = cursor.at;
      const change = this.#change(rows.op, relation, before, after);
      if (cursor.at > cursor.end) throw malformed(relation);
      if (change !== undefined) take(change, cursor.at - start);
    }
  }

  #change(op: Rows['op'], relation: Relation, before: Uint8Array, after: Uint8Array): Change | undefined {
    const { table } = relation;
    if (table === undefined) return this.#marker(op, relation, before, after);
    if (op === 'insert') {
      const row = this.#row(relation, before);
      if (row.includes(undefined)) throw partial(table);
      return { op, table, row };
    }
    const old = this.#old(relation, before);
    const key = keyIn(table, old);
    if (op === 'delete') return { op, table, key };
    const row = this.#row(relation, after);
    // What the log leaves out of the new row did not change.
    for (let index = 0; index < row.length; index++) if (row[index] === undefined) row[index] = old[index];
    return { op, table, key, row };
  }

  #marker(op: Rows['op'], relation: Relation, before: Uint8Array, after: Uint8Array): Change | undefined {
    const row = this.#row(relation, before);
    const [run, content] = op === 'update' ? this.#row(relation, after) : row;
    if (op === 'delete' || (run !== undefined && run !== this.#run)) return undefined;
    if (typeof run !== 'string' || typeof content !== 'string') {
      throw new MigrateError('STREAM.FORMAT', 'a marker was logged in parts');
    }
    return { op: 'marker', content };
  }

  #row({ readers, places, width, logged }: Relation, present: Uint8Array): LoggedValue[] {
    const cursor = this.#cursor;
    const nulls = nullsOf(cursor, present);
    const row: LoggedValue[] = new Array(width);
    for (let index = 0; index < width; index++) row[index] = index < logged ? undefined : null;
    for (let index = 0, bit = 0; index < readers.length; index++) {
      if (present[index] === 0) continue;
      const place = places[index] ?? -1;
      const isNull = isSet(cursor, nulls, bit++);
      if (isNull) {
        if (place >= 0) row[place] = null;
      } else if (place >= 0) row[place] = readers[index]?.read(cursor);
      else readers[index]?.skip(cursor);
    }
    return row;
  }

  /** Of the row before the change only the key is needed. */
  #old({ readers, places, width, inKey }: Relation, present: Uint8Array): LoggedValue[] {
    const cursor = this.#cursor;
    const nulls = nullsOf(cursor, present);
    const row: LoggedValue[] = new Array(width);
    for (let index = 0, bit = 0; index < readers.length; index++) {
      if (present[index] === 0) continue;
      const place = places[index] ?? -1;
      const isNull = isSet(cursor, nulls, bit++);
      if (isNull) {
        if (place >= 0) row[place] = null;
      } else if (inKey[index] === true) row[place] = readers[index]?.read(cursor);
      else readers[index]?.skip(cursor);
    }
    return row;
  }
}

/** For each column 1 when the log has it. */
function columnsPresent(cursor: Cursor, width: number): Uint8Array {
  const present = new Uint8Array(width);
  for (let index = 0; index < width; index++) {
    present[index] = (cursor.bytes.readUInt8(cursor.at + (index >> 3)) >> (index & 7)) & 1;
  }
  cursor.at += (width + 7) >> 3;
  return present;
}

/** Where the bits begin that say which of the present columns are NULL; moves past them. */
function nullsOf(cursor: Cursor, present: Uint8Array): number {
  let count = 0;
  for (const one of present) count += one;
  const at = cursor.at;
  cursor.at += (count + 7) >> 3;
  return at;
}

function isSet(cursor: Cursor, at: number, bit: number): boolean {
  return ((cursor.bytes[at + (bit >> 3)] ?? 0) & (1 << (bit & 7))) !== 0;
}

function keyIn(table: Table, row: readonly LoggedValue[]): Key {
  return table.key.map((index) => {
    const value = row[index];
    if (value === undefined) throw partial(table);
    return value;
  });
}

function partial(table: Table): MigrateError {
  return new MigrateError(
    'STREAM.FORMAT',
    `a row of ${table.id} was logged without all the values that are needed (binlog_row_image)`,
    {
      where: table.id,
      fix: 'SET GLOBAL binlog_row_image = FULL and let every session that set it otherwise reconnect; then abort with --drop and start again.',
    },
  );
}

function malformed({ table }: Relation): MigrateError {
  return new MigrateError('STREAM.UNKNOWN', `a row of ${table?.id ?? 'the markers'} in the log is malformed`);
}
