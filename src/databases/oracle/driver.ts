// The driver, loaded when the first session is opened, and what values become on their way through it.

import type { BindDefinition, ColumnMetadata, Driver, FetchType } from 'oracledb';
import { MigrateError } from '../../lib/errors.ts';

/** Numbers and texts are strings, RAW and BLOB are bytes; an empty text is NULL. */
export type Value = string | Buffer | null;
export type ValueRow = readonly Value[];
/** A number must be one that JavaScript holds exactly. */
export type Bind = Value | number;

/** A column of a batch. The driver wants the size of the longest value, in bytes of UTF-8; of a number it means nothing. */
export interface BindColumn {
  readonly type: 'text' | 'bytes' | 'clob' | 'blob' | 'number';
  readonly maxBytes: number;
}

/** Bytes that a value may have to be bound as itself by every server. */
export const SHORT = 4_000;
/** A bound value of this declared length is a LONG to every server. */
export const LONG = 32_768;
/** Of an answer with rows. */
const FETCHED_BYTES = 1 << 24;

export async function loadDriver(): Promise<Driver> {
  return (await import('oracledb')).default;
}

export function bindDefinition(driver: Driver, { type, maxBytes }: BindColumn): BindDefinition {
  const maxSize = Math.max(1, maxBytes);
  switch (type) {
    case 'text':
      return { type: driver.DB_TYPE_VARCHAR, maxSize };
    case 'bytes':
      return { type: driver.DB_TYPE_RAW, maxSize };
    case 'clob':
      return { type: driver.DB_TYPE_CLOB };
    case 'blob':
      return { type: driver.DB_TYPE_BLOB };
    case 'number':
      return { type: driver.DB_TYPE_NUMBER };
  }
}

/**
 * The columns of a batch as its values are; one with nothing but NULL is a text. What is longer than any server takes for a text is
 * for a large object: it is declared so long that it is sent as a LONG, which the driver puts behind all others (ORA-24816).
 */
export function columnsOf(rows: readonly (readonly Bind[])[]): readonly BindColumn[] {
  return (rows[0] ?? []).map((_, index) => {
    let type: BindColumn['type'] = 'text';
    let maxBytes = 1;
    for (const row of rows) {
      const value = row[index] ?? null;
      if (value === null) continue;
      if (typeof value === 'number') return { type: 'number', maxBytes };
      if (Buffer.isBuffer(value)) type = 'bytes';
      maxBytes = Math.max(maxBytes, Buffer.byteLength(value));
    }
    return { type, maxBytes: maxBytes > SHORT ? Math.max(maxBytes, LONG) : maxBytes };
  });
}

/**
 * Every value as text or bytes. The driver makes moments, intervals and JSON values of JavaScript, which lose parts of them: they
 * are refused, so that nobody forgets to ask the server for their text.
 */
export function fetchAs(driver: Driver): (column: ColumnMetadata) => FetchType | undefined {
  const asIs = new Set([
    driver.DB_TYPE_CHAR,
    driver.DB_TYPE_NCHAR,
    driver.DB_TYPE_VARCHAR,
    driver.DB_TYPE_NVARCHAR,
    driver.DB_TYPE_RAW,
    driver.DB_TYPE_ROWID,
  ]);
  const converted = new Map<unknown, FetchType>([
    [driver.DB_TYPE_NUMBER, { type: driver.DB_TYPE_VARCHAR, converter: numberText }],
    [driver.DB_TYPE_BINARY_DOUBLE, { converter: (value) => floatText(value, String) }],
    [driver.DB_TYPE_BINARY_FLOAT, { converter: (value) => floatText(value, singleText) }],
    [driver.DB_TYPE_CLOB, { type: driver.DB_TYPE_VARCHAR }],
    [driver.DB_TYPE_NCLOB, { type: driver.DB_TYPE_VARCHAR }],
    [driver.DB_TYPE_LONG, { type: driver.DB_TYPE_VARCHAR }],
    [driver.DB_TYPE_BLOB, { type: driver.DB_TYPE_RAW }],
  ]);
  return ({ name, dbType }) => {
    const type = converted.get(dbType);
    if (type !== undefined || asIs.has(dbType)) return type;
    throw new MigrateError(
      'INTERNAL.BUG',
      `column ${name} of a query must be asked for as text, not as ${dbType.name}`,
    );
  };
}

/** How many rows to ask for after these: not many more, for those that follow may be larger. */
export function countAfter(rows: readonly ValueRow[]): number {
  const bytes = rows.reduce((sum, row) => row.reduce((all, value) => all + (value?.length ?? 0), sum), 1);
  return Math.max(1, Math.min(4 * rows.length, Math.floor((rows.length * FETCHED_BYTES) / bytes)));
}

/** Oracle writes no zero before the point. */
function numberText(value: unknown): unknown {
  return typeof value === 'string' ? value.replace(/^(-?)\./, '$10.') : value;
}

function floatText(value: unknown, text: (number: number) => string): unknown {
  if (typeof value !== 'number') return value;
  return Object.is(value, -0) ? '-0' : text(value);
}

/** The shortest text that is this number among those of single precision. */
function singleText(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  for (let digits = 6; digits < 9; digits++) {
    const text = String(Number(value.toPrecision(digits)));
    if (Math.fround(Number(text)) === value) return text;
  }
  return String(Number(value.toPrecision(9)));
}
