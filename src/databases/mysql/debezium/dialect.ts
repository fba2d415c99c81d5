// What Debezium says of the log of MySQL or MariaDB: its places, its markers, its definitions, and its values.

import { MigrateError } from '../../../lib/errors.ts';
import type { Truncate } from '../../../model/change.ts';
import type { Position } from '../../../model/position.ts';
import type { Column, Table } from '../../../model/table.ts';
import type { Dialect, LogPlace, ReadValue } from '../../../stream/kafka/dialect.ts';
import type { JsonObject } from '../../../stream/kafka/json.ts';
import { defined } from '../log/definitions.ts';
import type { LogFiles } from '../log/log-watch.ts';
import { isMarkerTable } from '../log/marker.ts';
import { covers, fileNumber, formatPosition, parsePlace } from '../log/position.ts';
import { readStatement } from '../log/statements.ts';
import type { LoggedTables } from '../log/tables.ts';
import { NATIVE_FIX } from './partial.ts';
import { readerOfColumn, whyNotWhole } from './values.ts';

/** More than one event has. */
const ROWS_OF_EVENT = 2 ** 20;

export interface DialectOptions {
  /** Whose markers are met. */
  readonly run: string;
  readonly tables: LoggedTables;
  /** As the server calls it; undefined where the column has none. */
  readonly charsetOf: (table: Table, column: Column) => string | undefined;
  /** Sizes of the source's log files as they are known now. */
  readonly files: () => LogFiles;
}

export class MysqlDialect implements Dialect {
  readonly schemaMember = 'db';
  readonly truncatesAlone = true;
  readonly covers = covers;
  readonly #options: DialectOptions;

  constructor(options: DialectOptions) {
    this.#options = options;
  }

  readerOf(table: Table, column: Column): ReadValue {
    const written = { type: column.type, charset: this.#options.charsetOf(table, column) };
    const reason = whyNotWhole(written);
    if (reason === undefined) return readerOfColumn(written);
    throw new MigrateError('STREAM.FORMAT', `${table.id}.${column.name} is of type ${column.type}: ${reason}`, {
      fix: NATIVE_FIX,
    });
  }

  /**
   * The begin of the event. Between it and the end of its transaction no other one ends, so that it stands for the end where
   * that is compared with a position at which none is open.
   */
  placeOf(source: JsonObject): LogPlace {
    const [file, at] = [source.text('file'), source.text('pos')];
    if (typeof file !== 'string' || typeof at !== 'string')
      throw new MigrateError('STREAM.UNKNOWN', 'a change does not say where it stands in the log');
    return { position: formatPosition(file, Number(at), '') };
  }

  placeAt(position: Position): LogPlace {
    return { position };
  }

  isAfter(place: LogPlace, end: LogPlace): boolean {
    return !covers(end.position, place.position);
  }

  /** The rows of one event stand at one place. */
  within(source: JsonObject): number {
    return Number(source.text('pos')) * ROWS_OF_EVENT + Number(source.text('row'));
  }

  transactionOf(id: string): string {
    return id;
  }

  endOf(_id: string | undefined, lastChange: () => LogPlace): LogPlace {
    return lastChange();
  }

  /** The message has the number of the transaction only, and the position has none. */
  endsAt(): boolean {
    return true;
  }

  markerOf(message: JsonObject): string | undefined {
    const source = message.object('source');
    if (source === undefined || !isMarkerTable(source.text('db') ?? '', source.text('table') ?? '')) return undefined;
    const row = message.object('after');
    return row?.text('run') === this.#options.run ? (row.text('content') ?? undefined) : undefined;
  }

  /** Other tables of the connector are the markers of other runs. */
  foreign(): undefined {
    return undefined;
  }

  defined(definition: string, schema: string): Truncate | undefined {
    return defined(readStatement(definition, schema), this.#options.tables);
  }

  /** Files that are not known count as empty. */
  distance(from: Position, to: Position): number {
    const [begin, end] = [parsePlace(from), parsePlace(to)];
    if (begin.file > end.file) return 0;
    let bytes = end.at - begin.at;
    for (const [name, size] of this.#options.files()) {
      const number = fileNumber(name);
      if (number >= begin.file && number < end.file) bytes += size;
    }
    return Math.max(0, bytes);
  }
}
