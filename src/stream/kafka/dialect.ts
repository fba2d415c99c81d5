// The port of what only a source's own adapter knows of Debezium's messages: where they stand in its log, and how its values
// are written in them.

import type { MigrateError } from '../../lib/errors.ts';
import type { LoggedValue, Truncate } from '../../model/change.ts';
import type { Covers, Position } from '../../model/position.ts';
import type { Column, Table } from '../../model/table.ts';
import type { JsonObject } from './json.ts';

/**
 * Reads one value, of which the JSON stands in `bytes` from `start` to before `end`, strings with their quotes (`jsonText` of
 * json.ts decodes it). Never called for `null`. Gives what the source's own log reader gives for the same value; undefined where
 * the log does not carry it.
 */
export type ReadValue = (bytes: Buffer, start: number, end: number) => LoggedValue;

/** Where a change stands in the source's log, or where a transaction ended; only the dialect can compare it. */
export interface LogPlace {
  readonly position: Position;
}

export interface Dialect {
  /** The member of a message's `source` that has the schema of its table. */
  readonly schemaMember: 'db' | 'schema';
  /** True where a TRUNCATE is a transaction by itself, whatever its message says. Default false. */
  readonly truncatesAlone?: boolean;
  /** Compiled once for each column. Throws STREAM.FORMAT for a type whose values do not come through whole. */
  readerOf(table: Table, column: Column): ReadValue;
  /**
   * From the `source` block of a change, with the id of its transaction as the message has it. Undefined for what comes without a
   * transaction: a definition, or a TRUNCATE of MySQL.
   */
  placeOf(source: JsonObject, transaction: string | undefined): LogPlace;
  /** The end of a transaction, from the position that a checkpoint kept of it (`endOf(...).position`, or a pair's). */
  placeAt(position: Position): LogPlace;
  /**
   * True when the change at `place` is of a transaction that ends after `end`, where another transaction ended. It may be
   * any change of it; changes of one statement may stand at one place.
   */
  isAfter(place: LogPlace, end: LogPlace): boolean;
  /**
   * True where `isAfter` may be false for a new transaction: a connector that begins again says of the first one that it sends
   * what it kept last, which may be older than what it had sent. Then the END message of the transaction tells. Default false.
   */
  readonly endTells?: boolean;
  /** True where no message tells that a transaction begins: its change with the number 1 does. Default false. */
  readonly beginsUntold?: boolean;
  /**
   * Where the row of a change stands among those of its transaction: it grows with them, and stays below 2^52. Left out where a
   * connector that begins again in the middle of a transaction goes on with its numbers; MySQL's begins them anew.
   */
  within?(source: JsonObject): number;
  /** The transaction's own number, without what differs between its messages: PostgreSQL's ids end with the place of each. */
  transactionOf(id: string): string;
  /**
   * Where a transaction ended: from the id in its END message, and the place of its last change. Undefined for what is one by
   * itself (a definition, a TRUNCATE of MySQL).
   */
  endOf(id: string | undefined, lastChange: () => LogPlace): LogPlace;
  /**
   * True unless the END message with that id is surely of another transaction than the one that ended at `position` (that of an
   * earlier `endOf` with this id): so a topic that was made anew is told from the one that was read.
   */
  endsAt(id: string, position: Position): boolean;
  /** The text of a marker of this run, when the message is one; undefined for everything else. */
  markerOf(message: JsonObject): string | undefined;
  /** About a change of a table that the run does not capture, and that is no marker: why to stop, or undefined to pass it over. */
  foreign(schema: string, name: string): MigrateError | undefined;
  /**
   * What a definition does to the tables of the run, `schema` being where it was made: it may empty one. Undefined when it does
   * nothing to them; throws SCHEMA.CHANGED and others as the source's own log reader does.
   */
  defined(definition: string, schema: string): Truncate | undefined;
  /** Of the source's own positions. */
  readonly covers: Covers;
  /** In bytes of the source's log, between its own positions; 0 when `to` is not ahead. */
  distance(from: Position, to: Position): number;
}
