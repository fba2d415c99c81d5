// Texts of MySQL's dates and times, as the server prints them in the time zone +00:00. Zero dates stay what they are.

import type { Cursor } from './cursor.ts';

/** Two digits, for every number that stands in a date or time. */
const TWO = Array.from({ length: 100 }, (_, n) => String(n).padStart(2, '0'));
const FRACTION_BITS = 24n;
const MICRO = 6;

function two(value: number): string {
  return TWO[value] ?? String(value);
}

function four(value: number): string {
  return value >= 1_000 ? String(value) : String(value).padStart(4, '0');
}

/** Bytes that hold a fraction of so many digits. */
export function fractionSize(digits: number): number {
  return (digits + 1) >> 1;
}

/** `value` counts in steps of 1/100, 1/10,000 or 1/1,000,000, whichever holds the digits. */
function fraction(value: number, digits: number): string {
  if (digits === 0) return '';
  return `.${String(value)
    .padStart(2 * fractionSize(digits), '0')
    .slice(0, digits)}`;
}

function readFraction(cursor: Cursor, digits: number): string {
  const size = fractionSize(digits);
  return size === 0 ? '' : fraction(cursor.uintBE(size), digits);
}

/** DATE: three bytes. */
export function dateText(cursor: Cursor): string {
  const value = cursor.u24();
  return `${four(value >> 9)}-${two((value >> 5) & 15)}-${two(value & 31)}`;
}

/** DATETIME with `digits` of a fraction: five bytes and the fraction. */
export function datetimeText(cursor: Cursor, digits: number): string {
  const value = cursor.uintBE(5) - 0x80_0000_0000;
  const ymd = Math.floor(value / 131_072);
  return ymdText(ymd) + hmsText(value % 131_072) + readFraction(cursor, digits);
}

function ymdText(ymd: number): string {
  const months = ymd >> 5;
  return `${four(Math.floor(months / 13))}-${two(months % 13)}-${two(ymd & 31)} `;
}

function hmsText(hms: number): string {
  return `${two(hms >> 12)}:${two((hms >> 6) & 63)}:${two(hms & 63)}`;
}

/** TIME with `digits` of a fraction: three bytes and the fraction, up to 838 hours and below zero. */
export function timeText(cursor: Cursor, digits: number): string {
  const size = fractionSize(digits);
  const stored = cursor.uintBE(3 + size) - 2 ** (8 * (3 + size) - 1);
  const unit = 256 ** size;
  const value = Math.abs(stored);
  const hms = Math.floor(value / unit);
  return `${stored < 0 ? '-' : ''}${hmsText(hms)}${fraction(value % unit, digits)}`;
}

/** TIMESTAMP with `digits` of a fraction: four bytes and the fraction. */
export function timestampText(cursor: Cursor, digits: number): string {
  return secondsText(cursor.uintBE(4)) + readFraction(cursor, digits);
}

/** Zero is no moment, but the zero date. */
export function secondsText(seconds: number): string {
  if (seconds === 0) return '0000-00-00 00:00:00';
  return new Date(seconds * 1_000).toISOString().slice(0, 19).replace('T', ' ');
}

/** DATETIME as it was stored before fractions: the decimal digits of a number. */
export function oldDatetimeText(cursor: Cursor): string {
  const digits = String(cursor.u64()).padStart(14, '0');
  const part = (at: number): string => digits.slice(at, at + 2);
  return `${digits.slice(0, 4)}-${part(4)}-${part(6)} ${part(8)}:${part(10)}:${part(12)}`;
}

/** TIME as it was stored before fractions. */
export function oldTimeText(cursor: Cursor): string {
  const stored = (cursor.u24() << 8) >> 8;
  const value = Math.abs(stored);
  const hours = Math.floor(value / 10_000);
  return `${stored < 0 ? '-' : ''}${two(hours)}:${two(Math.floor(value / 100) % 100)}:${two(value % 100)}`;
}

/** A DATE, DATETIME or TIMESTAMP within JSON: eight bytes. A DATE has no time. */
export function packedDatetimeText(packed: bigint, withTime: boolean): string {
  const whole = Number(packed >> FRACTION_BITS);
  const date = ymdText(Math.floor(whole / 131_072));
  if (!withTime) return date.trimEnd();
  return date + hmsText(whole % 131_072) + fraction(Number(packed & 0xff_ffffn), MICRO);
}

/** A TIME within JSON: eight bytes. */
export function packedTimeText(packed: bigint): string {
  const value = packed < 0n ? -packed : packed;
  const text = hmsText(Number(value >> FRACTION_BITS)) + fraction(Number(value & 0xff_ffffn), MICRO);
  return packed < 0n ? `-${text}` : text;
}
