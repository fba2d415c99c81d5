// PostgreSQL's defaults as MySQL writes them: literals, the current time, a new uuid.

import { MYSQL, POSTGRES } from './dialects.ts';
import { type Token, tokensOf } from './tokens.ts';

export const NOW =
  /^(now\(\)|CURRENT_TIMESTAMP(\(\d\))?|LOCALTIMESTAMP(\(\d\))?|(transaction|statement|clock)_timestamp\(\))$/i;
export const UUID = /^(gen_random_uuid|uuid_generate_v[14]|[\w"]+\.uuid_generate_v[14])\(\)$/;

/** `type` is MySQL's, `form` how values travel. Null for none at all, undefined for one that has no counterpart. */
export function mysqlDefault(type: string, form: string, expression: string): string | null | undefined {
  if (/^NULL(::.*)?$/is.test(expression)) return null;
  if (/^datetime|^timestamp/.test(type) && NOW.test(expression)) return now(type, form);
  if (type === 'date' && /^CURRENT_DATE$|^\(?now\(\)\)?::date$/i.test(expression)) return 'curdate()';
  if (UUID.test(expression)) {
    if (form === 'uuid bytes') return 'uuid_to_bin(uuid())';
    return /^(char\(36\)|varchar|longtext)/.test(type) ? 'uuid()' : undefined;
  }
  const value = literalOf(tokensOf(expression, POSTGRES) ?? []);
  return value === undefined ? undefined : literal(type, form, value);
}

/** What means a moment is kept in UTC. */
function now(type: string, form: string): string {
  const digits = /\(\d\)$/.exec(type)?.[0] ?? '';
  return form === 'instant' && type.startsWith('datetime')
    ? `utc_timestamp${digits || '()'}`
    : `CURRENT_TIMESTAMP${digits}`;
}

/** A text, number or truth value, with a cast or without one. */
export function literalOf(tokens: readonly Token[]): string | undefined {
  const words = [...tokens];
  while (words[0]?.text === '(' && words[0].kind === 'sign') words.shift();
  const negative = words[0]?.kind === 'sign' && words[0].text === '-';
  if (negative) words.shift();
  const [first, next] = words;
  const isWhole = next === undefined || (next.kind === 'sign' && (next.text === '::' || next.text === ')'));
  if (first === undefined || !isWhole || words.some(({ kind, text }) => kind === 'sign' && !'()::[],.'.includes(text)))
    return undefined;
  // A second value is no cast.
  if (words.slice(1).some(({ kind }) => kind === 'text')) return undefined;
  if (first.kind === 'number') return negative ? `-${first.text}` : first.text;
  if (first.kind === 'text' && !negative) return first.text;
  return first.kind === 'word' && /^(true|false)$/.test(first.text) ? first.text : undefined;
}

function literal(type: string, form: string, value: string): string | undefined {
  switch (form.replace(/\(.*/, '')) {
    case 'boolean':
      return /^t(rue)?$/i.test(value) ? '1' : '0';
    case 'boolean bit':
      return /^t(rue)?$/i.test(value) ? "b'1'" : "b'0'";
    case 'bits':
      return /^[01]+$/.test(value) ? `b'${value}'` : undefined;
    case 'bytes':
    case 'uuid bytes':
    case 'money':
      return undefined;
    case 'date':
      return /^\d{4}-\d\d-\d\d$/.test(value) ? MYSQL.text(value) : undefined;
    case 'moment':
      return /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?$/.test(value) ? MYSQL.text(value) : undefined;
    case 'instant':
      return /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?\+00$/.test(value) ? MYSQL.text(value.slice(0, -3)) : undefined;
    case 'plain':
    case 'char':
    case 'json':
    case 'time':
      return /int|decimal/.test(type) ? numberOf(value) : MYSQL.text(value);
    default:
      return numberOf(value);
  }
}

function numberOf(value: string): string | undefined {
  return /^-?\d+(\.\d+)?(e[+-]?\d+)?$/i.test(value) ? value : undefined;
}
