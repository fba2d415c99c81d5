// Builds messages of the pgoutput plugin, as the protocol's description has them.

import { type Column, type Table, tableId } from '../../src/model/table.ts';

export type Cell = string | null | { readonly unavailable: true };

export const UNAVAILABLE = { unavailable: true } as const;

export interface RelationColumn {
  readonly name: string;
  readonly oid: number;
  readonly modifier?: number;
  readonly key?: boolean;
}

export function makeTable(name: string, columns: readonly string[], key: readonly number[] = [0]): Table {
  return {
    id: tableId('shop', name),
    schema: 'shop',
    name,
    columns: columns.map((column): Column => ({ name: column, type: 'text', castType: 'text' })),
    key,
    rowEstimate: 0,
    identity: 'key',
    spread: true,
    byteEstimate: 0,
  };
}

export function begin(finalLsn: bigint): Buffer {
  return Buffer.concat([Buffer.from('B'), int64(finalLsn), int64(0n), int32(7)]);
}

export function commit(endLsn: bigint): Buffer {
  return Buffer.concat([Buffer.from('C\0'), int64(endLsn - 1n), int64(endLsn), int64(0n)]);
}

export function relation(options: {
  readonly oid: number;
  readonly name: string;
  readonly columns: readonly RelationColumn[];
  readonly schema?: string;
  readonly identity?: string;
}): Buffer {
  const columns = options.columns.map((column) =>
    Buffer.concat([
      Buffer.from([column.key === true ? 1 : 0]),
      cstring(column.name),
      int32(column.oid),
      int32(column.modifier ?? -1),
    ]),
  );
  return Buffer.concat([
    Buffer.from('R'),
    int32(options.oid),
    cstring(options.schema ?? 'shop'),
    cstring(options.name),
    Buffer.from(options.identity ?? 'd'),
    int16(columns.length),
    ...columns,
  ]);
}

export function insert(oid: number, row: readonly Cell[]): Buffer {
  return Buffer.concat([Buffer.from('I'), int32(oid), Buffer.from('N'), tuple(row)]);
}

export function update(
  oid: number,
  row: readonly Cell[],
  old?: { readonly kind: 'K' | 'O'; readonly row: readonly Cell[] },
): Buffer {
  const before = old === undefined ? [] : [Buffer.from(old.kind), tuple(old.row)];
  return Buffer.concat([Buffer.from('U'), int32(oid), ...before, Buffer.from('N'), tuple(row)]);
}

export function remove(oid: number, kind: 'K' | 'O', row: readonly Cell[]): Buffer {
  return Buffer.concat([Buffer.from('D'), int32(oid), Buffer.from(kind), tuple(row)]);
}

export function truncate(oids: readonly number[]): Buffer {
  return Buffer.concat([Buffer.from('T'), int32(oids.length), Buffer.from([0]), ...oids.map(int32)]);
}

export function message(prefix: string, content: string, transactional = true): Buffer {
  const text = Buffer.from(content);
  return Buffer.concat([
    Buffer.from('M'),
    Buffer.from([transactional ? 1 : 0]),
    int64(0n),
    cstring(prefix),
    int32(text.length),
    text,
  ]);
}

function tuple(row: readonly Cell[]): Buffer {
  const cells = row.map((cell) => {
    if (cell === null) return Buffer.from('n');
    if (typeof cell !== 'string') return Buffer.from('u');
    const text = Buffer.from(cell);
    return Buffer.concat([Buffer.from('t'), int32(text.length), text]);
  });
  return Buffer.concat([int16(row.length), ...cells]);
}

function cstring(text: string): Buffer {
  return Buffer.from(`${text}\0`);
}

function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value | 0);
  return bytes;
}

function int64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(value);
  return bytes;
}
