// Oracle's types as columns are given them, whatever engine they come from: what they are called, how their values travel, how
// long they may be, and what a plan may choose instead.

import type { COMPARED_AS } from './canonical.ts';

export interface OracleType {
  /** The type in Oracle. */
  readonly type: string;
  /** How values travel: a name of `FORMS` in oracle-forms.ts. */
  readonly form: string;
  /** How the source's values become the core's texts: a name of `FORMS` in forms.ts; undefined where they are so already. */
  readonly from?: string;
  /** Texts of the source are compared by what they mean. */
  readonly comparedAs?: keyof typeof COMPARED_AS;
  /** Another value is refused: what Oracle does not hold. */
  readonly refuses?: string;
  /** A value of the source may be longer. */
  readonly limited?: boolean;
  /** Oracle has no such type. */
  readonly asText?: boolean;
  /** A value may be empty, which to Oracle is NULL. */
  readonly mayBeEmpty?: boolean;
  /** Values may become NULL for another reason, so the column cannot be NOT NULL. */
  readonly makesNull?: boolean;
  /** What a check has to say of its values: that they are JSON, 0 or 1, or one of these. */
  readonly check?: 'json' | 'boolean' | readonly string[];
}

/** What else decides about the type of a column. */
export interface Place {
  /** So many bytes of it fit into every key and unique constraint it is in; undefined when it is in none. */
  readonly keyed?: number | undefined;
  /** Rows are found by it. */
  readonly finding?: boolean;
}

/** A type that a plan may choose. `own`: the match of the source's type. Undefined where it cannot hold the values. */
export interface OracleChoice {
  readonly pattern: RegExp;
  readonly shown: string;
  readonly map: (chosen: readonly string[], own: readonly string[], place: Place) => OracleType | undefined;
}

/** In bytes, unless the server has MAX_STRING_SIZE = EXTENDED. */
const LONGEST_VARCHAR = 4_000;
const LONGEST_EXTENDED = 32_767;
const LONGEST_RAW = 2_000;
const LONGEST_CHAR = 2_000;
/** Of a character in AL32UTF8. */
const CHARACTER = 4;
/** An index has 6,398 bytes for each row where blocks are of 8 KB. */
const INDEX_BYTES = 6_000;

/** So many bytes of each of `count` columns fit into one index. */
export function indexedBytes(count: number): number {
  return Math.min(LONGEST_VARCHAR, Math.floor(INDEX_BYTES / count));
}

/** The most bytes that a value takes in an index. */
export function bytesOf({ type }: OracleType): number {
  const [, characters, bytes] = /^(?:VARCHAR2|CHAR|RAW)\((?:(\d+) CHAR|(\d+))\)$/.exec(type) ?? [];
  if (characters !== undefined) return Math.min(CHARACTER * Number(characters), LONGEST_VARCHAR);
  return bytes === undefined ? 22 : Number(bytes);
}

/** LOBs and JSON can be in no key and no index. */
export function isLarge({ type }: OracleType): boolean {
  return /^(?:CLOB|BLOB|JSON)$/.test(type);
}

/** Rows are found by no large value, and no constraint is over zones. */
export function canStand(type: OracleType, { keyed, finding }: Place): boolean {
  if (isLarge(type)) return finding !== true;
  return keyed === undefined || !/\) WITH TIME ZONE$|^BOOLEAN$/.test(type.type);
}

/** For `Column.castType`. */
export function castTypeOf(type: string): string {
  return type.replace(/\([^)]*\)/g, '');
}

export const plain = (type: string): OracleType => ({ type, form: 'plain' });

/** Of whole numbers, and of decimals: NUMBER has 38 digits. */
export const MOST_DIGITS = 38;
export const ONE_ZERO = 'a negative zero becomes 0, to which it is equal';
export const NO_NUMBER = 'NaN and infinite numbers';
export const NO_MOMENT = 'infinity, years before 1 and after 9999';

export const CLOB: OracleType = { ...plain('CLOB'), mayBeEmpty: true };
export const BLOB: OracleType = { type: 'BLOB', form: 'bytes', mayBeEmpty: true };

/** A text of at most so many characters. */
export function text(length: number, { keyed }: Place): OracleType {
  const most = Math.floor((keyed ?? LONGEST_VARCHAR) / CHARACTER);
  if (length <= most) return { ...plain(`VARCHAR2(${length} CHAR)`), mayBeEmpty: true };
  return keyed === undefined ? CLOB : { ...plain(`VARCHAR2(${most} CHAR)`), mayBeEmpty: true, limited: true };
}

/** Of any length, unless a key has to have it. */
export function anyText(place: Place): OracleType {
  return text(Number.POSITIVE_INFINITY, place);
}

/** Of at most so many characters that are bytes as well. */
export function ascii(length: number, place: Place): OracleType {
  if (length > (place.keyed ?? LONGEST_VARCHAR)) return anyText(place);
  return { ...plain(`VARCHAR2(${length} CHAR)`), mayBeEmpty: true };
}

/** Always of so many characters, with blanks at the end: as the source prints it. */
export function padded(length: number): OracleType {
  if (CHARACTER * length <= LONGEST_CHAR) return plain(`CHAR(${length} CHAR)`);
  return plain(CHARACTER * length <= LONGEST_VARCHAR ? `VARCHAR2(${length} CHAR)` : 'CLOB');
}

/** At most so many bytes. */
export function bytes(length: number, { keyed }: Place): OracleType {
  const most = Math.min(keyed ?? LONGEST_RAW, LONGEST_RAW);
  if (length <= most) return { ...BLOB, type: `RAW(${Math.max(length, 1)})` };
  return keyed === undefined ? BLOB : { ...BLOB, type: `RAW(${most})`, limited: true };
}

