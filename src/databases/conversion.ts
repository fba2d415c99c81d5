// How the values of a column become those of another form, where two engines write them differently. Made in `convert`, used by
// an adapter at its edge; it has no knowledge of the other engine. The core has one form for each pair of databases: where
// PostgreSQL is one of the two, texts as PostgreSQL prints them; between two of MySQL's kind, texts as MySQL's log delivers them,
// and bytes as hex in lower case.

import { MigrateError } from '../lib/errors.ts';
import type { Value } from '../model/change.ts';
import type { Column, Table } from '../model/table.ts';

/** Neither function is asked about NULL. */
export interface Conversion {
  /**
   * The value in the core's form; what comes in is the adapter's own, as its log delivers it. NULL where a policy of the
   * run says so. Throws MigrateError for a value that the target cannot hold.
   */
  print(value: string | Buffer): Value;
  /**
   * The adapter's own value for one in the core's form: for what `print` made of it, and on a target for every value of the source.
   * Throws MigrateError for one that the column cannot hold.
   */
  read(value: string | Buffer): string | Buffer;
  /** True when both return what they are given: then texts may pass as bytes. */
  readonly isSame?: boolean;
  /**
   * True for a text, UTF-8 in `bytes`, of which `print` is known to return it as it is, so that it may pass as bytes. False says
   * nothing.
   */
  keeps?(bytes: Buffer, start: number, end: number): boolean;
  /** What stands before the digits, where the core's form is the bytes as hex in lower case. */
  readonly hex?: '' | '\\x';
}

/** Between bytes and the text that PostgreSQL prints of them. Large ones stay what they are, in the core as well. */
export const HEX_BYTES: Conversion = {
  print: (value) => {
    const bytes = Buffer.isBuffer(value) ? value : Buffer.from(value);
    return bytes.length < LARGE_BYTES ? `\\x${bytes.toString('hex')}` : bytes;
  },
  read: (value) => (Buffer.isBuffer(value) ? value : Buffer.from(value.slice(2), 'hex')),
  hex: '\\x',
};

/** By the column as the adapter knows it; what `convert` has to know besides stands in its `handling`. */
export type ConversionOf = (column: Column) => Conversion;

/** From this length on bytes are not made texts on their way: each would be two or more copies of the value. */
export const LARGE_BYTES = 1 << 18;

/** Of a value that becomes a text, which has an end in this process. */
export function tooLong(column: string, bytes: number): MigrateError {
  return new MigrateError(
    'SOURCE.REFUSED',
    `column ${column} has a value of ${bytes} bytes as a text, which is too long`,
    {
      fix: 'A text may have 512 MB on its way. Shorten the value on the source, or exclude its table (tables.exclude).',
    },
  );
}

const IDENTITY: Conversion = { print: (value) => value, read: (value) => value, isSame: true };

/** Values stay as the source has them. */
export const unconverted: ConversionOf = () => IDENTITY;

/**
 * What becomes of an empty text, or of no bytes at all, on a target that holds it for NULL: that, nothing that is allowed, or
 * another text.
 */
export type EmptyText = 'null' | 'refused' | { readonly sentinel: string };

const EMPTY_IS = 'empty is ';

/** In `Column.handling` of a source's column: the target holds an empty text, or no bytes at all, for NULL, and so does the core. */
export const EMPTY_IS_NULL = `${EMPTY_IS}null`;
const EMPTY_IS_REFUSED = `${EMPTY_IS}refused`;

/** For `Column.handling`. */
export function emptyHandling(empty: EmptyText): string {
  if (empty === 'null') return EMPTY_IS_NULL;
  return empty === 'refused' ? EMPTY_IS_REFUSED : `${EMPTY_IS}${JSON.stringify(empty.sentinel)}`;
}

/** Undefined for a column that keeps its empty values, or has none. */
export function emptyOf({ handling = [] }: Pick<Column, 'handling'>): EmptyText | undefined {
  const word = handling.find((each) => each.startsWith(EMPTY_IS));
  if (word === undefined || word === EMPTY_IS_NULL) return word && 'null';
  return word === EMPTY_IS_REFUSED ? 'refused' : { sentinel: String(JSON.parse(word.slice(EMPTY_IS.length))) };
}

/** The columns of which empty values are something else on the target, NULL or a text. */
export function changedEmpties({ columns }: Pick<Table, 'columns'>): readonly Column[] {
  return columns.filter((column) => {
    const empty = emptyOf(column);
    return empty !== undefined && empty !== 'refused';
  });
}

/** What a conversion has thrown, which knows the column only. */
export function refusedIn({ id }: Pick<Table, 'id'>, error: MigrateError): MigrateError {
  return new MigrateError(error.code, `${id}: ${error.message}`, { cause: error, fix: error.fix });
}
