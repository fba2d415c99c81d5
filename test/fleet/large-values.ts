// Large values that two processes make up alike, and the table that they are written to.

import { oracleConversion, oracleHandling } from '../../src/convert/oracle-forms.ts';
import type { ConversionOf } from '../../src/databases/conversion.ts';
import { oracleTable } from '../oracle/oracle-table.ts';

export const LARGE = oracleTable('LEFT', ['ID NUMBER(10)', 'B BLOB', 'C CLOB'], 'ID');

/** As in a catalog that was converted. */
export const largeConversion: ConversionOf = (column) =>
  oracleConversion({ ...column, handling: oracleHandling(column.type === 'BLOB' ? 'bytes' : 'plain') });

/** Every byte there is, and no two blocks that are the same. */
export function largeBytes(length: number): Buffer {
  const bytes = Buffer.alloc(length, Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)));
  for (let at = 0; at + 4 < length; at += 1_000) bytes.writeUInt32LE(at, at);
  return bytes;
}

/** Characters of all lengths, and what has to be escaped; in UTF-8. */
export function largeText(length: number): Buffer {
  const bytes = Buffer.alloc(length, 'plain, "é"\t€😀\\\n');
  for (let at = 1_000; at + 8 < length; at += 1_000) bytes.write(String(at).padStart(8, ' '), at);
  return Buffer.from(bytes.toString());
}
