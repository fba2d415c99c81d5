// How rows, keys and key ranges of one table are said to Oracle, and what is made of what it answers. Values are always bound: the
// server parses a statement once, however many ranges and keys it is asked for.

import { MigrateError } from '../../lib/errors.ts';
import type { Key, Value } from '../../model/change.ts';
import type { KeyRange } from '../../model/chunk.ts';
import type { Column, Table } from '../../model/table.ts';
import type { Conversion, ConversionOf } from '../conversion.ts';
import { refusedIn } from '../conversion.ts';
import { quoteName, quoteTable } from './sql.ts';
import { IN_LIMIT, raw, type Statement, sql } from './statement.ts';
import { bound, kindOf, type ValueKind } from './values.ts';

/** Of rows of any size: at most so many at once, and one to begin with. */
export const LARGE_ROWS = [64, 1] as const;

interface Part {
  readonly column: Column;
  readonly kind: ValueKind;
  readonly conversion: Conversion;
}

/** The rows of one table, in the core's form; so are the keys that come in and go out. */
export class TableRows {
  readonly table: Table;
  readonly #parts: readonly Part[];
  readonly #key: readonly Part[];

  constructor(table: Table, conversionOf: ConversionOf) {
    this.table = table;
    this.#parts = table.columns.map((column) => ({ column, kind: kindOf(column), conversion: conversionOf(column) }));
    this.#key = table.key.flatMap((index) => this.#parts[index] ?? []);
  }

  /** True when a row may be of any size. */
  get areLarge(): boolean {
    return this.#parts.some(({ kind }) => kind.isLarge);
  }

  /** `rest`: what follows the condition; the table is `t`. */
  select(condition: Statement, rest = ''): Statement {
    const columns = this.#parts.map(selected).join(', ');
    return sql`SELECT ${raw(columns)} FROM ${raw(quoteTable(this.table))} t WHERE ${condition}${raw(rest)}`;
  }

  /** The keys of the rows that begin each of `parts` pieces, but for the first, in order. */
  selectBounds(condition: Statement, parts: number): Statement {
    const names = this.#key.map((_, index) => `"K${index}"`);
    const keys = this.#key.map((part, index) => `${selected(part)} AS ${names[index]}`);
    const numbered = `${keys.join(', ')}, ROW_NUMBER() OVER (${this.orderBy()}) AS "AT", COUNT(*) OVER () AS "ALL"`;
    return sql`SELECT ${raw(names.join(', '))} FROM (
        SELECT ${raw(numbered)} FROM ${raw(quoteTable(this.table))} t WHERE ${condition}) n
      WHERE "AT" > 1 AND MOD("AT" - 1, GREATEST(CEIL("ALL" / ${parts}), 1)) = 0 ORDER BY "AT"`;
  }

  orderBy(): string {
    return `ORDER BY ${this.#key.map(named).join(', ')}`;
  }

  values(row: readonly Value[]): readonly Value[] {
    return this.#converted(this.#parts, row);
  }

  keyValues(row: readonly Value[]): Key {
    return this.#converted(this.#key, row);
  }

  /** A key as the column would give it back. */
  printed(key: Key): Key {
    return this.#key.map(({ conversion }, index) => {
      const value = key[index] ?? null;
      return value === null ? null : conversion.print(conversion.read(value));
    });
  }

  keyOf(values: readonly Value[]): Key {
    return this.table.key.map((index) => values[index] ?? null);
  }

  /**
   * True of rows with one of the keys: at most `IN_LIMIT`, at least one. There are few lengths of such lists, each a statement: the
   * last key fills one up.
   */
  isOneOf(keys: readonly Key[]): Statement {
    const length = Math.min(IN_LIMIT, 2 ** Math.ceil(Math.log2(keys.length)));
    const full = Array.from({ length }, (_, index) => keys[index] ?? keys.at(-1) ?? []);
    const columns = this.#key.map(named).join(', ');
    if (this.#key.length === 1) return sql`${raw(columns)} IN (${list(full.map((key) => this.#values(key)))})`;
    return sql`(${raw(columns)}) IN (${list(full.map((key) => sql`(${this.#values(key)})`))})`;
  }

  /** Spelled out where a key has several columns: rows of values are compared for equality only. */
  within({ lower, upper }: KeyRange): Statement {
    const sides = [
      ...(lower === null ? [] : [this.#beyond('>', '>=', lower)]),
      ...(upper === null ? [] : [this.#beyond('<', '<', upper)]),
    ];
    return sides.length === 0 ? raw('1 = 1') : list(sides, ' AND ');
  }

  #beyond(strict: '<' | '>', last: '<' | '>=', key: Key): Statement {
    const sides = this.#key.map((part, index) => ({
      name: raw(named(part)),
      value: ownValue(part, key[index] ?? null),
    }));
    const end = sides.at(-1);
    if (end === undefined) throw new TypeError(`${this.table.id} has no key`);
    return sides
      .slice(0, -1)
      .reduceRight(
        (rest, { name, value }) => sql`(${name} ${raw(strict)} ${value} OR (${name} = ${value} AND ${rest}))`,
        sql`${end.name} ${raw(last)} ${end.value}`,
      );
  }

  #values(key: Key): Statement {
    return list(this.#key.map((part, index) => ownValue(part, key[index] ?? null)));
  }

  #converted(parts: readonly Part[], row: readonly Value[]): readonly Value[] {
    try {
      return parts.map(({ conversion }, index) => {
        const read = row[index] ?? null;
        return read === null ? null : conversion.print(read);
      });
    } catch (error) {
      throw error instanceof MigrateError ? refusedIn(this.table, error) : error;
    }
  }
}

/** A value of the column, in the core's form. */
function ownValue({ column, kind, conversion }: Part, value: Value): Statement {
  if (value === null) throw new TypeError(`key column ${column.name} cannot be null`);
  return bound(kind, conversion.read(value));
}

/** One after another. */
function list(statements: readonly Statement[], separator = ', '): Statement {
  const parts = [''];
  for (const [index, { parts: texts }] of statements.entries()) {
    const [first = '', ...rest] = texts;
    parts.push(`${parts.pop() ?? ''}${index === 0 ? '' : separator}${first}`, ...rest);
  }
  return { parts, binds: statements.flatMap(({ binds }) => binds) };
}

function named({ column }: Part): string {
  return `t.${quoteName(column.name)}`;
}

function selected(part: Part): string {
  return part.kind.select(named(part));
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
