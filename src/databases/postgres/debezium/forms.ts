// Values that Debezium takes apart, put together again as PostgreSQL prints them: intervals, arrays, hstore, geometries.

import { doubleText } from '../../../lib/postgres-floats.ts';
import { partial } from './partial.ts';

const INTERVAL = /^P(-?\d+)Y(-?\d+)M(-?\d+)DT(-?\d+)H(-?\d+)M(-?\d+(?:\.\d+)?)S$/;

/** Of the form `P1Y2M3DT4H5M6.7S`. */
export function intervalText(text: string): string {
  const match = INTERVAL.exec(text);
  if (match === null) throw partial('an interval of unknown form');
  const [years, months, days, hours, minutes] = match.slice(1, 6).map(Number);
  const seconds = match[6] ?? '0';
  let shown = '';
  let isBefore = false;
  for (const [value = 0, unit] of [
    [years, 'year'],
    [months, 'mon'],
    [days, 'day'],
  ] as const) {
    if (value === 0) continue;
    const sign = isBefore && value > 0 ? '+' : '';
    shown += `${shown === '' ? '' : ' '}${sign}${value} ${unit}${value === 1 ? '' : 's'}`;
    isBefore = value < 0;
  }
  if (shown !== '' && [hours, minutes, Number(seconds)].every((part) => part === 0)) return shown;
  const isMinus = [hours, minutes].some((part = 0) => part < 0) || seconds.startsWith('-');
  const sign = isMinus ? '-' : isBefore ? '+' : '';
  return `${shown}${shown === '' ? '' : ' '}${sign}${clock(hours)}:${clock(minutes)}:${secondsText(seconds)}`;
}

function clock(value = 0): string {
  return String(Math.abs(value)).padStart(2, '0');
}

function secondsText(text: string): string {
  const [whole = '0', fraction = ''] = text.replace('-', '').split('.');
  const rest = fraction.replace(/0+$/, '');
  return whole.padStart(2, '0') + (rest === '' ? '' : `.${rest}`);
}

/** Java's name for an array within an array. */
export function twistedText(text: string): boolean {
  return /^\[+(L[\w.$]+;|[BCDFIJSZ])@[0-9a-f]+$/.test(text);
}

/** From a JSON array without further ones in it; `print` gives the text of an element from its JSON. */
export function arrayText(json: string, print: (element: string | null) => string | null): string {
  const elements = [...json.slice(1, -1).matchAll(/"(?:[^"\\]|\\.)*"|[^,\s]+/gs)].map(([element]) => element);
  const texts = elements.map((element) => print(element === 'null' ? null : element));
  return `{${texts.map((text) => (text === null ? 'NULL' : quoted(text))).join(',')}}`;
}

// Only the white space of ASCII: the server does not quote other spaces, such as U+2028 and U+3000, which \s has too.
const ARRAY_QUOTED = /[{}",\\\t-\r ]/;

function quoted(text: string): string {
  if (text !== '' && !ARRAY_QUOTED.test(text) && text.toUpperCase() !== 'NULL') return text;
  return `"${text.replace(/["\\]/g, '\\$&')}"`;
}

/** The server orders keys by their length in bytes, then by bytes. */
export function hstoreText(json: string): string {
  const entries = Object.entries(JSON.parse(json) as Record<string, string | null>);
  const ordered = entries
    .map(([key, value]) => ({ key, value, bytes: Buffer.from(key) }))
    .toSorted((one, other) => one.bytes.length - other.bytes.length || one.bytes.compare(other.bytes));
  const escaped = (text: string): string => `"${text.replace(/["\\]/g, '\\$&')}"`;
  return ordered.map(({ key, value }) => `${escaped(key)}=>${value === null ? 'NULL' : escaped(value)}`).join(', ');
}

type Coordinate = number | string;

interface Point {
  readonly x: Coordinate;
  readonly y: Coordinate;
}

interface Geometry extends Partial<Point> {
  readonly a?: Coordinate;
  readonly b?: Coordinate;
  readonly c?: Coordinate;
  readonly center?: Point;
  readonly radius?: Coordinate;
  readonly wkb?: string;
}

function coordinate(value: Coordinate = 'NaN'): string {
  return typeof value === 'string' ? value : doubleText(Object.is(value, -0) ? '-0' : String(value));
}

function pointOf({ x, y }: Partial<Point>): string {
  return `(${coordinate(x)},${coordinate(y)})`;
}

export function pointText(json: string): string {
  return pointOf(JSON.parse(json) as Point);
}

export function readGeometry(type: 'line' | 'lseg' | 'box' | 'circle', json: string): string {
  const value = JSON.parse(json) as Geometry;
  if (type === 'line') return `{${[value.a, value.b, value.c].map((one) => coordinate(one)).join(',')}}`;
  if (type === 'circle') return `<${pointOf(value.center ?? {})},${coordinate(value.radius)}>`;
  const points = cornersOf(Buffer.from(value.wkb ?? '', 'base64'), type === 'box');
  if (type === 'lseg') return `[${points.slice(0, 2).map(pointOf).join(',')}]`;
  return [points[0], points[2]].map((point) => pointOf(point ?? {})).join(',');
}

/** Well-known binary: the order of bytes, the type, of a polygon how many rings, how many points, then the points. */
function cornersOf(wkb: Buffer, isPolygon: boolean): readonly Point[] {
  const start = isPolygon ? 13 : 9;
  const count = wkb.readUInt32LE(start - 4);
  const at = (index: number): string => {
    const value = wkb.readDoubleLE(start + index * 8);
    return Number.isFinite(value) ? coordinate(value) : String(value);
  };
  return Array.from({ length: count }, (_, index) => ({ x: at(2 * index), y: at(2 * index + 1) }));
}
