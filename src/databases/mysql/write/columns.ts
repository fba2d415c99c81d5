// How the values of a table, in the core's form, are said to MySQL where rows are written.

import type { LoggedValue } from '../../../model/change.ts';
import type { Column, Table } from '../../../model/table.ts';
import type { Conversion, ConversionOf } from '../../conversion.ts';
import { bytesLiteral, quoteLiteral, quoteName } from '../sql.ts';
import { keyLiteral, readingOf } from '../values.ts';

/** One column that rows are written to. */
export class WrittenColumn {
  readonly column: Column;
  /** Quoted. */
  readonly name: string;
  readonly isBytes: boolean;
  readonly conversion: Conversion;

  constructor(column: Column, conversion: Conversion) {
    this.column = column;
    this.name = quoteName(column.name);
    this.isBytes = readingOf(column).isBytes;
    this.conversion = conversion;
  }

  /** To be stored: the server reads a text as the column's type, whatever that is. */
  literal(value: LoggedValue): string {
    if (value === null || value === undefined) return 'NULL';
    return ownLiteral(this.conversion.read(value));
  }

  /** To be compared with the column by its index. */
  keyLiteral(value: LoggedValue): string {
    return keyLiteral(this.column, value === null || value === undefined ? null : this.conversion.read(value));
  }

  /** A condition that holds for this very value: what a collation or a type calls equal may still be another one. */
  isExactly(value: LoggedValue): string {
    if (value === null || value === undefined) return `${this.name} IS NULL`;
    const own = this.conversion.read(value);
    switch (this.column.castType) {
      case 'text':
        // The first of the two is for an index.
        return `${this.name} = ${ownLiteral(own)} AND ${exactText(this.name)} = ${ownLiteral(own)}`;
      case 'float':
      case 'double':
        if (Number(own) !== 0) return `${this.name} = ${keyLiteral(this.column, own)}`;
        // Not besides `= 0`: the server would put that 0, which has no sign, in the column's place.
        return `CAST(${this.name} AS CHAR) = '${String(own).startsWith('-') ? '-0' : '0'}'`;
      case '':
        return this.#isExactlyOther(own);
      default:
        return `${this.name} = ${keyLiteral(this.column, own)}`;
    }
  }

  #isExactlyOther(own: string | Buffer): string {
    if (Buffer.isBuffer(own)) return `HEX(${this.name}) = '${own.toString('hex')}'`;
    const said = this.column.type === 'json' ? `CAST(CAST(${quoteLiteral(own)} AS JSON) AS CHAR)` : quoteLiteral(own);
    return `${exactText(`CAST(${this.name} AS CHAR)`)} = ${said}`;
  }
}

/** No two texts are the same in this collation. */
function exactText(expression: string): string {
  return `CONVERT(${expression} USING utf8mb4) COLLATE utf8mb4_0900_bin`;
}

function ownLiteral(own: string | Buffer): string {
  return typeof own === 'string' ? quoteLiteral(own) : bytesLiteral(own);
}

export interface WrittenTable {
  readonly table: Table;
  /** As `table.columns`. */
  readonly columns: readonly WrittenColumn[];
  /** As `table.key`. */
  readonly key: readonly WrittenColumn[];
}

/** The tables that are written to, each made once. */
export class WrittenTables {
  readonly #conversionOf: ConversionOf;
  readonly #standing: (table: Table) => Table;
  readonly #known = new WeakMap<Table, WrittenTable>();

  /** `standing`: a table under the name that it has now. */
  constructor(conversionOf: ConversionOf, standing = (table: Table): Table => table) {
    this.#conversionOf = conversionOf;
    this.#standing = standing;
  }

  of(table: Table): WrittenTable {
    let written = this.#known.get(table);
    if (written === undefined) {
      const columns = table.columns.map((column) => new WrittenColumn(column, this.#conversionOf(column)));
      written = { table: this.#standing(table), columns, key: table.key.flatMap((index) => columns[index] ?? []) };
      this.#known.set(table, written);
    }
    return written;
  }
}
