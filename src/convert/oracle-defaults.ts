// PostgreSQL's defaults as Oracle writes them: literals, the current time, a new uuid, the next number of a sequence.

import type { EmptyText } from '../databases/conversion.ts';
import { ORACLE, POSTGRES } from './dialects.ts';
import { LONGEST_LITERAL, momentLiteral } from './oracle-expressions.ts';
import type { OracleType } from './oracle-types.ts';
import { literalOf, NOW, UUID } from './postgres-defaults.ts';
import { tokensOf } from './tokens.ts';

/** `empty`: what becomes of an empty text, by default NULL. Null for none at all, undefined for one that has no counterpart. */
export function oracleDefault(
  { type, form }: OracleType,
  expression: string,
  empty?: EmptyText,
): string | null | undefined {
  if (/^NULL(::.*)?$/is.test(expression)) return null;
  if (NOW.test(expression)) return now(form);
  if (form === 'date' && /^CURRENT_DATE$|^\(?now\(\)\)?::date$/i.test(expression)) return 'TRUNC(CURRENT_DATE)';
  if (UUID.test(expression)) return form === 'uuid bytes' ? 'SYS_GUID()' : undefined;
  const bits = /^B'([01]+)'(?:::.*)?$/i.exec(expression)?.[1];
  const value = bits ?? literalOf(tokensOf(expression, POSTGRES) ?? []);
  if (value === '' && form === 'plain') return typeof empty === 'object' ? ORACLE.text(empty.sentinel) : null;
  return value === undefined ? undefined : literal(type, form, value);
}

/** The session's own time, or the same everywhere. */
function now(form: string): string | undefined {
  const times: Readonly<Record<string, string>> = {
    date: 'TRUNC(CURRENT_DATE)',
    second: 'CURRENT_DATE',
    moment: 'LOCALTIMESTAMP',
    utc: 'SYS_EXTRACT_UTC(SYSTIMESTAMP)',
    instant: 'SYSTIMESTAMP',
  };
  return times[form];
}

function literal(type: string, form: string, value: string): string | undefined {
  switch (form.replace(/\(.*/, '')) {
    case 'boolean':
      return (type === 'BOOLEAN' ? ['TRUE', 'FALSE'] : ['1', '0'])[/^(t(rue)?|1)$/i.test(value) ? 0 : 1];
    case 'bits': {
      const size = 2 * Math.ceil(value.length / 8);
      return /^[01]+$/.test(value) ? `HEXTORAW('${BigInt(`0b${value}`).toString(16).padStart(size, '0')}')` : undefined;
    }
    case 'date':
      return /^\d{4}-\d\d-\d\d$/.test(value) ? momentLiteral(value) : undefined;
    case 'second':
    case 'moment':
      return /:/.test(value) ? momentLiteral(value) : undefined;
    case 'utc':
    case 'instant': {
      const [, moment = ''] = /^([^+]+ [^+]+)\+00$/.exec(value) ?? [];
      const found = momentLiteral(moment);
      return form === 'instant' ? found?.replace(/'$/, " +00:00'") : found;
    }
    case 'time':
      return /^\d\d:\d\d:\d\d(\.\d{1,6})?$/.test(value) ? `INTERVAL '0 ${value}' DAY TO SECOND` : undefined;
    case 'plain':
      return type.startsWith('NUMBER') ? numberOf(value) : textOf(value);
    case 'decimal':
    case 'number':
    case 'whole':
    case 'real':
    case 'double':
      return numberOf(value);
    default:
      return undefined;
  }
}

function textOf(value: string): string | undefined {
  return value.includes('\0') || Buffer.byteLength(value) > LONGEST_LITERAL ? undefined : ORACLE.text(value);
}

function numberOf(value: string): string | undefined {
  return /^-?\d+(\.\d+)?(e[+-]?\d+)?$/i.test(value) ? value : undefined;
}

/** The sequence that a default takes its next number from, as PostgreSQL names it. */
export function sequenceIn(expression: string): string | undefined {
  const [, name] = /^nextval\('((?:[^']|'')+)'(?:::regclass|::text)?\)$/.exec(expression) ?? [];
  return name?.replaceAll("''", "'");
}
