// The values of each type as Debezium writes them, read back as the text that PostgreSQL prints. What does not come whole is
// refused, or stops the reading where it shows only in a value.

import { doubleText, realText } from '../../../lib/postgres-floats.ts';
import { utf8Text } from '../../../lib/utf8.ts';
import type { LoggedValue } from '../../../model/change.ts';
import { jsonText } from '../../../stream/kafka/json.ts';
import { arrayText, hstoreText, intervalText, pointText, readGeometry, twistedText } from './forms.ts';
import { dateText, timestampText, timestamptzText, timeText } from './moments.ts';
import { partial } from './partial.ts';

/** A type as its values are written: a domain is what it is made of. */
export interface WrittenType {
  /** pg_type.typname, of an array its element's. */
  readonly name: string;
  /** pg_type.typtype: b, e, c, r, m. Of an array its element's. */
  readonly kind: string;
  readonly origin: 'system' | 'extension' | 'user';
  readonly isArray: boolean;
  /** With length or precision: `bit(9)`. */
  readonly declared: string;
}

/** Gives the text of one value from its JSON, which lies in `bytes` from `start` to before `end` and is not null. */
export type ReadText = (bytes: Buffer, start: number, end: number) => LoggedValue;

/** What stands in a message in place of a value that the log left out. */
export interface Placeholder {
  readonly text: string;
  /** In an array of uuids. */
  readonly uuid: string;
}

/** Numbers are ASCII, and short. */
const raw = utf8Text;
const isTrue = (bytes: Buffer, start: number): boolean => bytes[start] === 0x74;

const SCALARS: Readonly<Record<string, ReadText>> = {
  bool: (bytes, start) => (isTrue(bytes, start) ? 't' : 'f'),
  int2: raw,
  int4: raw,
  int8: raw,
  oid: raw,
  float4: (bytes, start, end) => number(bytes, start, end, realText),
  float8: (bytes, start, end) => number(bytes, start, end, doubleText),
  date: (bytes, start, end) => dateText(Number(raw(bytes, start, end))),
  time: (bytes, start, end) => timeText(Number(raw(bytes, start, end))),
  timestamp: (bytes, start, end) => timestampText(bytes.toString('latin1', start, end)),
  timestamptz: (bytes, start, end) => timestamptzText(jsonText(bytes, start, end)),
  interval: (bytes, start, end) => intervalText(jsonText(bytes, start, end)),
  point: (bytes, start, end) => pointText(bytes.toString('utf8', start, end)),
  line: (bytes, start, end) => readGeometry('line', bytes.toString('utf8', start, end)),
  lseg: (bytes, start, end) => readGeometry('lseg', bytes.toString('utf8', start, end)),
  box: (bytes, start, end) => readGeometry('box', bytes.toString('utf8', start, end)),
  circle: (bytes, start, end) => readGeometry('circle', bytes.toString('utf8', start, end)),
};

/** Written as the server's text, and a placeholder where the log left the value out. */
const TEXTS = new Set([
  ...['text', 'varchar', 'bpchar', 'char', 'name', 'json', 'jsonb', 'xml', 'uuid', 'tsvector', 'citext', 'ltree'],
  ...['inet', 'cidr', 'macaddr', 'macaddr8', 'int4range', 'int8range', 'numrange', 'tsrange', 'daterange'],
]);
/** Elements of arrays whose values come whole, or as a placeholder where the log left them out. */
const TEXT_ELEMENTS = new Set(['text', 'varchar', 'bpchar', 'json', 'jsonb']);
const ELEMENTS = new Set([...TEXT_ELEMENTS, 'int4', 'int8', 'uuid', 'date']);
/** Printed with an offset from UTC that is the worker's. */
const ZONED = new Set(['tstzrange', 'tstzmultirange']);
/** Where the log leaves such a value out, NULL is written: no telling them apart. Or the whole is written in part only. */
const NOT_WHOLE = new Set(['money', 'timetz', 'varbit', 'path', 'polygon', 'oidvector', 'int2vector', 'refcursor']);
const EXTENSION_TYPES = new Set(['citext', 'ltree', 'hstore']);
/** Longer ones may be left out of the log, and NULL is written then. */
const LONGEST_BIT = 8_000;

/** Why values of the type do not come through whole; undefined when they do. */
export function whyNotWhole(type: WrittenType): string | undefined {
  const { name, kind, origin, isArray, declared } = type;
  if (isArray) return ELEMENTS.has(name) && kind === 'b' ? undefined : 'Debezium does not write arrays of it whole';
  if (origin === 'extension' && !EXTENSION_TYPES.has(name)) return 'Debezium does not say in which form it writes it';
  if (NOT_WHOLE.has(name) && kind === 'b') return 'Debezium does not write all of its values whole';
  if (name === 'bit' && bitsOf(declared) > LONGEST_BIT)
    return `Debezium does not write it whole above ${LONGEST_BIT} bits`;
  return undefined;
}

/** What of the type's values does not come through and cannot be seen in them; undefined when everything does. */
export function whatIsLost({ name, isArray, origin }: WrittenType): string | undefined {
  if (isArray) return 'an array that does not begin at 1 arrives as one that does';
  return name === 'interval' && origin === 'system' ? 'an infinite interval arrives as none' : undefined;
}

