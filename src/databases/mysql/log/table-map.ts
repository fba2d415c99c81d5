// The description of a table that stands in the log before its rows.

import { MigrateError } from '../../../lib/errors.ts';
import type { Cursor } from './cursor.ts';
import { type LoggedColumn, TYPE } from './types.ts';

/** A table as the log describes it. Names and what depends on them are there with `binlog_row_metadata = FULL` only. */
export interface LoggedTable {
  readonly schema: string;
  readonly name: string;
  readonly columns: readonly LoggedColumn[];
  /** False where the log has no names for the columns. */
  readonly isNamed: boolean;
  /** Indexes of the primary key's columns, in its order; none where it has the beginning of a value in it, and finds no row. */
  readonly primaryKey: readonly number[];
}

const FIELD = {
  SIGNEDNESS: 1,
  DEFAULT_CHARSET: 2,
  COLUMN_CHARSET: 3,
  COLUMN_NAME: 4,
  SET_LABELS: 5,
  ENUM_LABELS: 6,
  GEOMETRY_TYPE: 7,
  PRIMARY_KEY: 8,
  PREFIX_PRIMARY_KEY: 9,
  LABEL_DEFAULT_CHARSET: 10,
  LABEL_CHARSET: 11,
  DIMENSION: 13,
} as const;

const NUMERIC = new Set<number>([
  TYPE.TINY,
  TYPE.SHORT,
  TYPE.INT24,
  TYPE.LONG,
  TYPE.LONGLONG,
  TYPE.NEWDECIMAL,
  TYPE.FLOAT,
  TYPE.DOUBLE,
  TYPE.YEAR,
]);
const TEXTUAL = new Set<number>([
  TYPE.STRING,
  TYPE.VAR_STRING,
  TYPE.VARCHAR,
  TYPE.BLOB,
  TYPE.BLOB_COMPRESSED,
  TYPE.VARCHAR_COMPRESSED,
]);

type Draft = { -readonly [K in keyof LoggedColumn]: LoggedColumn[K] };

/** The schema and name only: what a table that is not captured needs. Leaves the cursor behind them. */
export function readTableName(cursor: Cursor): { readonly schema: string; readonly name: string } {
  const schema = cursor.utf8(cursor.u8());
  cursor.at += 1;
  const name = cursor.utf8(cursor.u8());
  cursor.at += 1;
  return { schema, name };
}

/** Reads what follows the name. Among the columns with a character set MariaDB counts geometries, and MySQL vectors. */
export function readTable(
  cursor: Cursor,
  { schema, name }: { readonly schema: string; readonly name: string },
  isMariadb: boolean,
): LoggedTable {
  const count = cursor.packed();
  const types = cursor.copy(count);
  const metaEnd = cursor.packed() + cursor.at;
  const columns = Array.from(types, (type) => readColumn(cursor, type));
  if (cursor.at !== metaEnd) throw malformed(schema, name);
  // Which columns may be NULL: the rows say which are.
  cursor.at += (count + 7) >> 3;
  const primaryKey: number[] = [];
  let isNamed = count === 0;
  while (cursor.at < cursor.end) {
    const field = cursor.u8();
    const end = cursor.packed() + cursor.at;
    if (field === FIELD.COLUMN_NAME) isNamed = true;
    if (field === FIELD.PRIMARY_KEY) while (cursor.at < end) primaryKey.push(cursor.packed());
    else if (field !== FIELD.PREFIX_PRIMARY_KEY) readField(cursor, field, end, columns, isMariadb);
    cursor.at = end;
  }
  if (cursor.at !== cursor.end) throw malformed(schema, name);
  return { schema, name, columns, isNamed, primaryKey };
}

