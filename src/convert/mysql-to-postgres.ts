// MySQL's and MariaDB's types as PostgreSQL has them: for each the type that is taken by default, the others that a plan may
// choose, and the form in which the values travel.

import type { ColumnDefinition } from '../model/catalog.ts';
import type { ConvertOptions } from './pair.ts';

export interface MappedType {
  /** The type in PostgreSQL. */
  readonly type: string;
  /** How values travel: a name of `FORMS`. */
  readonly form: string;
  /** Values may become NULL, so the column cannot be NOT NULL. */
  readonly makesNull?: boolean;
  /** Texts of it are compared by what they mean. */
  readonly comparedAs?: 'json';
}

type TypedColumn = Pick<ColumnDefinition, 'type'> & { readonly collation?: string | null };
type Options = Pick<ConvertOptions, 'zeroDates' | 'tinyint1' | 'json'>;
type Make = (match: readonly string[], options: Options) => MappedType;

/** A type that a plan may choose. */
interface Choice {
  /** Of the chosen type's text. */
  readonly pattern: RegExp;
  /** For people: `varchar(n)`. */
  readonly shown: string;
  /** Undefined where the type is too small. `chosen`: the match of the pattern. */
  readonly map: (chosen: readonly string[], match: readonly string[], options: Options) => MappedType | undefined;
}

export interface TypeRule {
  /** Of the type's text in information_schema, without a zerofill. The first rule that matches counts. */
  readonly pattern: RegExp;
  /** For people: `int unsigned`. */
  readonly shown: string;
  /** A type that the rule is for, for the documentation. */
  readonly example: string;
  /** Undefined where PostgreSQL has nothing for it, and a plan has to choose. */
  readonly map: Make | undefined;
  readonly choices: readonly Choice[];
  /** What is not what it seems. */
  readonly note?: string;
}

const to =
  (type: string, form = 'plain'): Make =>
  () => ({ type, form });

const choice = (shown: string, form: string, type = shown): Choice => ({
  pattern: new RegExp(`^${type.replace(/[[\]()]/g, '\\$&')}$`),
  shown,
  map: () => ({ type, form }),
});

const TEXT = choice('text', 'plain');
const JSONB: Choice = { pattern: /^jsonb$/, shown: 'jsonb', map: () => jsonb };
const jsonb: MappedType = { type: 'jsonb', form: 'json', comparedAs: 'json' };

/** At least as long as the column. */
const VARCHAR: Choice = {
  pattern: /^varchar\((\d+)\)$/,
  shown: 'varchar(n)',
  map: ([, length], [, own = '0']) =>
    Number(length) >= Number(own) ? { type: `varchar(${length})`, form: 'plain' } : undefined,
};

const integer = (names: readonly string[]): readonly Choice[] => [
  ...names.map((name) => choice(name, 'plain')),
  choice('numeric', 'plain'),
  {
    pattern: /^numeric\((\d+)(?:,0)?\)$/,
    shown: 'numeric(n)',
    map: ([, precision]) => (Number(precision) >= 20 ? { type: `numeric(${precision},0)`, form: 'plain' } : undefined),
  },
  TEXT,
];

/** Of a moment; a text keeps zero dates. */
const moment = (type: string, form: string): Make => {
  return ([, size = ''], { zeroDates }) => ({
    type: `${type}${size === '' && type !== 'date' ? '(0)' : size}`,
    form,
    ...(zeroDates === 'setNull' ? { makesNull: true } : {}),
  });
};

const momentChoice = (type: string, form: string): Choice => ({
  pattern: new RegExp(`^${type}(\\([0-6]\\))?$`),
  shown: type,
  // Without a size all digits of a second are kept.
  map: ([, size = '(6)'], [, own = '(0)'], options) =>
    size >= own ? moment(type, form)(['', size], options) : undefined,
});

