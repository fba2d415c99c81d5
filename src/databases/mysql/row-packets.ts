// Rows as the server sends them, value after value, without a string or an object for each: what passes through unchanged is
// copied from the packet, and only what another form is made of becomes a value first.

import { constants } from 'node:buffer';
import type { Value } from '../../model/change.ts';
import { type Conversion, LARGE_BYTES, tooLong } from '../conversion.ts';
import type { Reading } from './values.ts';

/** What becomes of the values of one column: null where their bytes, UTF-8, stay as they are. */
export type Maker = {
  /** True for a value that stays as it is. */
  keeps(bytes: Buffer, start: number, end: number): boolean;
  make(bytes: Buffer, start: number, end: number): Value;
  /** What stands before the digits of bytes that are said in hex. */
  readonly hex?: string;
} | null;

const keepsNone = (): boolean => false;

export function makerOf(name: string, reading: Reading, conversion: Conversion): Maker {
  const { isBytes, isSame, value } = reading;
  if (isBytes) {
    const make = (bytes: Buffer, start: number, end: number): Value =>
      conversion.print(value(bytes.subarray(start, end)));
    return { keeps: keepsNone, make, ...(conversion.hex === undefined ? {} : { hex: conversion.hex }) };
  }
  if (conversion.isSame === true && isSame) return null;
  return {
    keeps: (isSame && conversion.keeps) || keepsNone,
    make: (bytes, start, end) => {
      if (end - start > constants.MAX_STRING_LENGTH) throw tooLong(name, end - start);
      return conversion.print(value(bytes.toString('utf8', start, end)));
    },
  };
}

/** Writes one row after another in some form. */
export interface RowForm {
  begin(): void;
  null(index: number): void;
  /** Of the value at this place of the row, as UTF-8. */
  bytes(index: number, bytes: Buffer, start: number, end: number): void;
  text(index: number, text: string): void;
  /** Of the value at this place of the row, in hex with `prefix` before it. */
  hex(index: number, prefix: string, bytes: Buffer, start: number, end: number): void;
  end(): void;
}

const HEX_PIECE = 1 << 15;

/** Writes the digits from `at` on; returns where they end. */
export function writeHex(into: Buffer, at: number, bytes: Buffer, start: number, end: number): number {
  let to = at;
  for (let from = start; from < end; from += HEX_PIECE) {
    to += into.write(bytes.toString('hex', from, Math.min(end, from + HEX_PIECE)), to, 'latin1');
  }
  return to;
}

const NULL = 0xfb;
const TWO_BYTES = 0xfc;
const THREE_BYTES = 0xfd;
/** The parts of a length of eight bytes. */
const HIGH = 2 ** 32;

/** Tells `form` of the row that lies in `bytes` from `offset` on, one value for each maker. */
export function takeRow(makers: readonly Maker[], form: RowForm, bytes: Buffer, offset: number): void {
  let at = offset;
  form.begin();
  for (let index = 0; index < makers.length; index++) {
    let length = bytes[at++] ?? 0;
    if (length === NULL) {
      form.null(index);
      continue;
    }
    if (length === TWO_BYTES) {
      length = bytes.readUInt16LE(at);
      at += 2;
    } else if (length === THREE_BYTES) {
      length = bytes.readUIntLE(at, 3);
      at += 3;
    } else if (length > THREE_BYTES) {
      length = bytes.readUInt32LE(at) + HIGH * bytes.readUInt32LE(at + 4);
      at += 8;
    }
    const maker = makers[index] ?? null;
    if (maker === null || maker.keeps(bytes, at, at + length)) form.bytes(index, bytes, at, at + length);
    else if (maker.hex !== undefined && length >= LARGE_BYTES) form.hex(index, maker.hex, bytes, at, at + length);
    else {
      const value = maker.make(bytes, at, at + length);
      if (value === null) form.null(index);
      else if (typeof value === 'string') form.text(index, value);
      else form.text(index, `\\x${value.toString('hex')}`);
    }
    at += length;
  }
  form.end();
}
