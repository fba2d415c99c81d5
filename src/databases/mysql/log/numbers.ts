// Texts of MySQL's numbers, as the server prints them; of a single-precision number the shortest text that reads back the
// same, where the server cuts it to six digits.

import type { Cursor } from './cursor.ts';

const SMALL = 2 ** 21;

/** Eight bytes; `unsigned` decides what the highest bit means. */
export function int64(cursor: Cursor, unsigned: boolean): string {
  const { bytes, at } = cursor;
  const low = bytes.readUInt32LE(at);
  const high = unsigned ? bytes.readUInt32LE(at + 4) : bytes.readInt32LE(at + 4);
  if (high < SMALL && high >= -SMALL) {
    cursor.at += 8;
    return String(high * 4_294_967_296 + low);
  }
  cursor.at += 8;
  return String(unsigned ? bytes.readBigUInt64LE(at) : bytes.readBigInt64LE(at));
}

export function doubleText(value: number): string {
  // JavaScript prints no sign there, the server does.
  return Object.is(value, -0) ? '-0' : serverForm(String(value));
}

/** The largest one, and a text that is read as it. Rounded up, as any shortest text is, the server would find it too large. */
const LARGEST_FLOAT = { value: (2 - 2 ** -23) * 2 ** 127, text: '3.4028234e38' };

/** `value` is a single-precision number, held in a double. */
export function floatText(value: number): string {
  if (value === 0 || !Number.isFinite(value)) return doubleText(value);
  if (Math.abs(value) === LARGEST_FLOAT.value) return `${value < 0 ? '-' : ''}${LARGEST_FLOAT.text}`;
  for (let digits = 6; digits < 9; digits++) {
    const text = value.toPrecision(digits);
    if (Math.fround(Number(text)) === value) return serverForm(String(Number(text)));
  }
  return serverForm(String(Number(value.toPrecision(9))));
}

/**
 * JavaScript finds the same digits, but chooses otherwise when to write an exponent: the server does for 16 digits and more
 * before the point unless there are some behind it, and for more than 14 zeros behind it; without a plus sign.
 */
function serverForm(text: string): string {
  const match = /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]\d+))?$/.exec(text);
  if (match === null || text === '0') return text;
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = match;
  const written = whole + fraction;
  const digits = written.replace(/^0+/, '');
  // The value is 0.digits times ten to the power of `point`.
  const point = whole.length + Number(exponent) - (written.length - digits.length);
  const significant = digits.replace(/0+$/, '');
  if (point >= -14 && (point <= 15 || significant.length > point)) return sign + plain(significant, point);
  const rest = significant.length > 1 ? `.${significant.slice(1)}` : '';
  return `${sign}${significant.slice(0, 1)}${rest}e${point - 1}`;
}

function plain(digits: string, point: number): string {
  if (point <= 0) return `0.${'0'.repeat(-point)}${digits}`;
  if (point >= digits.length) return digits + '0'.repeat(point - digits.length);
  return `${digits.slice(0, point)}.${digits.slice(point)}`;
}

/** How many bytes so many decimal digits take, fewer than a whole group of nine. */
const BYTES_OF_DIGITS = [0, 1, 1, 2, 2, 3, 3, 4, 4, 4];
const GROUP = 9;

function bytesOf(digits: number): number {
  return Math.floor(digits / GROUP) * 4 + (BYTES_OF_DIGITS[digits % GROUP] ?? 0);
}

export function decimalSize(precision: number, scale: number): number {
  return bytesOf(precision - scale) + bytesOf(scale);
}

/** Groups of nine digits in four bytes each, the odd ones outside; the highest bit is the sign, and a negative number is inverted. */
export function decimalText(cursor: Cursor, precision: number, scale: number): string {
  const first = cursor.at;
  const negative = (cursor.bytes.readUInt8(first) & 0x80) === 0;
  let whole = '';
  for (let left = precision - scale; left > 0; ) {
    const digits = left % GROUP || GROUP;
    const value = group(cursor, digits, negative, first);
    if (whole !== '') whole += padded(value, digits);
    else if (value !== 0) whole = String(value);
    left -= digits;
  }
  let text = negative ? '-' : '';
  text += whole === '' ? '0' : whole;
  if (scale > 0) text += '.';
  for (let left = scale; left > 0; ) {
    const digits = Math.min(left, GROUP);
    text += padded(group(cursor, digits, negative, first), digits);
    left -= digits;
  }
  return text;
}

function group(cursor: Cursor, digits: number, negative: boolean, first: number): number {
  const isFirst = cursor.at === first;
  const size = BYTES_OF_DIGITS[digits] ?? 0;
  const all = 256 ** size;
  const stored = cursor.uintBE(size);
  const value = negative ? all - 1 - stored : stored;
  // The sign, by now always set.
  return isFirst ? value - all / 2 : value;
}

function padded(value: number, digits: number): string {
  return String(value).padStart(digits, '0');
}
