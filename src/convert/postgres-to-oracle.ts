// PostgreSQL's types as Oracle has them: for each the type that is taken by default, the others that a plan may choose, and the
// form in which the values travel. What Oracle has no type for becomes the text that PostgreSQL prints.

import {
  anyText,
  ascii,
  BOOLEAN_CHOICE,
  BYTES,
  boolean,
  bytes,
  CLOB_CHOICE,
  canStand,
  decimal,
  instant,
  JSON_CHOICE,
  json,
  labels,
  MOST_DIGITS,
  moment,
  momentChoice,
  NO_MOMENT,
  NO_NUMBER,
  ONE_ZERO,
  type OracleChoice,
  type OracleType,
  type Place,
  padded,
  plain,
  SECONDS,
  spelled,
  TEXTS,
  text,
  time,
  uuid,
  VARCHAR2,
  wider,
} from './oracle-types.ts';
import type { ResolvedType } from './postgres-to-mysql.ts';

export interface TypeRule {
  /** Of the type's text, domains resolved. The first rule that matches counts. */
  readonly pattern: RegExp;
  readonly shown: string;
  readonly example: string;
  readonly map: (match: readonly string[], place: Place) => OracleType;
  readonly choices: readonly OracleChoice[];
  readonly note?: string;
}

function asText(place: Place): OracleType {
  return { ...anyText(place), asText: true };
}

const whole = (name: string, digits: number): TypeRule => ({
  pattern: new RegExp(`^${name}$`),
  shown: name,
  example: name,
  map: () => plain(`NUMBER(${digits})`),
  choices: [wider(digits)],
});

const float = (name: string, type: string, form: string): TypeRule => ({
  pattern: new RegExp(`^${name}$`),
  shown: name,
  example: name,
  map: () => ({ type, form, comparedAs: 'oneZero' }),
  choices: TEXTS,
  note: ONE_ZERO,
});

/** Longer numbers become texts of so many characters: a sign, a point and a zero before it. */
const AROUND = 3;

function numeric(precision: number, scale: number, place: Place): OracleType {
  const found = decimal(precision, scale);
  if (found !== undefined) return { ...found, refuses: NO_NUMBER };
  const digits = Math.max(precision - Math.min(scale, 0), scale);
  return { ...ascii(digits + AROUND, place), mayBeEmpty: false, asText: true };
}

const NO_WHOLE = 'numbers that are not written as whole ones';
const BARE: OracleType = {
  type: 'NUMBER',
  form: 'number',
  comparedAs: 'number',
  refuses: `numbers of more than ${MOST_DIGITS} digits, ${NO_NUMBER}`,
};

const NUMBER: OracleChoice = {
  pattern: /^NUMBER\((\d+)(?:,(\d+))?\)$/,
  shown: 'NUMBER(p,s)',
  map: ([, precision, scale = '0'], _, { finding }) => {
    if (Number(precision) > MOST_DIGITS) return undefined;
    const type = scale === '0' ? `NUMBER(${precision})` : `NUMBER(${precision},${scale})`;
    if (finding !== true)
      return { type, form: `number(${precision},${scale})`, comparedAs: 'number', refuses: 'other numbers' };
    return scale === '0' ? { type, form: `whole(${precision})`, refuses: NO_WHOLE } : undefined;
  },
};

