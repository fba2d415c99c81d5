// Tables of Oracle as a converted catalog has them, and conversions that change nothing but bytes.

import type { ConversionOf } from '../../src/databases/conversion.ts';
import { kindOf } from '../../src/databases/oracle/values.ts';
import { type Table, tableId } from '../../src/model/table.ts';

/** Bytes as hex. */
export const hexOf: ConversionOf = (column) =>
  kindOf(column).isBytes
    ? {
        print: (own) => own.toString('hex'),
        read: (hex) => (Buffer.isBuffer(hex) ? hex : Buffer.from(hex, 'hex')),
        hex: '',
      }
    : { print: (own) => own, read: (text) => text, isSame: true };

/** `SHOP.name` with these columns, `NAME TYPE`; with no key rows are found by all of them. */
export function oracleTable(name: string, columns: readonly string[], ...key: readonly string[]): Table {
  const found = columns.map((column) => {
    const [own = '', ...type] = column.split(' ');
    return { name: own, type: type.join(' '), castType: type.join(' ').replace(/\(.*?\)/g, '') };
  });
  const indexes = key.map((one) => found.findIndex((column) => column.name === one));
  return {
    id: tableId('shop', name.toLowerCase()),
    schema: 'SHOP',
    name,
    columns: found,
    key: key.length > 0 ? indexes : found.map((_, index) => index),
    identity: key.length > 0 ? 'key' : 'row',
    spread: false,
    rowEstimate: 0,
    byteEstimate: 0,
  };
}

/** The statement that makes it. */
export function createTable({ name, columns, key, identity }: Table): string {
  const lines = columns.map((column, index) => {
    const isKey = identity === 'key' && key.includes(index);
    return `"${column.name}" ${column.type}${isKey ? ' NOT NULL' : ''}`;
  });
  const names = key.map((index) => `"${columns[index]?.name}"`).join(', ');
  const primary = identity === 'key' ? [`CONSTRAINT "${name}_PK" PRIMARY KEY (${names})`] : [];
  return `CREATE TABLE "SHOP"."${name}" (${[...lines, ...primary].join(', ')})`;
}
