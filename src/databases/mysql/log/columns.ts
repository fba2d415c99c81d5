// How the value of each column is read from a row in the log: one reader for each type.

import { constants } from 'node:buffer';
import { MigrateError } from '../../../lib/errors.ts';
import type { Value } from '../../../model/change.ts';
import { addressText } from './addresses.ts';
import { uncompressed } from './compressed.ts';
import type { Cursor } from './cursor.ts';
import { jsonText } from './json.ts';
import {
  dateText,
  datetimeText,
  fractionSize,
  oldDatetimeText,
  oldTimeText,
  secondsText,
  timestampText,
  timeText,
} from './moments.ts';
import { decimalSize, decimalText, doubleText, floatText, int64 } from './numbers.ts';
import { type Charset, type CharsetOf, isBinary, type LoggedColumn, labelTexts, TYPE } from './types.ts';

export interface ValueReader {
  read(cursor: Cursor): Value;
  /** Moves past the value. */
  skip(cursor: Cursor): void;
}

/**
 * Throws STREAM.UNKNOWN for a type or character set that is not known. `declared`: the type by the server's name for it, where it
 * is known; some types the log describes as others.
 */
export function valueReader(column: LoggedColumn, charsetOf: CharsetOf, declared = ''): ValueReader {
  const { type, meta } = column;
  const address = type === TYPE.STRING ? addressText(declared) : undefined;
  if (address !== undefined) return withLength(1, (at, size) => address(padded(at.copy(size), meta)));
  return numberReader(column) ?? momentReader(type, meta) ?? bytesReader(column, charsetOf) ?? unknown(column);
}

function fixed(size: number, read: (cursor: Cursor) => Value): ValueReader {
  return {
    read,
    skip: (cursor) => {
      cursor.at += size;
    },
  };
}

function numberReader({ type, meta, unsigned }: LoggedColumn): ValueReader | undefined {
  switch (type) {
    case TYPE.TINY:
      return fixed(1, unsigned ? (at) => String(at.u8()) : (at) => String((at.u8() << 24) >> 24));
    case TYPE.SHORT:
      return fixed(2, unsigned ? (at) => String(at.u16()) : (at) => String((at.u16() << 16) >> 16));
    case TYPE.INT24:
      return fixed(3, unsigned ? (at) => String(at.u24()) : (at) => String((at.u24() << 8) >> 8));
    case TYPE.LONG:
      return fixed(4, unsigned ? (at) => String(at.u32()) : (at) => String(at.u32() | 0));
    case TYPE.LONGLONG:
      return fixed(8, (at) => int64(at, unsigned));
    case TYPE.FLOAT:
      return fixed(4, (at) => {
        at.at += 4;
        return floatText(at.bytes.readFloatLE(at.at - 4));
      });
    case TYPE.DOUBLE:
      return fixed(8, (at) => {
        at.at += 8;
        return doubleText(at.bytes.readDoubleLE(at.at - 8));
      });
    case TYPE.NEWDECIMAL: {
      const precision = meta >> 8;
      const scale = meta & 0xff;
      return fixed(decimalSize(precision, scale), (at) => decimalText(at, precision, scale));
    }
    default:
      return undefined;
  }
}

function momentReader(type: number, meta: number): ValueReader | undefined {
  switch (type) {
    case TYPE.YEAR:
      return fixed(1, (at) => {
        const year = at.u8();
        return year === 0 ? '0000' : String(1900 + year);
      });
    case TYPE.DATE:
      return fixed(3, dateText);
    case TYPE.TIMESTAMP2:
      return fixed(4 + fractionSize(meta), (at) => timestampText(at, meta));
    case TYPE.DATETIME2:
      return fixed(5 + fractionSize(meta), (at) => datetimeText(at, meta));
    case TYPE.TIME2:
      return fixed(3 + fractionSize(meta), (at) => timeText(at, meta));
    case TYPE.TIMESTAMP:
      return fixed(4, (at) => secondsText(at.u32()));
    case TYPE.DATETIME:
      return fixed(8, oldDatetimeText);
    case TYPE.TIME:
      return fixed(3, oldTimeText);
    default:
      return undefined;
  }
}