/** Undefined for one that NUMBER does not hold. */
export function decimal(precision: number, scale: number): OracleType | undefined {
  if (precision > MOST_DIGITS || scale < -84 || scale > 127) return undefined;
  return { type: `NUMBER(${precision},${scale})`, form: `decimal(${Math.max(scale, 0)})` };
}

export const boolean: OracleType = { type: 'NUMBER(1)', form: 'boolean', check: 'boolean' };
export const BOOLEAN_CHOICE: OracleChoice = {
  pattern: /^BOOLEAN$/,
  shown: 'BOOLEAN',
  map: () => ({ type: 'BOOLEAN', form: 'boolean' }),
};
export const uuid: OracleType = { type: 'RAW(16)', form: 'uuid bytes' };

/** The text as it is, which a check proves to be JSON. */
export function json(place: Place): OracleType {
  if (place.keyed !== undefined) return { ...anyText(place), mayBeEmpty: false, asText: true };
  return {
    ...plain('CLOB'),
    check: 'json',
    refuses: 'documents that are no object or array, before Oracle 21c',
  };
}

const NATIVE_JSON: OracleType = {
  type: 'JSON',
  form: 'json',
  comparedAs: 'json',
  refuses: 'keys that are there twice, and numbers of more than 38 digits',
};

/** Texts: the longest label, and a check. */
export function labels(list: readonly string[], place: Place): OracleType {
  const length = Math.max(1, ...list.map((label) => [...label].length));
  const made = text(length, place);
  return { ...made, mayBeEmpty: list.includes(''), check: list.filter((label) => label !== '') };
}

const digitsOf = (size: string): string => (size === '' ? '6' : size);

/** `digits` of a second; `key`: a constraint cannot have a zone. */
export function instant(digits: string, { keyed }: Place): OracleType {
  const size = `TIMESTAMP(${digitsOf(digits)})`;
  const made = keyed === undefined ? { type: `${size} WITH TIME ZONE`, form: 'instant' } : { type: size, form: 'utc' };
  return { ...made, refuses: NO_MOMENT };
}

export function moment(digits: string): OracleType {
  return { type: `TIMESTAMP(${digitsOf(digits)})`, form: 'moment', refuses: NO_MOMENT };
}

/** It goes beyond a day, and below zero. */
export function time(digits: string): OracleType {
  return { type: `INTERVAL DAY(3) TO SECOND(${digitsOf(digits)})`, form: 'time' };
}

export const VARCHAR2: OracleChoice = {
  pattern: /^VARCHAR2\((\d+)(?: CHAR)?\)$/,
  shown: 'VARCHAR2(n CHAR)',
  map: ([, length]) =>
    Number(length) <= LONGEST_EXTENDED ? { ...plain(`VARCHAR2(${length} CHAR)`), mayBeEmpty: true } : undefined,
};
export const CLOB_CHOICE: OracleChoice = { pattern: /^CLOB$/, shown: 'CLOB', map: () => CLOB };
export const TEXTS: readonly OracleChoice[] = [VARCHAR2, CLOB_CHOICE];

export const JSON_CHOICE: OracleChoice = { pattern: /^JSON$/, shown: 'JSON', map: () => NATIVE_JSON };

export const BYTES: readonly OracleChoice[] = [
  {
    pattern: /^RAW\((\d+)\)$/,
    shown: 'RAW(n)',
    map: ([, length]) => (Number(length) <= LONGEST_EXTENDED ? { ...BLOB, type: `RAW(${length})` } : undefined),
  },
  { pattern: /^BLOB$/, shown: 'BLOB', map: () => BLOB },
];

/** Of whole numbers of at most so many digits. */
export function wider(digits: number): OracleChoice {
  return {
    pattern: /^NUMBER(?:\((\d+)(?:,0)?\))?$/,
    shown: 'NUMBER(n)',
    map: ([, precision = '38']) =>
      Number(precision) >= digits && Number(precision) <= MOST_DIGITS ? plain(`NUMBER(${precision})`) : undefined,
  };
}

export const UUID_BYTES: OracleChoice = { pattern: /^RAW\(16\)$/, shown: 'RAW(16)', map: () => uuid };

/** Without a fraction, which DATE does not have. */
export const SECONDS: OracleChoice = {
  pattern: /^DATE$/,
  shown: 'DATE',
  map: (_, [, digits = '6']) => (digits === '0' ? { type: 'DATE', form: 'second', refuses: NO_MOMENT } : undefined),
};

/** `form`: of the values, which decides whether there is a zone. `own`: the source's digits are in its match. */
export function momentChoice(kind: 'plain' | 'zoned' | 'local', form: string): OracleChoice {
  const suffix = { plain: '', zoned: ' WITH TIME ZONE', local: ' WITH LOCAL TIME ZONE' }[kind];
  return {
    pattern: new RegExp(`^TIMESTAMP(?:\\(([0-6])\\))?${suffix}$`),
    shown: `TIMESTAMP(n)${suffix}`,
    map: ([, digits = '6'], [, own = '6']) =>
      digits >= own ? { type: `TIMESTAMP(${digits})${suffix}`, form, refuses: NO_MOMENT } : undefined,
  };
}

/** As the patterns of choices have it. */
export function spelled(type: string): string {
  return type
    .toUpperCase()
    .replace(/\s+/g, ' ')
    .replace(/ ?([(),]) ?/g, '$1')
    .replace(/\)(?=\w)/g, ') ')
    .replace(/^(?:VARCHAR|NVARCHAR2)\(/, 'VARCHAR2(');
}