export const MYSQL_TYPES: readonly TypeRule[] = [
  {
    pattern: /^tinyint\(1\)$/,
    shown: 'tinyint(1)',
    example: 'tinyint(1)',
    map: (_, { tinyint1 }) =>
      tinyint1 === 'boolean' ? { type: 'boolean', form: 'boolean' } : { type: 'smallint', form: 'plain' },
    choices: [choice('boolean', 'boolean'), ...integer(['smallint', 'integer', 'bigint'])],
    note: '`convert.tinyint1: boolean` for all',
  },
  {
    pattern: /^(?:tiny|small)int(?:\(\d+\))?$|^tinyint(?:\(\d+\))? unsigned$/,
    shown: 'tinyint, smallint, tinyint unsigned',
    example: 'smallint',
    map: to('smallint'),
    choices: [choice('boolean', 'boolean'), ...integer(['smallint', 'integer', 'bigint'])],
  },
  {
    pattern: /^year(?:\(4\))?$/,
    shown: 'year',
    example: 'year',
    map: to('smallint', 'year'),
    choices: [choice('integer', 'year')],
    note: '`0000` becomes 0',
  },
  {
    pattern: /^(?:mediumint|int)(?:\(\d+\))?$|^(?:small|medium)int(?:\(\d+\))? unsigned$/,
    shown: 'mediumint, int, smallint unsigned, mediumint unsigned',
    example: 'int',
    map: to('integer'),
    choices: integer(['integer', 'bigint']),
  },
  {
    pattern: /^bigint(?:\(\d+\))?$|^int(?:\(\d+\))? unsigned$/,
    shown: 'bigint, int unsigned',
    example: 'int unsigned',
    map: to('bigint'),
    choices: integer(['bigint']),
  },
  {
    pattern: /^bigint(?:\(\d+\))? unsigned$/,
    shown: 'bigint unsigned',
    example: 'bigint unsigned',
    map: to('numeric(20,0)'),
    choices: [choice('bigint', 'int'), ...integer([])],
    note: 'as `bigint` a value above 9223372036854775807 stops the run',
  },
  {
    pattern: /^decimal\((\d+),(\d+)\)(?: unsigned)?$/,
    shown: 'decimal(p,s)',
    example: 'decimal(12,2)',
    map: ([, precision, scale]) => ({ type: `numeric(${precision},${scale})`, form: 'plain' }),
    choices: [choice('numeric', 'plain'), TEXT],
  },
  {
    pattern: /^float(?:\(\d+,\d+\))?(?: unsigned)?$/,
    shown: 'float',
    example: 'float',
    map: to('real', 'real'),
    choices: [TEXT],
  },
  {
    pattern: /^double(?:\(\d+,\d+\))?(?: unsigned)?$/,
    shown: 'double',
    example: 'double',
    map: to('double precision', 'double'),
    choices: [TEXT],
  },
  {
    pattern: /^binary\(16\)$/,
    shown: 'binary(16)',
    example: 'binary(16)',
    map: to('bytea', 'bytes'),
    choices: [choice('uuid', 'uuid bytes')],
  },
  {
    pattern: /^(?:var)?binary\(|^(?:tiny|medium|long)?blob$/,
    shown: 'binary(n), varbinary(n), blobs',
    example: 'varbinary(40)',
    map: to('bytea', 'bytes'),
    choices: [],
  },
  {
    pattern: /^bit\((\d+)\)$/,
    shown: 'bit(n)',
    example: 'bit(11)',
    map: ([, length]) => ({ type: `bit(${length})`, form: `bits(${length})` }),
    choices: [
      {
        pattern: /^boolean$/,
        shown: 'boolean',
        map: (_, [, length]) => (length === '1' ? { type: 'boolean', form: 'boolean bit' } : undefined),
      },
    ],
    note: '`bit(1)` may become `boolean`',
  },
  {
    pattern: /^(?:var)?char\(0\)$/,
    shown: 'char(0), varchar(0)',
    example: 'char(0)',
    map: to('text'),
    choices: [],
  },
  {
    pattern: /^char\((36)\)$/,
    shown: 'char(36)',
    example: 'char(36)',
    map: to('varchar(36)'),
    choices: [choice('uuid', 'uuid'), VARCHAR, TEXT],
    note: 'as `uuid` only in lower case with hyphens; anything else stops the run',
  },
  {
    pattern: /^(?:var)?char\((\d+)\)$/,
    shown: 'char(n), varchar(n)',
    example: 'varchar(80)',
    map: ([, length]) => ({ type: `varchar(${length})`, form: 'plain' }),
    choices: [VARCHAR, TEXT],
    note: 'blanks at the end of a `char` are not part of its value',
  },
  {
    pattern: /^(?:tiny|medium|long)?text$/,
    shown: 'texts',
    example: 'longtext',
    map: to('text'),
    choices: [choice('json', 'plain'), JSONB],
    note: 'a zero byte in a text stops the run; MariaDB writes `json` as `longtext`, which may become `json` or `jsonb` here',
  },
  {
    pattern: /^(?:enum|set)\(/s,
    shown: 'enum, set',
    example: "enum('new','paid')",
    map: to('text'),
    choices: [TEXT],
    note: 'an enum with a check for its labels',
  },
  {
    pattern: /^date$/,
    shown: 'date',
    example: 'date',
    map: moment('date', 'date'),
    choices: [TEXT],
    note: 'a zero in it: `convert.zeroDates`, or `text`',
  },
  {
    pattern: /^datetime(\(\d\))?$/,
    shown: 'datetime(n)',
    example: 'datetime(6)',
    map: moment('timestamp', 'moment'),
    choices: [momentChoice('timestamp', 'moment'), momentChoice('timestamptz', 'instant'), TEXT],
    note: 'as `timestamptz` taken as UTC; a zero in it: as of a date',
  },
  {
    pattern: /^timestamp(\(\d\))?$/,
    shown: 'timestamp(n)',
    example: 'timestamp(3)',
    map: moment('timestamptz', 'instant'),
    choices: [momentChoice('timestamptz', 'instant'), momentChoice('timestamp', 'moment'), TEXT],
    note: 'as `timestamp` in UTC; a zero in it: as of a date',
  },
  {
    pattern: /^time(\(\d\))?$/,
    shown: 'time(n)',
    example: 'time(3)',
    map: ([, size = '(0)']) => ({ type: `interval${size}`, form: 'time' }),
    choices: [
      {
        pattern: /^time(\([0-6]\))?$/,
        shown: 'time',
        map: ([, size = '(6)'], [, own = '(0)']) =>
          size >= own ? { type: `time${size}`, form: 'time of day' } : undefined,
      },
      TEXT,
    ],
    note: 'it goes beyond a day, and below zero; as `time` such a value stops the run',
  },
  {
    pattern: /^json$/,
    shown: 'json',
    example: 'json',
    map: (_, { json }) => (json === 'jsonb' ? jsonb : { type: 'json', form: 'plain' }),
    choices: [choice('json', 'plain'), JSONB, TEXT],
    note: '`convert.json: jsonb` for all',
  },
  { pattern: /^uuid$/, shown: 'uuid (MariaDB)', example: 'uuid', map: to('uuid'), choices: [TEXT] },
  {
    pattern: /^inet[46]$/,
    shown: 'inet4, inet6 (MariaDB)',
    example: 'inet6',
    map: to('text'),
    choices: [TEXT],
    note: 'MariaDB and PostgreSQL print addresses of IPv6 differently',
  },
  {
    pattern: /^vector\(\d+\)$/,
    shown: 'vector(n)',
    example: 'vector(3)',
    map: to('real[]', 'vector'),
    choices: [choice('bytea', 'bytes')],
  },
  {
    pattern: /^(?:(?:multi)?(?:point|linestring|polygon)|geom(?:etry)?collection|geometry)$/,
    shown: 'geometries',
    example: 'point',
    map: undefined,
    choices: [choice('bytea', 'bytes')],
    note: '`bytea` has four bytes of the SRID, then WKB',
  },
];

function ruleOf({ type }: TypedColumn): readonly [TypeRule, readonly string[]] | undefined {
  const bare = /^(enum|set)\(/.test(type) ? type : type.replace(/ zerofill$/, '');
  for (const rule of MYSQL_TYPES) {
    const match = rule.pattern.exec(bare);
    if (match !== null) return [rule, match];
  }
  return undefined;
}

/** Undefined for a type that PostgreSQL has nothing for, and for a choice that cannot hold the values. */
export function mappedType(column: TypedColumn, options: Options, chosen?: string): MappedType | undefined {
  const found = ruleOf(column);
  if (found === undefined) return undefined;
  const [rule, match] = found;
  if (chosen === undefined) return rule.map?.(match, options);
  const wanted = spelled(chosen);
  const own = rule.map?.(match, options);
  if (own !== undefined && own.type === wanted) return own;
  for (const { pattern, map } of rule.choices) {
    const parts = pattern.exec(wanted);
    if (parts !== null) return map(parts, match, options);
  }
  return undefined;
}

/** What a plan may choose for a type, for people. */
export function choicesFor(column: TypedColumn): readonly string[] {
  return ruleOf(column)?.[0].choices.map(({ shown }) => shown) ?? [];
}

const SYNONYMS: readonly (readonly [RegExp, string])[] = [
  [/^bool$/, 'boolean'],
  [/^character varying/, 'varchar'],
  [/^int2$/, 'smallint'],
  [/^int4$|^int$/, 'integer'],
  [/^int8$/, 'bigint'],
  [/^decimal/, 'numeric'],
  [/^timestamp(\(\d\))? with time zone$/, 'timestamptz$1'],
  [/^timestamp(\(\d\))? without time zone$/, 'timestamp$1'],
];

/** As the rules write it. */
function spelled(type: string): string {
  const lower = type
    .toLowerCase()
    .replace(/\s+/g, ' ')
    .replace(/ ?([(),]) ?/g, '$1');
  return SYNONYMS.reduce((text, [pattern, name]) => text.replace(pattern, name), lower);
}

const CAST_TYPES: Readonly<Record<string, string>> = {
  smallint: 'int2',
  integer: 'int4',
  bigint: 'int8',
  boolean: 'bool',
  real: 'float4',
  'double precision': 'float8',
  bit: '"bit"',
};

/** For `Column.castType` of PostgreSQL. */
export function postgresCastType(type: string): string {
  const bare = type.replace(/\(.*\)/, '');
  return CAST_TYPES[bare] ?? bare.replace(/^real\[\]$/, 'float4[]');
}