export const POSTGRES_TYPES: readonly TypeRule[] = [
  whole('smallint', 5),
  whole('integer', 10),
  whole('bigint', 19),
  whole('oid', 10),
  {
    pattern: /^numeric\((\d+),(-?\d+)\)$/,
    shown: 'numeric(p,s)',
    example: 'numeric(12,2)',
    map: ([, precision, scale], place) => numeric(Number(precision), Number(scale), place),
    choices: TEXTS,
    note: `more than ${MOST_DIGITS} digits become a text`,
  },
  {
    pattern: /^numeric$/,
    shown: 'numeric',
    example: 'numeric',
    map: (_, { finding }) =>
      finding === true ? { type: `NUMBER(${MOST_DIGITS})`, form: `whole(${MOST_DIGITS})`, refuses: NO_WHOLE } : BARE,
    choices: [NUMBER, ...TEXTS],
    note: `zeros at its end are not kept; in a key \`NUMBER(${MOST_DIGITS})\`, which takes whole numbers only`,
  },
  float('real', 'BINARY_FLOAT', 'real'),
  float('double precision', 'BINARY_DOUBLE', 'double'),
  {
    pattern: /^money$/,
    shown: 'money',
    example: 'money',
    map: () => ({ type: 'NUMBER(19,2)', form: 'money' }),
    choices: TEXTS,
  },
  {
    pattern: /^boolean$/,
    shown: 'boolean',
    example: 'boolean',
    map: () => boolean,
    choices: [BOOLEAN_CHOICE],
    note: 'with a check for 0 and 1; `BOOLEAN` needs Oracle 23ai',
  },
  {
    pattern: /^character varying\((\d+)\)$/,
    shown: 'varchar(n)',
    example: 'character varying(80)',
    map: ([, length], place) => text(Number(length), place),
    choices: TEXTS,
    note: 'of more than 1000 characters `CLOB`: a `VARCHAR2` has 4000 bytes, unless the server has MAX_STRING_SIZE = EXTENDED',
  },
  {
    pattern: /^(?:text|character varying|bpchar|xml|jsonpath)$/,
    shown: 'text, varchar, xml',
    example: 'text',
    map: (_, place) => anyText(place),
    choices: [...TEXTS, JSON_CHOICE],
    note: 'in a key or unique constraint `VARCHAR2`: a longer value stops the run',
  },
  {
    pattern: /^character\((\d+)\)$/,
    shown: 'char(n)',
    example: 'character(4)',
    map: ([, length]) => padded(Number(length)),
    choices: TEXTS,
    note: 'with its blanks at the end; of more than 500 characters `VARCHAR2` or `CLOB`',
  },
  {
    pattern: /^name$/,
    shown: 'name',
    example: 'name',
    map: (_, place) => text(64, place),
    choices: TEXTS,
  },
  { pattern: /^"char"$/, shown: '"char"', example: '"char"', map: (_, place) => text(4, place), choices: TEXTS },
  {
    pattern: /^bytea$/,
    shown: 'bytea',
    example: 'bytea',
    map: (_, place) => bytes(Number.POSITIVE_INFINITY, place),
    choices: BYTES,
    note: 'in a key `RAW`',
  },
  {
    pattern: /^bit\((\d+)\)$/,
    shown: 'bit(n)',
    example: 'bit(9)',
    map: ([, length], place) => ({ ...ascii(Number(length), place), mayBeEmpty: false }),
    choices: [
      {
        pattern: /^RAW\((\d+)\)$/,
        shown: 'RAW(n)',
        map: ([, size], [, length]) =>
          Number(size) === Math.ceil(Number(length) / 8)
            ? { type: `RAW(${size})`, form: `bits(${length})` }
            : undefined,
      },
      ...TEXTS,
    ],
    note: 'a text of digits',
  },
  {
    pattern: /^bit varying(?:\((\d+)\))?$/,
    shown: 'bit varying(n)',
    example: 'bit varying(7)',
    map: ([, length], place) => (length === undefined ? anyText(place) : ascii(Number(length), place)),
    choices: TEXTS,
    note: 'a text of digits',
  },
  {
    pattern: /^uuid$/,
    shown: 'uuid',
    example: 'uuid',
    map: () => uuid,
    choices: [{ ...VARCHAR2, map: ([, size]) => (Number(size) >= 36 ? plain(`VARCHAR2(${size} CHAR)`) : undefined) }],
  },
  {
    pattern: /^jsonb?$/,
    shown: 'json, jsonb',
    example: 'jsonb',
    map: (_, place) => json(place),
    choices: [JSON_CHOICE, VARCHAR2, CLOB_CHOICE],
    note: 'the text as it is, with a check that it is JSON; `JSON` needs Oracle 21c and is compared by what it means',
  },
  {
    pattern: /^date$/,
    shown: 'date',
    example: 'date',
    map: () => ({ type: 'DATE', form: 'date', refuses: NO_MOMENT }),
    choices: TEXTS,
    note: 'at midnight',
  },
  {
    pattern: /^timestamp(?:\((\d)\))? without time zone$/,
    shown: 'timestamp(n)',
    example: 'timestamp(3) without time zone',
    map: ([, digits = '']) => moment(digits),
    choices: [momentChoice('plain', 'moment'), SECONDS, ...TEXTS],
    note: '`DATE` where there is no fraction of a second',
  },
  {
    pattern: /^timestamp(?:\((\d)\))? with time zone$/,
    shown: 'timestamptz(n)',
    example: 'timestamp with time zone',
    map: ([, digits = ''], place) => instant(digits, place),
    choices: [
      momentChoice('plain', 'utc'),
      momentChoice('zoned', 'instant'),
      momentChoice('local', 'instant'),
      ...TEXTS,
    ],
    note: 'in UTC; in a key or unique constraint `TIMESTAMP`, because Oracle takes none with a time zone there',
  },
  {
    pattern: /^time(?:\((\d)\))? without time zone$/,
    shown: 'time(n)',
    example: 'time(0) without time zone',
    map: ([, digits = '']) => time(digits),
    choices: TEXTS,
  },
  {
    pattern: /^(?:time(?:\(\d\))? with time zone|interval\b[^[]*)$/,
    shown: 'timetz, interval',
    example: 'interval',
    map: (_, place) => ({ ...text(100, place), mayBeEmpty: false, asText: true }),
    choices: TEXTS,
  },
  {
    pattern: /^(?:inet|cidr|macaddr8?)$/,
    shown: 'inet, cidr, macaddr',
    example: 'inet',
    map: (_, place) => ({ ...ascii(49, place), mayBeEmpty: false, asText: true }),
    choices: TEXTS,
  },
];

function ruleOf(type: string): readonly [TypeRule, readonly string[]] | undefined {
  for (const rule of POSTGRES_TYPES) {
    const match = rule.pattern.exec(type);
    if (match !== null) return [rule, match];
  }
  return undefined;
}

/** Undefined for a choice that cannot hold the values. */
export function oracleTypeOfPostgres(resolved: ResolvedType, place: Place, chosen?: string): OracleType | undefined {
  const found = resolved.labels === undefined ? ruleOf(resolved.type) : undefined;
  const own =
    resolved.labels === undefined ? (found?.[0].map(found[1], place) ?? asText(place)) : labels(resolved.labels, place);
  if (chosen === undefined) return own;
  const wanted = spelled(chosen);
  if (wanted === own.type) return { ...own, limited: false };
  for (const { pattern, map } of found?.[0].choices ?? TEXTS) {
    const parts = pattern.exec(wanted);
    // Another pattern of the same type may take it.
    const type = parts === null ? undefined : map(parts, found?.[1] ?? [], place);
    if (type !== undefined && canStand(type, place)) return type;
  }
  return undefined;
}

export function postgresChoices({ type, labels }: ResolvedType): readonly string[] {
  const rule = labels === undefined ? ruleOf(type)?.[0] : undefined;
  return (rule?.choices ?? TEXTS).map(({ shown }) => shown);
}
