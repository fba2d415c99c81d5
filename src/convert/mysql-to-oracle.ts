// MySQL's and MariaDB's types as Oracle has them: for each the type that is taken by default, the others that a plan may choose,
// and the forms in which the values travel. Between the two they are texts as PostgreSQL prints them.

import type { ColumnDefinition } from '../model/catalog.ts';
import { labelsOf } from './mysql-defaults.ts';
import {
  anyText,
  ascii,
  BLOB,
  BOOLEAN_CHOICE,
  BYTES,
  boolean,
  bytes,
  canStand,
  decimal,
  instant,
  JSON_CHOICE,
  json,
  labels,
  MOST_DIGITS,
  moment,
  momentChoice,
  ONE_ZERO,
  type OracleChoice,
  type OracleType,
  type Place,
  plain,
  SECONDS,
  spelled,
  TEXTS,
  text,
  time,
  UUID_BYTES,
  uuid,
  wider,
} from './oracle-types.ts';
import type { ConvertOptions } from './pair.ts';

type TypedColumn = Pick<ColumnDefinition, 'type'>;
type Options = Pick<ConvertOptions, 'zeroDates' | 'tinyint1'>;

export interface TypeRule {
  /** Of the type's text in information_schema, without a zerofill. The first rule that matches counts. */
  readonly pattern: RegExp;
  readonly shown: string;
  readonly example: string;
  readonly map: (match: readonly string[], place: Place, options: Options) => OracleType;
  readonly choices: readonly OracleChoice[];
  readonly note?: string;
}

/** `from`: how the values become the core's texts. */
const from = (form: string, type: OracleType): OracleType => ({ ...type, from: form });
const chosen = (form: string, choices: readonly OracleChoice[]): readonly OracleChoice[] =>
  choices.map((choice) => ({
    ...choice,
    map: (wanted, own, place) => {
      const type = choice.map(wanted, own, place);
      return type && from(form, type);
    },
  }));
/** A text that is the server's own has no zero digits to lose: kept as it is. */
const AS_TEXT = chosen(
  'plain',
  TEXTS.map((choice) => ({ ...choice, map: notEmpty(choice.map) })),
);

function notEmpty(map: OracleChoice['map']): OracleChoice['map'] {
  return (wanted, own, place) => {
    const type = map(wanted, own, place);
    return type && { ...type, mayBeEmpty: false };
  };
}

const whole = (pattern: RegExp, example: string, digits: number, shown = example): TypeRule => ({
  pattern,
  shown,
  example,
  map: () => from('plain', plain(`NUMBER(${digits})`)),
  choices: [...chosen('plain', [wider(digits)]), ...AS_TEXT],
});

const float = (name: string, type: string, form: string): TypeRule => ({
  pattern: new RegExp(`^${name}(?:\\(\\d+,\\d+\\))?(?: unsigned)?$`),
  shown: name,
  example: name,
  map: () => from(`${form} with one zero`, { type, form }),
  choices: AS_TEXT,
  note: ONE_ZERO,
});

const BOOLEANS: readonly OracleChoice[] = chosen('boolean', [
  { pattern: /^NUMBER\(1\)$/, shown: 'NUMBER(1)', map: () => boolean },
  BOOLEAN_CHOICE,
]);

/** A zero date is refused, or becomes NULL. */
function dated(form: string, { refuses: _, ...type }: OracleType, { zeroDates }: Options): OracleType {
  const zero = zeroDates === 'setNull' ? { makesNull: true } : { refuses: 'dates with a zero in them' };
  return { ...from(form, type), ...zero };
}

const MOMENTS = chosen('moment', [momentChoice('plain', 'moment'), SECONDS]);
const INSTANTS = chosen('instant', [momentChoice('zoned', 'instant'), momentChoice('local', 'instant')]);
const UTC = chosen('instant', [momentChoice('plain', 'utc')]);