function readColumn(cursor: Cursor, type: number): Draft {
  const column: Draft = {
    name: '',
    type,
    meta: 0,
    unsigned: false,
    collation: undefined,
    labels: [],
    geometry: 0,
    dimension: 0,
  };
  switch (type) {
    case TYPE.FLOAT:
    case TYPE.DOUBLE:
    case TYPE.BLOB:
    case TYPE.BLOB_COMPRESSED:
    case TYPE.JSON:
    case TYPE.GEOMETRY:
    case TYPE.VECTOR:
    case TYPE.TIMESTAMP2:
    case TYPE.DATETIME2:
    case TYPE.TIME2:
      column.meta = cursor.u8();
      break;
    case TYPE.VARCHAR:
    case TYPE.VARCHAR_COMPRESSED:
    case TYPE.VAR_STRING:
      column.meta = cursor.u16();
      break;
    case TYPE.NEWDECIMAL:
      column.meta = cursor.uintBE(2);
      break;
    case TYPE.BIT: {
      const odd = cursor.u8();
      column.meta = cursor.u8() * 8 + odd;
      break;
    }
    case TYPE.STRING:
      readStringType(cursor, column);
      break;
    default:
      break;
  }
  return column;
}

/** The first byte is the true type; where it lacks bits that all types here have, they are the high bits of the length. */
function readStringType(cursor: Cursor, column: Draft): void {
  const first = cursor.u8();
  const second = cursor.u8();
  const real = first | 0x30;
  if (first === TYPE.ENUM || first === TYPE.SET) {
    column.type = first;
    column.meta = second;
    return;
  }
  column.type = real;
  column.meta = second | ((real ^ first) << 4);
}

function readField(cursor: Cursor, field: number, end: number, columns: readonly Draft[], isMariadb: boolean): void {
  const labelled = (type: number): readonly Draft[] => columns.filter((column) => column.type === type);
  const inEnumsAndSets = columns.filter(({ type }) => type === TYPE.ENUM || type === TYPE.SET);
  const bytes = isMariadb ? TYPE.GEOMETRY : TYPE.VECTOR;
  const inTexts = columns.filter(({ type }) => TEXTUAL.has(type) || type === bytes);
  switch (field) {
    case FIELD.SIGNEDNESS:
      for (const [index, column] of columns.filter(({ type }) => NUMERIC.has(type)).entries()) {
        column.unsigned = (cursor.bytes.readUInt8(cursor.at + (index >> 3)) & (0x80 >> (index & 7))) !== 0;
      }
      break;
    case FIELD.DEFAULT_CHARSET:
      readDefaultCharset(cursor, end, inTexts);
      break;
    case FIELD.COLUMN_CHARSET:
      for (const column of inTexts) column.collation = cursor.packed();
      break;
    case FIELD.LABEL_DEFAULT_CHARSET:
      readDefaultCharset(cursor, end, inEnumsAndSets);
      break;
    case FIELD.LABEL_CHARSET:
      for (const column of inEnumsAndSets) column.collation = cursor.packed();
      break;
    case FIELD.COLUMN_NAME:
      for (const column of columns) column.name = cursor.utf8(cursor.packed());
      break;
    case FIELD.SET_LABELS:
      for (const column of labelled(TYPE.SET)) column.labels = readLabels(cursor);
      break;
    case FIELD.ENUM_LABELS:
      for (const column of labelled(TYPE.ENUM)) column.labels = readLabels(cursor);
      break;
    case FIELD.GEOMETRY_TYPE:
      for (const column of labelled(TYPE.GEOMETRY)) column.geometry = cursor.packed();
      break;
    case FIELD.DIMENSION:
      for (const column of labelled(TYPE.VECTOR)) column.dimension = cursor.packed();
      break;
    // Others say nothing about values: which columns are hidden, for instance.
    default:
      break;
  }
}

function readDefaultCharset(cursor: Cursor, end: number, columns: readonly Draft[]): void {
  const common = cursor.packed();
  for (const column of columns) column.collation = common;
  while (cursor.at < end) {
    const column = columns[cursor.packed()];
    const collation = cursor.packed();
    if (column !== undefined) column.collation = collation;
  }
}

/** As the bytes of their character set: `latin1` here only means that each byte is kept. */
function readLabels(cursor: Cursor): readonly string[] {
  return Array.from({ length: cursor.packed() }, () => cursor.latin1(cursor.packed()));
}

function malformed(schema: string, name: string): MigrateError {
  return new MigrateError('STREAM.UNKNOWN', `the log describes ${schema}.${name} in a form that is malformed`);
}
