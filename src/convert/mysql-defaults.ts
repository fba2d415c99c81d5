// MySQL's defaults as PostgreSQL writes them: literals and the current time. And the labels of its enums.

import { MYSQL, POSTGRES } from './dialects.ts';
import { tokensOf } from './tokens.ts';

const NUMBER = /^-?\d+(\.\d+)?(e[+-]?\d+)?$/i;
const TEXT = /^'((?:[^'\\]|''|\\.)*)'$/s;
const NOW = /^(?:current_timestamp|now|localtime(?:stamp)?)(?:\((\d?)\))?$/i;
const BITS = /^b'([01]*)'$/i;
const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', b: '\b', Z: '\x1a' };

/** Undefined for one that has no counterpart of that type. */
export function defaultFor(type: string, expression: string): string | undefined {
  const bits = BITS.exec(expression);
  const width = /^bit\((\d+)\)$/.exec(type)?.[1];
  if (bits !== null && type === 'boolean') return bits[1] === '1' ? 'true' : 'false';
  if (width !== undefined) return bits === null ? undefined : `B'${(bits[1] ?? '').padStart(Number(width), '0')}'`;
  const now = NOW.exec(expression);
  if (now !== null)
    return /^(timestamp|date)/.test(type) ? `CURRENT_TIMESTAMP${now[1] ? `(${now[1]})` : ''}` : undefined;
  const text = TEXT.exec(expression);
  if (type === 'boolean') return { 0: 'false', 1: 'true' }[text === null ? expression : (text[1] ?? '')];
  if (NUMBER.test(expression)) return expression;
  // Bytes would have to be decoded, and a zero date has no counterpart.
  if (text === null || type === 'bytea' || expression.includes('\\0')) return undefined;
  if (/^(timestamp|date)/.test(type) && /^'0000|-00/.test(expression)) return undefined;
  const value = (text[1] ?? '').replace(/''|\\(.)/gs, (_, character?: string) =>
    character === undefined ? "'" : (ESCAPES[character] ?? character),
  );
  return POSTGRES.text(value);
}

/** Of `enum('a','b')`, as information_schema has it. */
export function labelsOf(type: string): readonly string[] {
  const list = type.slice(type.indexOf('(') + 1, -1);
  return (tokensOf(list, MYSQL) ?? []).filter(({ kind }) => kind === 'text').map(({ text }) => text);
}
