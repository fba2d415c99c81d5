// How the values of a table, in the core's form, are bound where rows are written.

import { MigrateError } from '../../../lib/errors.ts';
import type { LoggedValue } from '../../../model/change.ts';
import type { Column, Table } from '../../../model/table.ts';
import type { Conversion, ConversionOf } from '../../conversion.ts';
import type { Value } from '../connection.ts';
import { quoteName } from '../sql.ts';
import { kindOf, type ValueKind } from '../values.ts';

/** What a bound value may have, but in a column that is only assigned to. */
const LONGEST = 32_767;

/** One column that rows are written to. */
export class WrittenColumn {
  readonly column: Column;
  /** Its place in a row. */
  readonly index: number;
  /** Quoted. */
  readonly name: string;
  readonly kind: ValueKind;
  readonly conversion: Conversion;

  constructor(column: Column, index: number, conversion: Conversion) {
    this.column = column;
    this.index = index;
    this.name = quoteName(column.name);
    this.kind = kindOf(column);
    this.conversion = conversion;
  }

  /** To be bound. Throws TARGET.REFUSED for one that no column of this type can hold. */
  own(value: LoggedValue): Value {
    if (value === null || value === undefined) return null;
    const own = this.conversion.read(value);
    // Oracle has no other: a condition has to say so.
    if (own.length === 0) return null;
    // Three bytes are the most that a unit of a text takes.
    if (this.kind.isLarge || own.length * 3 <= LONGEST || Buffer.byteLength(own) <= LONGEST) return own;
    throw new MigrateError(
      'TARGET.REFUSED',
      `column ${this.column.name} cannot hold a value of ${Buffer.byteLength(own)} bytes`,
      { fix: 'Choose a type for large values on the target: CLOB, or BLOB.' },
    );
  }
}

export interface WrittenTable {
  readonly table: Table;
  /** As `table.columns`. */
  readonly columns: readonly WrittenColumn[];
  /** The same as they are bound: the server takes nothing of some length after what is large (ORA-24816). */
  readonly order: readonly WrittenColumn[];
  /** As `table.key`. */
  readonly key: readonly WrittenColumn[];
}

/** The tables that are written to, each made once. */
export class WrittenTables {
  readonly #conversionOf: ConversionOf;
  readonly #known = new WeakMap<Table, WrittenTable>();

  constructor(conversionOf: ConversionOf) {
    this.#conversionOf = conversionOf;
  }

  of(table: Table): WrittenTable {
    let written = this.#known.get(table);
    if (written === undefined) {
      const columns = table.columns.map(
        (column, index) => new WrittenColumn(column, index, this.#conversionOf(column)),
      );
      const order = [false, true].flatMap((isLarge) => columns.filter(({ kind }) => kind.isLarge === isLarge));
      written = { table, columns, order, key: table.key.flatMap((index) => columns[index] ?? []) };
      this.#known.set(table, written);
    }
    return written;
  }
}
