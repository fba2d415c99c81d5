// MySQL's binary JSON as the text that the server prints for it.

import { MigrateError } from '../../../lib/errors.ts';
import { Cursor } from './cursor.ts';
import { packedDatetimeText, packedTimeText } from './moments.ts';
import { decimalText, doubleText } from './numbers.ts';

const SMALL_OBJECT = 0;
const LARGE_OBJECT = 1;
const SMALL_ARRAY = 2;
const LARGE_ARRAY = 3;
const LITERAL = 4;
const INT16 = 5;
const UINT16 = 6;
const INT32 = 7;
const UINT32 = 8;
const INT64 = 9;
const UINT64 = 10;
const DOUBLE = 11;
const STRING = 12;
const OPAQUE = 15;

const LITERALS = ['null', 'true', 'false'];

// Types of columns whose values JSON can hold as they are.
const TIMESTAMP = 7;
const DATE = 10;
const TIME = 11;
const DATETIME = 12;
const NEWDECIMAL = 246;

/** The text of the document that lies from `start` to `end`. */
export function jsonText(bytes: Buffer, start: number, end: number): string {
  // What the server makes of a NULL that it had to store in a column without NULL.
  if (start === end) return 'null';
  return valueText(bytes, bytes.readUInt8(start), start + 1);
}

/** `at`: where the value itself lies, behind its type. */
function valueText(bytes: Buffer, type: number, at: number): string {
  switch (type) {
    case SMALL_OBJECT:
    case LARGE_OBJECT:
      return containerText(bytes, at, type === LARGE_OBJECT, true);
    case SMALL_ARRAY:
    case LARGE_ARRAY:
      return containerText(bytes, at, type === LARGE_ARRAY, false);
    case LITERAL:
      return LITERALS[bytes.readUInt8(at)] ?? malformed();
    case INT16:
      return String(bytes.readInt16LE(at));
    case UINT16:
      return String(bytes.readUInt16LE(at));
    case INT32:
      return String(bytes.readInt32LE(at));
    case UINT32:
      return String(bytes.readUInt32LE(at));
    case INT64:
      return String(bytes.readBigInt64LE(at));
    case UINT64:
      return String(bytes.readBigUInt64LE(at));
    case DOUBLE:
      return numberText(bytes.readDoubleLE(at));
    case STRING:
      return stringText(bytes, at);
    case OPAQUE:
      return opaqueText(bytes, at);
    default:
      return malformed();
  }
}

/** The server shows that it is no integer. */
function numberText(value: number): string {
  const text = doubleText(value);
  return /[.e]/.test(text) ? text : `${text}.0`;
}

function stringText(bytes: Buffer, at: number): string {
  const cursor = new Cursor().over(bytes, at, bytes.length);
  const length = readLength(cursor);
  return JSON.stringify(cursor.utf8(length));
}

/** Seven bits a byte, the lowest first. */
function readLength(cursor: Cursor): number {
  let length = 0;
  for (let factor = 1; ; factor *= 128) {
    const byte = cursor.u8();
    length += (byte & 0x7f) * factor;
    if (byte < 0x80) return length;
  }
}

/**
 * How many, how large, then for each key where it lies and how long it is, then for each value its type and where it lies.
 * Places count from the begin of the container. A value that fits in the room for its place stands there itself.
 */
function containerText(bytes: Buffer, start: number, isLarge: boolean, isObject: boolean): string {
  const width = isLarge ? 4 : 2;
  const number = (at: number): number => (isLarge ? bytes.readUInt32LE(at) : bytes.readUInt16LE(at));
  const count = number(start);
  const keys = start + 2 * width;
  const values = keys + (isObject ? count * (width + 2) : 0);
  const parts: string[] = [];
  for (let index = 0; index < count; index++) {
    const entry = values + index * (width + 1);
    const type = bytes.readUInt8(entry);
    const isInline =
      type === LITERAL || type === INT16 || type === UINT16 || (isLarge && (type === INT32 || type === UINT32));
    const value = valueText(bytes, type, isInline ? entry + 1 : start + number(entry + 1));
    if (!isObject) {
      parts.push(value);
      continue;
    }
    const key = keys + index * (width + 2);
    const at = start + number(key);
    const name = bytes.toString('utf8', at, at + bytes.readUInt16LE(key + width));
    parts.push(`${JSON.stringify(name)}: ${value}`);
  }
  return isObject ? `{${parts.join(', ')}}` : `[${parts.join(', ')}]`;
}

/** A value of a column's type that JSON itself does not have. */
function opaqueText(bytes: Buffer, at: number): string {
  const cursor = new Cursor().over(bytes, at, bytes.length);
  const type = cursor.u8();
  const length = readLength(cursor);
  if (type === NEWDECIMAL) {
    const precision = cursor.u8();
    return decimalText(cursor, precision, cursor.u8());
  }
  if (type === TIME) return `"${packedTimeText(bytes.readBigInt64LE(cursor.at))}"`;
  if (type === DATE || type === DATETIME || type === TIMESTAMP) {
    return `"${packedDatetimeText(bytes.readBigInt64LE(cursor.at), type !== DATE)}"`;
  }
  return `"base64:type${type}:${cursor.copy(length).toString('base64')}"`;
}

function malformed(): never {
  throw new MigrateError('STREAM.UNKNOWN', 'a JSON value in the log is malformed');
}
