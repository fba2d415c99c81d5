// The types of columns by the numbers that the log has for them, and how the server names them.

export const TYPE = {
  TINY: 1,
  SHORT: 2,
  LONG: 3,
  FLOAT: 4,
  DOUBLE: 5,
  NULL: 6,
  TIMESTAMP: 7,
  LONGLONG: 8,
  INT24: 9,
  DATE: 10,
  TIME: 11,
  DATETIME: 12,
  YEAR: 13,
  VARCHAR: 15,
  BIT: 16,
  TIMESTAMP2: 17,
  DATETIME2: 18,
  TIME2: 19,
  BLOB_COMPRESSED: 140,
  VARCHAR_COMPRESSED: 141,
  VECTOR: 242,
  JSON: 245,
  NEWDECIMAL: 246,
  ENUM: 247,
  SET: 248,
  BLOB: 252,
  VAR_STRING: 253,
  STRING: 254,
  GEOMETRY: 255,
} as const;

/** A column as the log describes it. */
export interface LoggedColumn {
  readonly name: string;
  readonly type: number;
  /** What the type needs besides: its length, precision, or bytes of its own length. Of a decimal, precision * 256 + scale. */
  readonly meta: number;
  readonly unsigned: boolean;
  /** Number of the collation; undefined where the type has none. */
  readonly collation: number | undefined;
  /** Of an enum or set, each byte as the character of its number: they are in the column's own character set. */
  readonly labels: readonly string[];
  /** Of a geometry: the number of its kind. */
  readonly geometry: number;
  /** Of a vector. */
  readonly dimension: number;
}

/** A character set: how long a character can be, and how its bytes become text. */
export interface Charset {
  readonly name: string;
  readonly maxBytes: number;
  decode(bytes: Buffer, start: number, end: number): string;
}

/** By the number of a collation; undefined for bytes that are no text. */
export type CharsetOf = (collation: number) => Charset | undefined;

const BINARY = 63;

export function isBinary(column: LoggedColumn): boolean {
  return column.collation === BINARY;
}

const INTEGERS = new Map<number, string>([
  [TYPE.TINY, 'tinyint'],
  [TYPE.SHORT, 'smallint'],
  [TYPE.INT24, 'mediumint'],
  [TYPE.LONG, 'int'],
  [TYPE.LONGLONG, 'bigint'],
]);
const FIXED = new Map<number, string>([
  [TYPE.FLOAT, 'float'],
  [TYPE.DOUBLE, 'double'],
  [TYPE.DATE, 'date'],
  [TYPE.YEAR, 'year'],
  [TYPE.JSON, 'json'],
  [TYPE.TIMESTAMP, 'timestamp'],
  [TYPE.DATETIME, 'datetime'],
  [TYPE.TIME, 'time'],
]);
const MOMENTS = new Map<number, string>([
  [TYPE.TIMESTAMP2, 'timestamp'],
  [TYPE.DATETIME2, 'datetime'],
  [TYPE.TIME2, 'time'],
]);
const GEOMETRIES = [
  'geometry',
  'point',
  'linestring',
  'polygon',
  'multipoint',
  'multilinestring',
  'multipolygon',
  'geometrycollection',
];
const SIZES = ['', 'tiny', '', 'medium', 'long'];

/** The column's type in the words of information_schema, as `comparable` makes them; undefined for a type or character set that is not known. */
export function typeName(column: LoggedColumn, charsetOf: CharsetOf): string | undefined {
  const { type, meta } = column;
  const sign = column.unsigned ? ' unsigned' : '';
  const integer = INTEGERS.get(type);
  if (integer !== undefined) return integer + sign;
  const fixed = FIXED.get(type);
  if (fixed !== undefined) return type === TYPE.FLOAT || type === TYPE.DOUBLE ? fixed + sign : fixed;
  const moment = MOMENTS.get(type);
  if (moment !== undefined) return meta === 0 ? moment : `${moment}(${meta})`;
  switch (type) {
    case TYPE.NEWDECIMAL:
      return `decimal(${meta >> 8},${meta & 0xff})${sign}`;
    case TYPE.BIT:
      return `bit(${meta})`;
    case TYPE.VECTOR:
      return `vector(${column.dimension})`;
    case TYPE.GEOMETRY:
      return GEOMETRIES[column.geometry];
    case TYPE.ENUM:
    case TYPE.SET: {
      const labels = labelTexts(column, charsetOf);
      return labels && `${type === TYPE.ENUM ? 'enum' : 'set'}(${labels.map(quoted).join(',')})`;
    }
    case TYPE.BLOB:
    case TYPE.BLOB_COMPRESSED:
      return `${SIZES[meta]}${isBinary(column) ? 'blob' : 'text'}`;
    case TYPE.STRING:
    case TYPE.VARCHAR:
    case TYPE.VAR_STRING:
      return textType(column, charsetOf);
    case TYPE.VARCHAR_COMPRESSED:
      // One byte more says how it is compressed.
      return textType({ ...column, meta: meta - 1 }, charsetOf);
    default:
      return undefined;
  }
}

function textType(column: LoggedColumn, charsetOf: CharsetOf): string | undefined {
  const name = column.type === TYPE.STRING ? 'char' : 'varchar';
  if (isBinary(column)) return `${name === 'char' ? 'binary' : 'varbinary'}(${column.meta})`;
  const charset = column.collation === undefined ? undefined : charsetOf(column.collation);
  return charset && `${name}(${column.meta / charset.maxBytes})`;
}

/** The labels of an enum or set; undefined when their character set cannot be read. */
export function labelTexts(column: LoggedColumn, charsetOf: CharsetOf): readonly string[] | undefined {
  if (column.collation === undefined || isBinary(column)) return column.labels;
  const charset = charsetOf(column.collation);
  return charset && column.labels.map((label) => charset.decode(Buffer.from(label, 'latin1'), 0, label.length));
}

const ESCAPES: Readonly<Record<string, string>> = { "'": "''", '\\': '\\\\', '\0': '\\0', '\n': '\\n', '\r': '\\r' };

/** As information_schema does. */
function quoted(label: string): string {
  return `'${label.replace(/['\\\0\n\r]/g, (character) => ESCAPES[character] ?? character)}'`;
}

/** A type as information_schema names it, without what makes no difference to its values or is not in the log. */
export function comparable(type: string): string {
  if (/^(enum|set)\(/.test(type)) return type;
  return type
    .replace(/ zerofill$/, '')
    .replace(/^((?:tiny|small|medium|big)?int|year)\(\d+\)/, '$1')
    .replace(/^(float|double)\([\d,]+\)/, '$1')
    .replace(/^geomcollection$/, 'geometrycollection')
    .replace(/ \/\*.* COMPRESSED\*\/$/, '')
    .replace(/^(uuid|inet6)$/, 'binary(16)')
    .replace(/^inet4$/, 'binary(4)');
}
