// The values of each type as Debezium writes them, read back as the built-in log reader reads them: the text that the server
// selects, or bytes.

import type { Value } from '../../../model/change.ts';
import type { Column } from '../../../model/table.ts';
import { jsonText } from '../../../stream/kafka/json.ts';
import { doubleText, floatText } from '../log/numbers.ts';
import { serverJson } from './json-form.ts';
import { dateText, datetimeText, timestampText, timeText } from './moments.ts';
import { partial } from './partial.ts';

/** Gives one value from its JSON, which lies in `bytes` from `start` to before `end` and is not null. */
export type ReadLogged = (bytes: Buffer, start: number, end: number) => Value;

/** What a column is besides its type. */
export interface WrittenColumn extends Pick<Column, 'type'> {
  /** Its character set, as the server calls it; undefined where its type has none. */
  readonly charset: string | undefined;
}

const raw: ReadLogged = (bytes, start, end) => bytes.toString('latin1', start, end);
const text: ReadLogged = jsonText;
const encoded: ReadLogged = (bytes, start, end) => Buffer.from(jsonText(bytes, start, end), 'base64');

/** Java knows all of their characters as the server does. */
const CHARSETS = new Set([
  ...['utf8mb4', 'utf8mb3', 'utf8', 'ascii', 'ucs2', 'utf16', 'utf16le', 'utf32', 'latin2', 'latin5', 'latin7'],
  ...['cp850', 'cp852', 'koi8r', 'macroman', 'macce'],
]);
/** And of these all but some, which it replaces. */
const NEARLY = new Set(['latin1', 'cp1250', 'cp1251', 'cp1257']);
const UNREADABLE = '\ufffd';

/** Why values of the column do not come through whole; undefined when they do. */
export function whyNotWhole({ type, charset }: WrittenColumn): string | undefined {
  if (/^(uuid|inet[46])$/.test(type)) return 'Debezium does not write its values whole';
  if (/COMPRESSED/.test(type)) return 'Debezium does not read columns that MariaDB compresses';
  if (charset === undefined || charset === 'binary' || CHARSETS.has(charset) || NEARLY.has(charset)) return undefined;
  return `Debezium reads some characters of ${charset} as others`;
}

/** What of the column's values does not come through and cannot be seen in them; undefined when everything does. */
export function whatIsLost({ type }: WrittenColumn): string | undefined {
  if (type !== 'json') return undefined;
  return 'within JSON, bytes, times, and floating-point numbers that are whole and of 10000000 or more arrive as other texts or numbers';
}

/** For a column that `whyNotWhole` has nothing against. */
export function readerOfColumn({ type, charset }: WrittenColumn): ReadLogged {
  const digits = Number(/^\w+\((\d)\)/.exec(type)?.[1] ?? 0);
  switch (/^\w+/.exec(type)?.[0]) {
    case 'bigint':
      return type.includes('unsigned') ? unsigned : raw;
    case 'year':
      return (bytes, start, end) => (raw(bytes, start, end) === '1900' ? '0000' : raw(bytes, start, end));
    case 'tinyint':
    case 'smallint':
    case 'mediumint':
    case 'int':
      return raw;
    case 'float':
      return (bytes, start, end) => floatText(Math.fround(Number(bytes.toString('latin1', start, end))));
    case 'double':
      return (bytes, start, end) => doubleText(Number(bytes.toString('latin1', start, end)));
    case 'date':
      return (bytes, start, end) => dateText(Number(bytes.toString('latin1', start, end)));
    case 'time':
      return (bytes, start, end) => timeText(Number(bytes.toString('latin1', start, end)), digits);
    case 'datetime':
      return (bytes, start, end) => datetimeText(BigInt(bytes.toString('latin1', start, end)), digits);
    case 'timestamp':
      return (bytes, start, end) => timestampText(jsonText(bytes, start, end), digits);
    case 'bit':
      return bitReader(type);
    case 'json':
      return (bytes, start, end) => serverJson(jsonText(bytes, start, end));
    case 'enum':
      return labelReader(type, false);
    case 'set':
      return labelReader(type, true);
    case 'vector':
      return vector;
    default:
      return otherReader(type, charset);
  }
}

function otherReader(type: string, charset: string | undefined): ReadLogged {
  if (/^((var)?binary|(tiny|medium|long)?blob)\b/.test(type)) return encoded;
  if (/^(multi)?(point|linestring|polygon)$|^geom/.test(type)) return geometry;
  if (charset === undefined || !NEARLY.has(charset)) return text;
  return (bytes, start, end) => {
    const value = jsonText(bytes, start, end);
    if (value.includes(UNREADABLE)) throw partial(`a character of ${charset} as none`);
    return value;
  };
}

/** A number of any length, the highest byte first. */
const unsigned: ReadLogged = (bytes, start, end) => {
  const number = Buffer.from(jsonText(bytes, start, end), 'base64');
  return String(BigInt(`0x${number.toString('hex') || '0'}`));
};

/** The lowest byte first, where the server has it last. */
function bitReader(type: string): ReadLogged {
  const bits = Number(/\((\d+)\)/.exec(type)?.[1] ?? 1);
  if (bits === 1) return (bytes, start) => Buffer.from([bytes[start] === 0x74 ? 1 : 0]);
  return (bytes, start, end) => {
    const value = Buffer.alloc((bits + 7) >> 3);
    Buffer.from(jsonText(bytes, start, end), 'base64').copy(value);
    return value.reverse();
  };
}

const vector: ReadLogged = (bytes, start, end) => {
  const numbers = JSON.parse(bytes.toString('utf8', start, end)) as readonly number[];
  const value = Buffer.alloc(4 * numbers.length);
  for (const [index, number] of numbers.entries()) value.writeFloatLE(number, 4 * index);
  return value;
};

/** The server puts the number of the reference system in front. */
const geometry: ReadLogged = (bytes, start, end) => {
  const { wkb, srid } = JSON.parse(bytes.toString('utf8', start, end)) as { wkb: string; srid: number | null };
  const system = Buffer.alloc(4);
  system.writeUInt32LE(srid ?? 0);
  return Buffer.concat([system, Buffer.from(wkb, 'base64')]);
};

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', '0': '\0' };

/** Debezium has labels as they stand in the definition of the table, with a backslash before each comma besides. */
function labelReader(type: string, isSet: boolean): ReadLogged {
  const written = [...type.matchAll(/'((?:[^'\\]|''|\\.)*)'/gs)].map(([, label = '']) => label.replaceAll("''", "'"));
  const labels = new Map([['', '']]);
  for (const label of written) {
    const value = label.replace(/\\(.)/gs, (_, char: string) => ESCAPES[char] ?? char);
    labels.set(label.replaceAll(',', '\\,'), value);
  }
  const read = (label: string): string => {
    const value = labels.get(label);
    if (value === undefined) throw partial(`a label that ${isSet ? 'its set' : 'its enum'} does not have`);
    return value;
  };
  if (!isSet) return (bytes, start, end) => read(jsonText(bytes, start, end));
  return (bytes, start, end) => jsonText(bytes, start, end).split(',').map(read).join(',');
}