/** For a type that `whyNotWhole` has nothing against. */
export function readerOfType(type: WrittenType, placeholder: Placeholder): ReadText {
  if (type.isArray) return arrayReader(type, placeholder);
  const { name, kind } = type;
  if (kind === 'e') return textReader(placeholder);
  if (kind === 'b') {
    const scalar = SCALARS[name];
    if (scalar !== undefined) return scalar;
    if (TEXTS.has(name)) return textReader(placeholder);
    if (name === 'numeric') return numericReader(type, placeholder);
    if (name === 'bytea') return byteaReader(placeholder);
    if (name === 'bit') return bitReader(bitsOf(type.declared));
    if (name === 'hstore') return (bytes, start, end) => hstore(jsonText(bytes, start, end), placeholder);
  }
  if (kind === 'r' && type.origin === 'system' && TEXTS.has(name)) return textReader(placeholder);
  if (kind === 'r' && type.origin === 'system') return checkedReader(textReader(placeholder));
  return ZONED.has(name) ? checkedReader(encodedReader(placeholder)) : encodedReader(placeholder);
}

function number(bytes: Buffer, start: number, end: number, print: (text: string) => string): string {
  if (bytes[start] !== 0x22) return print(raw(bytes, start, end));
  // NaN and both infinities.
  return jsonText(bytes, start, end);
}

function textReader({ text }: Placeholder): ReadText {
  return (bytes, start, end) => {
    const value = jsonText(bytes, start, end);
    return value === text ? undefined : value;
  };
}

const SPECIAL: Readonly<Record<string, string>> = {
  NAN: 'NaN',
  POSITIVE_INFINITY: 'Infinity',
  NEGATIVE_INFINITY: '-Infinity',
};

function numericReader({ declared }: WrittenType, { text }: Placeholder): ReadText {
  // Debezium takes a scale below zero for a very large one.
  const isWhole = /,\s*-\d+\)$/.test(declared);
  return (bytes, start, end) => {
    const value = jsonText(bytes, start, end);
    if (value === text) return undefined;
    const special = SPECIAL[value];
    if (special !== undefined) return special;
    return isWhole ? value.replace(/\..*$/, '') : value;
  };
}

function byteaReader(placeholder: Placeholder): ReadText {
  const left = Buffer.from(placeholder.text).toString('base64');
  return (bytes, start, end) => {
    const value = jsonText(bytes, start, end);
    return value === left ? undefined : `\\x${Buffer.from(value, 'base64').toString('hex')}`;
  };
}

/** The server's text, which Debezium takes for bytes because it does not know the type. */
function encodedReader(placeholder: Placeholder): ReadText {
  const left = Buffer.from(placeholder.text).toString('base64');
  return (bytes, start, end) => {
    const value = jsonText(bytes, start, end);
    return value === left ? undefined : Buffer.from(value, 'base64').toString('utf8');
  };
}

/** Moments are printed in the time zone of the worker. */
function checkedReader(read: ReadText): ReadText {
  return (bytes, start, end) => {
    const value = read(bytes, start, end);
    const offsets = typeof value === 'string' ? [...value.matchAll(/:\d\d(?:\.\d+)?([+-]\d\d(?::\d\d)*)/g)] : [];
    if (offsets.some(([, offset]) => offset !== '+00'))
      throw partial('a range of moments in another time zone than UTC: let the worker of Connect run with TZ=UTC');
    return value;
  };
}

function bitsOf(declared: string): number {
  return Number(/\((\d+)\)/.exec(declared)?.[1] ?? 1);
}

/** The lowest eight bits come first, and zeros at the end are left out. */
function bitReader(bits: number): ReadText {
  if (bits === 1) return (bytes, start) => (isTrue(bytes, start) ? '1' : '0');
  return (bytes, start, end) => {
    const little = Buffer.from(jsonText(bytes, start, end), 'base64');
    let text = '';
    for (const byte of little) text = byte.toString(2).padStart(8, '0') + text;
    return text.padStart(bits, '0').slice(-bits);
  };
}

function hstore(json: string, { text }: Placeholder): LoggedValue {
  return json === JSON.stringify({ [text]: text }) ? undefined : hstoreText(json);
}

function arrayReader({ name }: WrittenType, placeholder: Placeholder): ReadText {
  const isText = TEXT_ELEMENTS.has(name);
  const codes = JSON.stringify([...placeholder.text].map((char) => char.charCodeAt(0)));
  const left = new Set([JSON.stringify([placeholder.text]), JSON.stringify([placeholder.uuid]), codes]);
  return (bytes, start, end) => {
    const json = bytes.toString('utf8', start, end);
    if (left.has(json)) return undefined;
    return arrayText(json, (element) => {
      // That is how one that has several dimensions comes: its rows are no values to Debezium.
      if (element === null && !isText) throw partial('an array with NULL, or of several dimensions');
      if (element === null) return null;
      if (element.startsWith('"')) {
        const text = jsonText(Buffer.from(element), 0, Buffer.byteLength(element));
        if (twistedText(text)) throw partial('an array of several dimensions');
        return text;
      }
      return name === 'date' ? dateText(Number(element)) : element;
    });
  };
}
