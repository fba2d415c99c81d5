// PostgreSQL's types as MySQL has them: for each the type that is taken by default, the others that a plan may choose, and the
// form in which the values travel. What MySQL has no type for becomes the text that PostgreSQL prints.

import type { TypeDefinition } from '../model/catalog.ts';
import { readTableId } from '../model/table.ts';
import { MYSQL } from './dialects.ts';

export interface MysqlType {
  /** The type in MySQL. */
  readonly type: string;
  /** Of a text: every character counts. */
  readonly collation?: 'utf8mb4_0900_bin' | 'ascii_bin';
  /** How values travel: a name of `FORMS`. */
  readonly form: string;
  /** Texts of the source are compared by what they mean. */
  readonly comparedAs?: 'json' | 'number';
  /** Another value is refused: what MySQL does not hold. */
  readonly refuses?: string;
  /** The longest text was given a limit that the source does not have. */
  readonly limited?: boolean;
  /** MySQL has no such type. */
  readonly asText?: boolean;
}

/** What else decides about the type of a column. */
export interface Place {
  /** So many characters of it fit into every key and unique constraint it is in; undefined when it is in none. */
  readonly keyed?: number | undefined;
  /** Rows are found by it. */
  readonly finding?: boolean;
}

type Match = readonly string[];

interface Choice {
  readonly pattern: RegExp;
  readonly shown: string;
  readonly map: (chosen: Match, match: Match, place: Place) => MysqlType | undefined;
}

export interface TypeRule {
  /** Of the type's text, domains resolved. The first rule that matches counts. */
  readonly pattern: RegExp;
  readonly shown: string;
  readonly example: string;
  readonly map: (match: Match, place: Place) => MysqlType;
  readonly choices: readonly Choice[];
  readonly note?: string;
}

const EVERY_CHARACTER = 'utf8mb4_0900_bin';
const plain = (type: string): MysqlType => ({ type, form: 'plain' });

function text(length: number | undefined, form = 'plain'): MysqlType {
  return { type: length === undefined ? 'longtext' : `varchar(${length})`, collation: EVERY_CHARACTER, form };
}

/** Of characters that are bytes as well. */
function ascii(length: number): MysqlType {
  return { type: `varchar(${length})`, collation: 'ascii_bin', form: 'plain' };
}

/** Of any length, unless a key has to have it. */
function anyText({ keyed }: Place): MysqlType {
  return keyed === undefined ? text(undefined) : { ...text(keyed), limited: true };
}

function asText(place: Place): MysqlType {
  return { ...anyText(place), asText: true };
}

const VARCHAR: Choice = {
  pattern: /^varchar\((\d+)\)$/,
  shown: 'varchar(n)',
  map: ([, length]) => text(Number(length)),
};
const LONG_TEXT: Choice = {
  pattern: /^(mediumtext|longtext|text)$/,
  shown: 'longtext',
  map: ([, type = ''], _, { keyed }) =>
    keyed === undefined ? { type, collation: EVERY_CHARACTER, form: 'plain' } : undefined,
};
const TEXTS = [VARCHAR, LONG_TEXT];

const NO_NUMBER = 'NaN and infinite numbers';
const DECIMAL = { precision: 65, scale: 30 };

/** MySQL's decimals have at most 65 digits, 30 of them behind the point, and none that are rounded before it. */
function decimal(precision: number, scale: number, place: Place): MysqlType {
  const [digits, behind] = [Math.max(precision - Math.min(scale, 0), scale), Math.max(scale, 0)];
  if (digits > DECIMAL.precision || behind > DECIMAL.scale) return asText(place);
  return { type: `decimal(${digits},${behind})`, form: 'decimal', refuses: NO_NUMBER };
}

const moment = (form: string, refuses: string) => {
  return ([, digits = '6']: Match): MysqlType => ({
    type: digits === '0' ? 'datetime' : `datetime(${digits})`,
    form,
    refuses,
  });
};
const NO_MOMENT = 'infinity, years before 1 and after 9999';

