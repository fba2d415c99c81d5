// The text of a JSON document as Debezium prints it, in the form that MySQL prints. Debezium writes numbers out in full, as the
// digits that a floating-point number exactly has.

import { doubleText } from '../log/numbers.ts';
import { partial } from './partial.ts';

const TOKENS = /"(?:[^"\\]|\\.)*"|-?\d[\d.]*(?:[eE][+-]?\d+)?|[{}[\],:]|true|false|null/gs;
/** A time below zero, torn apart. */
const TORN = /^"-?\d{1,3}:0?-?\d{1,2}:0?-\d{1,2}(?:\.[\d-]+)?"$/;
const LARGEST = 2n ** 64n - 1n;
const SMALLEST = -(2n ** 63n);
/** So many digits tell every floating-point number from all others: who needs more spells one out. */
const ENOUGH_DIGITS = 17;

export function serverJson(text: string): string {
  let printed = '';
  for (const [token] of text.matchAll(TOKENS)) {
    if (token === ',' || token === ':') printed += `${token} `;
    else if (token.startsWith('"')) printed += stringText(token);
    else printed += /^-?\d/.test(token) ? numberText(token) : token;
  }
  return printed;
}

function stringText(token: string): string {
  if (TORN.test(token)) throw partial('a time below zero within JSON');
  return JSON.stringify(JSON.parse(token));
}

function numberText(token: string): string {
  if (/^-?\d+$/.test(token)) {
    const value = BigInt(token);
    if (value >= SMALLEST && value <= LARGEST) return token;
  }
  const digits = token.replace(/[-.]/g, '').replace(/^0+/, '');
  if (digits.length <= ENOUGH_DIGITS) return token;
  const value = Number(token);
  if (!Number.isFinite(value) || exactly(value) !== token) return token;
  const text = doubleText(value);
  return /[.e]/.test(text) ? text : `${text}.0`;
}

/** Every digit of the number. */
function exactly(value: number): string {
  let whole = Math.abs(value);
  let halved = 0;
  for (; !Number.isInteger(whole); halved++) whole *= 2;
  const digits = (BigInt(whole) * 5n ** BigInt(halved)).toString().padStart(halved + 1, '0');
  const point = digits.length - halved;
  return `${value < 0 ? '-' : ''}${digits.slice(0, point)}${halved === 0 ? '' : `.${digits.slice(point)}`}`;
}