export const MYSQL_TYPES: readonly TypeRule[] = [
  {
    pattern: /^tinyint\(1\)$/,
    shown: 'tinyint(1)',
    example: 'tinyint(1)',
    map: (_, __, { tinyint1 }) =>
      tinyint1 === 'boolean' ? from('boolean', boolean) : from('plain', plain('NUMBER(3)')),
    choices: [...BOOLEANS, ...chosen('plain', [wider(3)])],
    note: '`NUMBER(1)` has a check for 0 and 1; `convert.tinyint1: boolean` for all; `BOOLEAN` needs Oracle 23ai',
  },
  {
    ...whole(/^tinyint(?:\(\d+\))?(?: unsigned)?$/, 'tinyint', 3, 'tinyint, unsigned as well'),
    choices: [...BOOLEANS, ...chosen('plain', [wider(3)]), ...AS_TEXT],
  },
  whole(/^smallint(?:\(\d+\))?(?: unsigned)?$/, 'smallint', 5, 'smallint, unsigned as well'),
  whole(/^mediumint(?:\(\d+\))?$/, 'mediumint', 7),
  whole(/^mediumint(?:\(\d+\))? unsigned$/, 'mediumint unsigned', 8),
  whole(/^int(?:\(\d+\))?(?: unsigned)?$/, 'int', 10, 'int, unsigned as well'),
  whole(/^bigint(?:\(\d+\))?$/, 'bigint', 19),
  whole(/^bigint(?:\(\d+\))? unsigned$/, 'bigint unsigned', 20),
  {
    pattern: /^year(?:\(4\))?$/,
    shown: 'year',
    example: 'year',
    map: () => from('year', plain('NUMBER(4)')),
    choices: chosen('year', [wider(4)]),
    note: '`0000` becomes 0',
  },
  {
    pattern: /^decimal\((\d+),(\d+)\)(?: unsigned)?$/,
    shown: 'decimal(p,s)',
    example: 'decimal(12,2)',
    map: ([, precision, scale], place) => {
      const found = decimal(Number(precision), Number(scale));
      if (found !== undefined) return from('plain', found);
      return from('plain', { ...ascii(Number(precision) + 3, place), mayBeEmpty: false, asText: true });
    },
    choices: AS_TEXT,
    note: `more than ${MOST_DIGITS} digits become a text`,
  },
  float('float', 'BINARY_FLOAT', 'real'),
  float('double', 'BINARY_DOUBLE', 'double'),
  {
    pattern: /^bit\(1\)$/,
    shown: 'bit(1)',
    example: 'bit(1)',
    map: () => from('boolean bit', boolean),
    choices: chosen('boolean bit', [BOOLEAN_CHOICE]),
    note: 'with a check for 0 and 1; `BOOLEAN` needs Oracle 23ai',
  },
  {
    pattern: /^bit\((\d+)\)$/,
    shown: 'bit(n)',
    example: 'bit(11)',
    map: ([, length]) =>
      from(`bits(${length})`, { type: `RAW(${Math.ceil(Number(length) / 8)})`, form: `bits(${length})` }),
    choices: [],
    note: 'with the bits at the end of the bytes',
  },
  {
    pattern: /^binary\((\d+)\)$/,
    shown: 'binary(n)',
    example: 'binary(16)',
    map: ([, length], place) => from('bytes', { ...bytes(Number(length), place), mayBeEmpty: length === '0' }),
    choices: chosen('bytes', BYTES.slice(1)),
  },
  {
    pattern: /^varbinary\((\d+)\)$/,
    shown: 'varbinary(n)',
    example: 'varbinary(40)',
    map: ([, length], place) => from('bytes', bytes(Number(length), place)),
    choices: chosen('bytes', BYTES),
    note: 'of more than 2000 bytes `BLOB`',
  },
  {
    pattern: /^tinyblob$/,
    shown: 'tinyblob',
    example: 'tinyblob',
    map: (_, place) => from('bytes', bytes(255, place)),
    choices: chosen('bytes', BYTES),
  },
  {
    pattern: /^(?:medium|long)?blob$/,
    shown: 'blobs',
    example: 'longblob',
    map: (_, place) => from('bytes', bytes(Number.POSITIVE_INFINITY, place)),
    choices: chosen('bytes', BYTES),
  },
  {
    pattern: /^char\(36\)$/,
    shown: 'char(36)',
    example: 'char(36)',
    map: (_, place) => from('plain', text(36, place)),
    choices: [...chosen('uuid', [UUID_BYTES]), ...chosen('plain', TEXTS)],
    note: 'as `RAW(16)` only uuids in lower case with hyphens; anything else stops the run',
  },
  {
    pattern: /^(?:var)?char\((\d+)\)$/,
    shown: 'char(n), varchar(n)',
    example: 'varchar(80)',
    map: ([, length], place) => from('plain', text(Math.max(Number(length), 1), place)),
    choices: chosen('plain', TEXTS),
    note:
      'of more than 1000 characters `CLOB`: a `VARCHAR2` has 4000 bytes, unless the server has MAX_STRING_SIZE = EXTENDED;' +
      ' blanks at the end of a `char` are not part of its value',
  },
  {
    pattern: /^tinytext$/,
    shown: 'tinytext',
    example: 'tinytext',
    map: (_, place) => from('plain', text(255, place)),
    choices: chosen('plain', TEXTS),
  },
  {
    pattern: /^(?:medium|long)?text$/,
    shown: 'texts',
    example: 'longtext',
    map: (_, place) => from('plain', anyText(place)),
    choices: [...chosen('plain', TEXTS), ...chosen('json', [JSON_CHOICE])],
    note: 'MariaDB writes `json` as `longtext`',
  },
  {
    pattern: /^enum\(/s,
    shown: 'enum',
    example: "enum('new','paid')",
    map: ([type = ''], place) => from('plain', { ...labels(labelsOf(type), place), mayBeEmpty: true }),
    choices: chosen('plain', TEXTS),
    note: 'with a check for its labels',
  },
  {
    pattern: /^set\(/s,
    shown: 'set',
    example: "set('red','green')",
    map: ([type = ''], place) => from('plain', text(Math.max(1, labelsOf(type).join(',').length), place)),
    choices: chosen('plain', TEXTS),
  },
  {
    pattern: /^date$/,
    shown: 'date',
    example: 'date',
    map: (_, __, options) => dated('date', { type: 'DATE', form: 'date' }, options),
    choices: AS_TEXT,
    note: 'at midnight; a zero in it: `convert.zeroDates`, or a text',
  },
  {
    pattern: /^datetime(?:\((\d)\))?$/,
    shown: 'datetime(n)',
    example: 'datetime(6)',
    map: ([, digits = '0'], _, options) => dated('moment', moment(digits), options),
    choices: [...MOMENTS, ...INSTANTS, ...AS_TEXT],
    note: '`DATE` where there is no fraction of a second; with a time zone taken as UTC; a zero in it: as of a date',
  },
  {
    pattern: /^timestamp(?:\((\d)\))?$/,
    shown: 'timestamp(n)',
    example: 'timestamp(3)',
    map: ([, digits = '0'], place, options) => dated('instant', instant(digits, place), options),
    choices: [...INSTANTS, ...UTC, ...AS_TEXT],
    note: 'in UTC; in a key or unique constraint `TIMESTAMP`, because Oracle takes none with a time zone there',
  },
  {
    pattern: /^time(?:\((\d)\))?$/,
    shown: 'time(n)',
    example: 'time(3)',
    map: ([, digits = '0']) => from('time', time(digits)),
    choices: AS_TEXT,
    note: 'it goes beyond a day, and below zero',
  },
  {
    pattern: /^json$/,
    shown: 'json',
    example: 'json',
    map: (_, place) => from('plain', json(place)),
    choices: [...chosen('json', [JSON_CHOICE]), ...AS_TEXT],
    note: 'the text as MySQL prints it, with a check that it is JSON; `JSON` needs Oracle 21c and is compared by what it means',
  },
  {
    pattern: /^uuid$/,
    shown: 'uuid (MariaDB)',
    example: 'uuid',
    map: () => from('plain', uuid),
    choices: AS_TEXT,
  },
  {
    pattern: /^inet[46]$/,
    shown: 'inet4, inet6 (MariaDB)',
    example: 'inet6',
    map: (_, place) => from('plain', { ...ascii(45, place), mayBeEmpty: false }),
    choices: AS_TEXT,
  },
  {
    pattern: /^vector\(\d+\)$/,
    shown: 'vector(n)',
    example: 'vector(3)',
    map: () => from('bytes', BLOB),
    choices: [],
    note: 'its numbers as four bytes each, the lowest first',
  },
  {
    pattern: /^(?:(?:multi)?(?:point|linestring|polygon)|geom(?:etry)?collection|geometry)$/,
    shown: 'geometries',
    example: 'point',
    map: () => from('bytes', { ...BLOB, mayBeEmpty: false }),
    choices: [],
    note: 'four bytes of the SRID, then WKB',
  },
];

function ruleOf({ type }: TypedColumn): readonly [TypeRule, readonly string[]] | undefined {
  const isListed = /^(enum|set)\(/.test(type);
  const bare = isListed ? type : type.replace(/ zerofill$/, '');
  for (const rule of MYSQL_TYPES) {
    const match = rule.pattern.exec(bare);
    if (match !== null) return [rule, isListed ? [type] : match];
  }
  return undefined;
}

/** Undefined for a type that Oracle has nothing for, and for a choice that cannot hold the values. */
export function oracleTypeOfMysql(
  column: TypedColumn,
  place: Place,
  options: Options,
  wanted?: string,
): OracleType | undefined {
  const found = ruleOf(column);
  if (found === undefined) return undefined;
  const [rule, match] = found;
  const own = rule.map(match, place, options);
  if (wanted === undefined) return own;
  const type = spelled(wanted);
  if (type === own.type) return { ...own, limited: false };
  for (const choice of rule.choices) {
    const parts = choice.pattern.exec(type);
    const made = parts === null ? undefined : choice.map(parts, defaulted(match), place);
    if (made?.from === undefined || !canStand(made, place)) continue;
    const isDated = /^(date|timestamp)/.test(column.type) && made.from !== 'plain';
    return isDated ? dated(made.from, made, options) : made;
  }
  return undefined;
}

/** A moment of MySQL without a size has no fraction of a second. */
function defaulted([type = '', size]: readonly string[]): readonly string[] {
  return [type, size ?? '0'];
}

export function mysqlChoicesForOracle(column: TypedColumn): readonly string[] {
  return ruleOf(column)?.[0].choices.map(({ shown }) => shown) ?? [];
}