const momentChoice = (name: 'datetime' | 'timestamp', form: string): Choice => ({
  pattern: new RegExp(`^${name}(?:\\(([0-6])\\))?$`),
  shown: `${name}(n)`,
  map: ([, digits = '0'], [, own = '6']) =>
    digits >= own
      ? {
          type: digits === '0' ? name : `${name}(${digits})`,
          form,
          refuses: name === 'datetime' ? NO_MOMENT : 'what is not from 1970 to 2038',
        }
      : undefined,
});

const JSON_CHOICE: Choice = { pattern: /^json$/, shown: 'json', map: () => json({}) };

function json(place: Place): MysqlType {
  // No key can be made of it.
  if (place.keyed !== undefined) return asText(place);
  return {
    type: 'json',
    form: 'json',
    comparedAs: 'json',
    refuses: 'keys that are there twice, and numbers that a double does not hold',
  };
}

export const POSTGRES_TYPES: readonly TypeRule[] = [
  { pattern: /^smallint$/, shown: 'smallint', example: 'smallint', map: () => plain('smallint'), choices: [] },
  { pattern: /^integer$/, shown: 'integer', example: 'integer', map: () => plain('int'), choices: [] },
  { pattern: /^bigint$/, shown: 'bigint', example: 'bigint', map: () => plain('bigint'), choices: [] },
  { pattern: /^oid$/, shown: 'oid', example: 'oid', map: () => plain('int unsigned'), choices: [] },
  {
    pattern: /^numeric\((\d+),(-?\d+)\)$/,
    shown: 'numeric(p,s)',
    example: 'numeric(12,2)',
    map: ([, precision, scale], place) => decimal(Number(precision), Number(scale), place),
    choices: TEXTS,
    note: 'more than 65 digits, or 30 behind the point, become a text',
  },
  {
    pattern: /^numeric$/,
    shown: 'numeric',
    example: 'numeric',
    map: (_, { finding }) =>
      finding === true
        ? { type: 'decimal(65,0)', form: 'whole(65)', refuses: 'numbers that are not written as whole ones' }
        : {
            type: `decimal(${DECIMAL.precision},${DECIMAL.scale})`,
            form: `number(${DECIMAL.precision},${DECIMAL.scale})`,
            comparedAs: 'number',
            refuses: `numbers with more digits, ${NO_NUMBER}`,
          },
    choices: [
      {
        pattern: /^decimal\((\d+)(?:,(\d+))?\)$/,
        shown: 'decimal(p,s)',
        map: ([, precision, scale = '0'], _, { finding }) => {
          if (Number(precision) > DECIMAL.precision || Number(scale) > DECIMAL.scale) return undefined;
          const type = `decimal(${precision},${scale})`;
          if (finding !== true)
            return { type, form: `number(${precision},${scale})`, comparedAs: 'number', refuses: 'others' };
          return scale === '0' ? { type, form: `whole(${precision})`, refuses: 'others' } : undefined;
        },
      },
      ...TEXTS,
    ],
    note: 'zeros at its end are not kept; in a key `decimal(65,0)`, which takes whole numbers only',
  },
  {
    pattern: /^real$/,
    shown: 'real',
    example: 'real',
    map: () => ({ type: 'float', form: 'real', refuses: NO_NUMBER }),
    choices: TEXTS,
  },
  {
    pattern: /^double precision$/,
    shown: 'double precision',
    example: 'double precision',
    map: () => ({ type: 'double', form: 'double', refuses: NO_NUMBER }),
    choices: TEXTS,
  },
  {
    pattern: /^money$/,
    shown: 'money',
    example: 'money',
    map: () => ({ type: 'decimal(19,2)', form: 'money' }),
    choices: TEXTS,
  },
  {
    pattern: /^boolean$/,
    shown: 'boolean',
    example: 'boolean',
    map: () => ({ type: 'tinyint(1)', form: 'boolean' }),
    choices: [{ pattern: /^bit\(1\)$/, shown: 'bit(1)', map: () => ({ type: 'bit(1)', form: 'boolean bit' }) }],
  },
  {
    pattern: /^character varying\((\d+)\)$/,
    shown: 'varchar(n)',
    example: 'character varying(80)',
    map: ([, length], { keyed }) => {
      const own = Number(length);
      if (keyed !== undefined) return own > keyed ? { ...text(keyed), limited: true } : text(own);
      // Longer ones would soon fill the 65,535 bytes that a row of MySQL has for them.
      return own > LONGEST_VARCHAR ? text(undefined) : text(own);
    },
    choices: TEXTS,
    note: 'of more than 1000 characters `longtext`',
  },
  {
    pattern: /^(?:text|character varying|bpchar|xml|jsonpath)$/,
    shown: 'text, varchar, xml',
    example: 'text',
    map: (_, place) => anyText(place),
    choices: [...TEXTS, JSON_CHOICE],
    note: 'in a key or unique constraint `varchar(255)`: a longer value stops the run',
  },
  {
    pattern: /^character\((\d+)\)$/,
    shown: 'char(n)',
    example: 'character(4)',
    map: ([, length]) => {
      const size = Number(length);
      return { ...text(size), type: size > 255 ? `varchar(${size})` : `char(${size})`, form: `char(${size})` };
    },
    choices: TEXTS,
  },
  { pattern: /^name$/, shown: 'name', example: 'name', map: () => text(64), choices: TEXTS },
  { pattern: /^"char"$/, shown: '"char"', example: '"char"', map: () => text(4), choices: TEXTS },
  {
    pattern: /^bytea$/,
    shown: 'bytea',
    example: 'bytea',
    map: (_, { keyed }) =>
      keyed === undefined
        ? { type: 'longblob', form: 'bytes' }
        : { type: `varbinary(${keyed})`, form: 'bytes', limited: true },
    choices: [
      {
        pattern: /^(varbinary\(\d+\)|mediumblob|longblob|blob)$/,
        shown: 'varbinary(n)',
        map: ([, type = '']) => ({ type, form: 'bytes' }),
      },
    ],
    note: 'in a key `varbinary(255)`',
  },
  {
    pattern: /^bit\((\d+)\)$/,
    shown: 'bit(n)',
    example: 'bit(9)',
    map: ([, length]) => {
      const size = Number(length);
      return size > 64 ? ascii(size) : { type: `bit(${size})`, form: `bits(${size})` };
    },
    choices: TEXTS,
    note: 'of more than 64 bits a text of digits',
  },
  {
    pattern: /^bit varying(?:\((\d+)\))?$/,
    shown: 'bit varying(n)',
    example: 'bit varying(7)',
    map: ([, length], place) =>
      length === undefined || Number(length) > LONGEST_VARCHAR ? anyText(place) : ascii(Number(length)),
    choices: TEXTS,
    note: 'a text of digits',
  },
  {
    pattern: /^uuid$/,
    shown: 'uuid',
    example: 'uuid',
    map: () => ({ type: 'char(36)', collation: 'ascii_bin', form: 'plain' }),
    choices: [
      { pattern: /^binary\(16\)$/, shown: 'binary(16)', map: () => ({ type: 'binary(16)', form: 'uuid bytes' }) },
      VARCHAR,
    ],
  },
  {
    pattern: /^jsonb?$/,
    shown: 'json, jsonb',
    example: 'jsonb',
    map: (_, place) => json(place),
    choices: TEXTS,
    note: 'compared by what it means; `longtext` keeps the text as it is',
  },
  {
    pattern: /^date$/,
    shown: 'date',
    example: 'date',
    map: () => ({ type: 'date', form: 'date', refuses: NO_MOMENT }),
    choices: TEXTS,
  },
  {
    pattern: /^timestamp(?:\((\d)\))? without time zone$/,
    shown: 'timestamp(n)',
    example: 'timestamp(3) without time zone',
    map: moment('moment', NO_MOMENT),
    choices: [momentChoice('datetime', 'moment'), ...TEXTS],
  },
  {
    pattern: /^timestamp(?:\((\d)\))? with time zone$/,
    shown: 'timestamptz(n)',
    example: 'timestamp with time zone',
    map: moment('instant', NO_MOMENT),
    choices: [momentChoice('datetime', 'instant'), momentChoice('timestamp', 'instant'), ...TEXTS],
    note: 'in UTC',
  },
  {
    pattern: /^time(?:\((\d)\))? without time zone$/,
    shown: 'time(n)',
    example: 'time(0) without time zone',
    map: ([, digits = '6']) => ({ type: digits === '0' ? 'time' : `time(${digits})`, form: 'time' }),
    choices: TEXTS,
  },
  {
    pattern: /^(?:time(?:\(\d\))? with time zone|interval\b[^[]*)$/,
    shown: 'timetz, interval',
    example: 'interval',
    map: () => ({ ...text(100), asText: true }),
    choices: TEXTS,
  },
  {
    pattern: /^(?:inet|cidr|macaddr8?)$/,
    shown: 'inet, cidr, macaddr',
    example: 'inet',
    map: () => ({ ...ascii(49), asText: true }),
    choices: TEXTS,
  },
];

const LONGEST_VARCHAR = 1_000;

/** Everything that no rule is for: arrays, ranges, composites, shapes, what extensions bring. */
export const OTHER_TYPES = { shown: 'all others: arrays, ranges, composite types, shapes, …', map: asText };

/** Labels that MySQL has as they are: it cuts blanks at their end. */
function enumType(labels: readonly string[], place: Place): MysqlType {
  const taken = labels.every((label) => [...label].length <= 255 && !label.endsWith(' ') && label !== '');
  if (!taken || labels.length > 65_535) return { ...text(Math.min(63, place.keyed ?? 63)), asText: true };
  return { type: `enum(${labels.map(MYSQL.text).join(',')})`, collation: EVERY_CHARACTER, form: 'plain' };
}

export interface ResolvedType {
  /** The type that domains are made of in the end. */
  readonly type: string;
  readonly labels: readonly string[] | undefined;
  readonly isDomain: boolean;
}

/** What users made, as what it is made of. */
export function resolvedType(type: string, types: readonly TypeDefinition[]): ResolvedType {
  const name = type.includes('.') ? readTableId(type) : undefined;
  const found = types.find((each) => each.schema === name?.schema && each.name === name.name);
  if (found?.kind === 'enum') return { type, labels: found.labels, isDomain: false };
  if (found?.kind !== 'domain') return { type, labels: undefined, isDomain: false };
  const base = /^AS (.*?)(?: COLLATE .*| DEFAULT .*| NOT NULL)?$/s.exec(found.definition)?.[1] ?? '';
  return { ...resolvedType(base, types), isDomain: true };
}

function ruleOf(type: string): readonly [TypeRule, Match] | undefined {
  for (const rule of POSTGRES_TYPES) {
    const match = rule.pattern.exec(type);
    if (match !== null) return [rule, match];
  }
  return undefined;
}

/** Undefined for a choice that cannot hold the values. */
export function mysqlType(resolved: ResolvedType, place: Place, chosen?: string): MysqlType | undefined {
  const { type, labels } = resolved;
  const found = labels === undefined ? ruleOf(type) : undefined;
  const own = labels !== undefined ? enumType(labels, place) : (found?.[0].map(found[1], place) ?? asText(place));
  if (chosen === undefined) return own;
  const wanted = chosen
    .toLowerCase()
    .replace(/\s+/g, ' ')
    .replace(/ ?([(),]) ?/g, '$1');
  if (wanted === own.type) return { ...own, limited: false };
  for (const { pattern, map } of found?.[0].choices ?? TEXTS) {
    const parts = pattern.exec(wanted);
    if (parts !== null) return map(parts, found?.[1] ?? [], place);
  }
  return undefined;
}

export function mysqlChoices({ type, labels }: ResolvedType): readonly string[] {
  const rule = labels === undefined ? ruleOf(type)?.[0] : undefined;
  return (rule?.choices ?? TEXTS).map(({ shown }) => shown);
}
