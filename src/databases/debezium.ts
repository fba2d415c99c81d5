// What the adapter of an engine gives so that its log can come through Debezium.

import type { MigrateError } from '../lib/errors.ts';
import type { Catalog } from '../model/catalog.ts';
import type { Finding } from '../model/finding.ts';
import type { Covers, Position } from '../model/position.ts';
import type { Table } from '../model/table.ts';
import type { Dialect } from '../stream/kafka/dialect.ts';

/** Options of a connector, or its place in the log, by the connector's own names. */
export type ConnectorWords<Value extends string | number = string> = Readonly<Record<string, Value>>;

/** What the source says when reading begins. */
export interface ReadingFacts {
  readonly dialect: Dialect;
  /** With the columns that the server computes. */
  readonly tables: readonly { readonly table: Table; readonly computed: readonly string[] }[];
  /** Looks after the source's log from now on; `failed` is called once. */
  watch(failed: (error: MigrateError) => void): { close(): Promise<void> };
  /** Bytes of log that the source holds back for the connector; undefined when it holds none back, or nobody knows. */
  retainedBytes(): Promise<number | undefined>;
  /** Ends what `watch` and `retainedBytes` need. Safe to call twice. */
  close(): Promise<void>;
}

export interface DebeziumSource {
  /** The connector's class. */
  readonly connector: string;
  /** How it is set up, where it finds the source included. */
  options(tables: readonly Table[]): ConnectorWords;
  /** A position at which no transaction is open. Undefined for one that a connector cannot begin at. */
  offsetOf(at: Position): ConnectorWords<string | number> | undefined;
  /**
   * The begin of the transaction that a place of the connector stands in; that place where it stands in none. Absent where other
   * options do not change how a transaction is written.
   */
  readonly beginOf?: (offset: Readonly<Record<string, unknown>>) => ConnectorWords<string | number>;
  /** Of the source's own positions. */
  readonly covers: Covers;
  /** Columns whose values do not come through whole. */
  check(catalog: Catalog): Promise<readonly Finding[]>;
  facts(tables: readonly Table[]): Promise<ReadingFacts>;
}