function bytesReader(column: LoggedColumn, charsetOf: CharsetOf): ValueReader | undefined {
  const { type, meta } = column;
  switch (type) {
    case TYPE.BIT:
      return fixed((meta + 7) >> 3, (at) => at.copy((meta + 7) >> 3));
    case TYPE.ENUM:
      return fixed(meta, enumReader(column, charsetOf));
    case TYPE.SET:
      return fixed(meta, setReader(column, charsetOf));
    case TYPE.STRING:
    case TYPE.VARCHAR:
    case TYPE.VAR_STRING:
      return withLength(meta > 0xff ? 2 : 1, textReader(column, charsetOf));
    case TYPE.BLOB:
      return withLength(meta, textReader(column, charsetOf));
    case TYPE.VARCHAR_COMPRESSED:
      return withLength(meta > 0xff ? 2 : 1, compressedReader(column, charsetOf));
    case TYPE.BLOB_COMPRESSED:
      return withLength(meta, compressedReader(column, charsetOf));
    case TYPE.JSON:
      return withLength(meta, (at, size) => {
        const start = at.at;
        at.at += size;
        return jsonText(at.bytes, start, at.at);
      });
    case TYPE.GEOMETRY:
    case TYPE.VECTOR:
      return withLength(meta, (at, size) => at.copy(size));
    default:
      return undefined;
  }
}

/** A value behind its own length, which takes `width` bytes. */
function withLength(width: number, read: (cursor: Cursor, size: number) => Value): ValueReader {
  return {
    read: (cursor) => read(cursor, width === 1 ? cursor.u8() : cursor.uint(width)),
    skip: (cursor) => {
      const size = cursor.uint(width);
      cursor.at += size;
    },
  };
}

function textReader(column: LoggedColumn, charsetOf: CharsetOf): (cursor: Cursor, size: number) => Value {
  if (isBinary(column)) {
    // The log leaves out the zeros at the end of a BINARY.
    return column.type === TYPE.STRING ? (at, size) => padded(at.copy(size), column.meta) : (at, size) => at.copy(size);
  }
  const charset = charsetFor(column, charsetOf);
  return (cursor, size) => {
    if (size > constants.MAX_STRING_LENGTH) {
      throw new MigrateError('STREAM.VALUE_SIZE', `a value of column ${column.name} has ${size} bytes in the log`);
    }
    const start = cursor.at;
    cursor.at += size;
    return charset.decode(cursor.bytes, start, cursor.at);
  };
}

/** A column that MariaDB compresses. */
function compressedReader(column: LoggedColumn, charsetOf: CharsetOf): (cursor: Cursor, size: number) => Value {
  const charset = isBinary(column) ? undefined : charsetFor(column, charsetOf);
  return (cursor, size) => {
    const plain = uncompressed(cursor.copy(size));
    return charset === undefined ? plain : charset.decode(plain, 0, plain.length);
  };
}

function padded(bytes: Buffer, size: number): Buffer {
  return bytes.length === size ? bytes : Buffer.concat([bytes], size);
}

function charsetFor(column: LoggedColumn, charsetOf: CharsetOf): Charset {
  return (column.collation === undefined ? undefined : charsetOf(column.collation)) ?? unreadableText(column);
}

function unreadableText({ name, collation }: LoggedColumn): never {
  throw new MigrateError(
    'STREAM.FORMAT',
    `column ${name} has collation ${collation}, whose characters this version cannot read from the log`,
    { fix: 'Convert the column to utf8mb4 before the run, or exclude its table.' },
  );
}

function labelsOf(column: LoggedColumn, charsetOf: CharsetOf): readonly string[] {
  return labelTexts(column, charsetOf) ?? unreadableText(column);
}

/** Numbered from 1; 0 is the empty text that stands for an invalid value. */
function enumReader(column: LoggedColumn, charsetOf: CharsetOf): (cursor: Cursor) => Value {
  const texts = ['', ...labelsOf(column, charsetOf)];
  return (cursor) => {
    const index = cursor.uint(column.meta);
    const text = texts[index];
    if (text === undefined) throw new MigrateError('STREAM.UNKNOWN', `column ${column.name} has no value ${index}`);
    return text;
  };
}

function setReader(column: LoggedColumn, charsetOf: CharsetOf): (cursor: Cursor) => Value {
  const texts = labelsOf(column, charsetOf);
  return (cursor) => {
    const members: string[] = [];
    for (let byte = 0; byte < column.meta; byte++) {
      const bits = cursor.u8();
      for (let bit = 0; bit < 8; bit++) {
        if ((bits & (1 << bit)) === 0) continue;
        const text = texts[byte * 8 + bit];
        if (text === undefined) throw new MigrateError('STREAM.UNKNOWN', `column ${column.name} has an unknown member`);
        members.push(text);
      }
    }
    return members.join(',');
  };
}

function unknown({ name, type }: LoggedColumn): never {
  throw new MigrateError('STREAM.UNKNOWN', `column ${name} has type ${type} in the log`);
}
