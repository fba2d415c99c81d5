// How rows, keys and key ranges of one table are said to MySQL, and what is made of what it answers.

import type { Key, Value } from '../../model/change.ts';
import type { KeyRange } from '../../model/chunk.ts';
import type { Column, Table } from '../../model/table.ts';
import type { Conversion, ConversionOf } from '../conversion.ts';
import type { Selection, ValueRow } from './connection.ts';
import { type Maker, makerOf } from './row-packets.ts';
import { quoteName, quoteTable } from './sql.ts';
import { keyLiteral, type Reading, readingOf } from './values.ts';

interface Part {
  readonly column: Column;
  readonly reading: Reading;
  readonly conversion: Conversion;
}

/** The rows of one table, in the target's form; so are the keys that come in and go out. */
export class TableRows {
  readonly table: Table;
  readonly #parts: readonly Part[];
  readonly #key: readonly Part[];

  constructor(table: Table, conversionOf: ConversionOf) {
    this.table = table;
    this.#parts = table.columns.map((column) => ({
      column,
      reading: readingOf(column),
      conversion: conversionOf(column),
    }));
    this.#key = table.key.flatMap((index) => this.#parts[index] ?? []);
  }

  /** True when conditions order keys as the index does: else the table is one range. */
  get canBeCut(): boolean {
    return this.table.identity === 'key' && this.#key.every(({ column }) => column.castType !== '');
  }

  /** `rest`: what follows the condition. */
  select(condition: string, rest = ''): Selection {
    return selection(this.#parts, this.table, condition, rest);
  }

  selectKey(condition: string, rest = ''): Selection {
    return selection(this.#key, this.table, condition, rest);
  }

  /** For rows as the server sends them. */
  get makers(): readonly Maker[] {
    return this.#parts.map(({ column, reading, conversion }) => makerOf(column.name, reading, conversion));
  }

  values(row: ValueRow): readonly Value[] {
    return converted(this.#parts, row);
  }

  keyValues(row: ValueRow): Key {
    return converted(this.#key, row);
  }

  keyOf(values: readonly Value[]): Key {
    return this.table.key.map((index) => values[index] ?? null);
  }

  /** The key columns, quoted. */
  get keyColumns(): readonly string[] {
    return this.#key.map(({ column }) => quoteName(column.name));
  }

  literals(key: Key): readonly string[] {
    return this.#key.map(({ column, conversion }, index) => {
      const value = key[index] ?? null;
      return keyLiteral(column, value === null ? null : conversion.read(value));
    });
  }

  /** A list, because a server that takes the table for small compares every row with each of the keys, one OR after another. */
  isOneOf(keys: readonly Key[]): string {
    const list = (parts: readonly string[]): string => (parts.length === 1 ? `${parts[0]}` : `(${parts.join(', ')})`);
    return `${list(this.keyColumns)} IN (${keys.map((key) => list(this.literals(key))).join(', ')})`;
  }

  within({ lower, upper }: KeyRange): string {
    const sides = [
      ...(lower === null ? [] : [this.#beyond('>', lower, true)]),
      ...(upper === null ? [] : [this.#beyond('<', upper, false)]),
    ];
    return sides.length === 0 ? 'TRUE' : sides.join(' AND ');
  }

  /** Spelled out: a comparison of rows would not use the index. */
  #beyond(operator: '<' | '>', key: Key, inclusive: boolean): string {
    const columns = this.keyColumns;
    const values = this.literals(key);
    return columns.reduceRight((rest, column, index) => {
      const value = values[index];
      if (index === columns.length - 1) return `${column} ${operator}${inclusive ? '=' : ''} ${value}`;
      return `(${column} ${operator} ${value} OR (${column} = ${value} AND ${rest}))`;
    }, '');
  }
}

/** True for an empty text, or no bytes at all, in a column of the table `t`; NULL for NULL. */
export function isEmpty({ name }: Pick<Column, 'name'>): string {
  // To most collations blanks are equal to nothing.
  return `LENGTH(t.${quoteName(name)}) = 0`;
}

function selection(parts: readonly Part[], table: Table, condition: string, rest: string): Selection {
  const columns = parts.map(({ column, reading }) => {
    const name = quoteName(column.name);
    // Named by its table: ORDER BY would else mean the expression.
    return `${reading.expression(`t.${name}`)} AS ${name}`;
  });
  return {
    sql: `SELECT ${columns.join(', ')} FROM ${quoteTable(table)} AS t WHERE ${condition} ${rest}`,
    bytes: new Set(parts.filter(({ reading }) => reading.isBytes).map(({ column }) => column.name)),
  };
}

function converted(parts: readonly Part[], row: ValueRow): readonly Value[] {
  return parts.map(({ reading, conversion }, index) => {
    const read = row[index] ?? null;
    return read === null ? null : conversion.print(reading.value(read));
  });
}

/** The rows of every table that is asked for, made once for each. */
export class RowsOf {
  readonly #conversionOf: ConversionOf;
  readonly #known = new WeakMap<Table, TableRows>();

  constructor(conversionOf: ConversionOf) {
    this.#conversionOf = conversionOf;
  }

  of(table: Table): TableRows {
    let rows = this.#known.get(table);
    if (rows === undefined) {
      rows = new TableRows(table, this.#conversionOf);
      this.#known.set(table, rows);
    }
    return rows;
  }
}
