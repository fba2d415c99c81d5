// Events of a binary log as bytes, for tests of what reads them.

import { crc32 } from 'node:zlib';

export interface EventOptions {
  readonly type: number;
  readonly body: Buffer;
  readonly flags?: number;
  /** Where it ends in its file. */
  readonly end?: number;
}

/** An event with its checksum. */
export function event({ type, body, flags = 0, end = 1_000 }: EventOptions): Buffer {
  const head = Buffer.alloc(19);
  head.writeUInt32LE(0x6561f0a3, 0);
  head.writeUInt8(type, 4);
  head.writeUInt32LE(1, 5);
  head.writeUInt32LE(19 + body.length + 4, 9);
  head.writeUInt32LE(end, 13);
  head.writeUInt16LE(flags, 17);
  const checked = Buffer.concat([head, body]);
  const sum = Buffer.alloc(4);
  sum.writeUInt32LE(crc32(checked));
  return Buffer.concat([checked, sum]);
}

/** What begins a file whose events have checksums. */
export function formatEvent(): Buffer {
  const body = Buffer.alloc(2 + 50 + 4 + 1 + 40 + 1);
  body.writeUInt16LE(4, 0);
  body.write('9.7.4', 2);
  body.writeUInt8(19, 56);
  body.writeUInt8(1, body.length - 1);
  return event({ type: 15, body, end: 126 });
}

const text = (value: string): Buffer => Buffer.concat([Buffer.from([value.length]), Buffer.from(value)]);

/** The table `shop.t` with columns `id int` and `note varchar(10)`, the first being the key. */
export function tableMap(id = 7): Buffer {
  const names = Buffer.concat([text('id'), text('note')]);
  return event({
    type: 19,
    body: Buffer.concat([
      Buffer.from([id, 0, 0, 0, 0, 0, 1, 0]),
      text('shop'),
      Buffer.from([0]),
      text('t'),
      Buffer.from([0, 2, 3, 15, 2, 40, 0, 0b10]),
      // Signs, the collation, the names, and the primary key.
      Buffer.from([1, 1, 0, 2, 1, 45, 4, names.length]),
      names,
      Buffer.from([8, 1, 0]),
    ]),
  });
}

/** Rows that are inserted into it. */
export function writeRows(ids: readonly number[], id = 7): Buffer {
  const rows = ids.map((value) => {
    const row = Buffer.from([0, 0, 0, 0, 0, 1, 'x'.charCodeAt(0)]);
    row.writeInt32LE(value, 1);
    return row;
  });
  return event({ type: 30, body: Buffer.concat([Buffer.from([id, 0, 0, 0, 0, 0, 1, 0, 2, 0, 2, 0b11]), ...rows]) });
}
