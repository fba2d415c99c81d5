// How the values of each type are asked for and bound, so that they travel as texts, exactly, or as bytes: numbers with a point
// and all their digits, moments in one format and in UTC, whatever the session's settings are.

import type { Column } from '../../model/table.ts';
import type { Statement } from './statement.ts';

export interface ValueKind {
  /** The expression that is selected, of the column. */
  select(column: string): string;
  /** The expression that a bound text or bytes is given in, of its place: `:1`. */
  bind(place: string): string;
  readonly isBytes: boolean;
  /** True when a value may be longer than a bound text can be. Such a column is only assigned to: it has no comparison. */
  readonly isLarge: boolean;
}

const same = (text: string): string => text;

const DAY = "'YYYY-MM-DD HH24:MI:SS'";
const MOMENT = "'YYYY-MM-DD HH24:MI:SS.FF6'";
const ZONED = "'YYYY-MM-DD HH24:MI:SS.FF6TZH:TZM'";

const TEXT: ValueKind = { select: same, bind: same, isBytes: false, isLarge: false };
const NUMBER: ValueKind = { ...TEXT, bind: (place) => `TO_NUMBER(${place})` };
const DATE: ValueKind = {
  ...TEXT,
  select: (column) => `TO_CHAR(${column}, ${DAY})`,
  bind: (place) => `TO_DATE(${place}, ${DAY})`,
};
const TIMESTAMP: ValueKind = {
  ...TEXT,
  select: (column) => `TO_CHAR(${column}, ${MOMENT})`,
  bind: (place) => `TO_TIMESTAMP(${place}, ${MOMENT})`,
};
const TIMESTAMP_ZONED: ValueKind = {
  ...TEXT,
  // Each value has a zone of its own.
  select: (column) => `TO_CHAR(${column} AT TIME ZONE '+00:00', ${ZONED})`,
  bind: (place) => `TO_TIMESTAMP_TZ(${place}, ${ZONED})`,
};
/** In seconds: days, hours, minutes and seconds have the same sign, and of a text Oracle alone knows which. */
const DAYS: ValueKind = {
  ...TEXT,
  select: (column) =>
    `EXTRACT(DAY FROM ${column}) * 86400 + EXTRACT(HOUR FROM ${column}) * 3600 + EXTRACT(MINUTE FROM ${column}) * 60 + EXTRACT(SECOND FROM ${column})`,
  bind: (place) => `NUMTODSINTERVAL(TO_NUMBER(${place}), 'SECOND')`,
};

const JSON_DOCUMENT: ValueKind = {
  select: (column) => `JSON_SERIALIZE(${column} RETURNING CLOB)`,
  bind: (place) => `JSON(${place})`,
  isBytes: false,
  isLarge: true,
};

const BOOLEAN: ValueKind = {
  ...TEXT,
  select: (column) => `TO_NUMBER(${column})`,
  bind: (place) => `TO_BOOLEAN(${place})`,
};

const KINDS: readonly (readonly [RegExp, ValueKind])[] = [
  [/^(?:NUMBER|FLOAT|INTEGER)\b/, NUMBER],
  [/^BINARY_FLOAT$/, { ...TEXT, bind: (place) => `TO_BINARY_FLOAT(${place})` }],
  [/^BINARY_DOUBLE$/, { ...TEXT, bind: (place) => `TO_BINARY_DOUBLE(${place})` }],
  [/^DATE$/, DATE],
  [/^TIMESTAMP\b.* TIME ZONE$/, TIMESTAMP_ZONED],
  [/^TIMESTAMP\b/, TIMESTAMP],
  [/^INTERVAL DAY\b/, DAYS],
  [/^RAW\b/, { ...TEXT, isBytes: true }],
  [/^BLOB$/, { ...TEXT, isBytes: true, isLarge: true }],
  [/^N?CLOB$/, { ...TEXT, isLarge: true }],
  [/^JSON$/, JSON_DOCUMENT],
  [/^BOOLEAN$/, BOOLEAN],
];

/** By the column's type in Oracle; one that is not among them travels as the server makes a text of it. */
export function kindOf({ type }: Pick<Column, 'type'>): ValueKind {
  return KINDS.find(([pattern]) => pattern.test(type))?.[1] ?? TEXT;
}

/** The value where one of a column of this kind is expected. */
export function bound(kind: ValueKind, value: string | Buffer): Statement {
  return { parts: kind.bind('?').split('?'), binds: [value] };
}
