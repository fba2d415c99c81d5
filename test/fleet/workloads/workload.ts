// What a workload is: a schema with some rows, and transactions that a client makes up from the rows it owns.

import { createHash } from 'node:crypto';

/** A row that a statement changes: its table (schema.name) and the text of its key columns, joined by a bar. */
export interface Write {
  readonly table: string;
  readonly key: string;
  /** The row is gone afterwards. */
  readonly removes: boolean;
}

export interface Step {
  readonly text: string;
  readonly values: readonly unknown[];
  readonly writes: readonly Write[];
  /** How many rows the statement must touch: a client knows its rows. Default 1. */
  readonly rows?: number;
  /** The statement inserts one row and returns its key as `key`; written into this table. */
  readonly returnsKeyOf?: string;
}

/** What a client may use to make up a transaction. */
export interface Turn {
  /** Unique for each transaction; goes into the ledger and into every row. */
  readonly token: string;
  readonly client: number;
  readonly count: number;
  /** In [0, below), from the client's own seeded generator. */
  random(below: number): number;
  /** A row that this client owns and nobody else touches, or undefined. `taken` keys are not given again in this turn. */
  pick(table: string): string | undefined;
}

export interface Share {
  readonly client: number;
  readonly clients: number;
  readonly rows: number;
}

export interface Workload {
  /** DDL, with schema `work` and the ledger. */
  readonly schema: string;
  /** Rows that are there before the clients start; their token is null. */
  seed(rows: number): readonly string[];
  /** Which of these rows belong to a client. */
  owned(share: Share): readonly Write[];
  transaction(turn: Turn): readonly Step[];
}

/** The numbers from 1 to `last` that belong to a client. */
export function numbersOf({ client, clients }: Share, last: number): readonly number[] {
  return Array.from({ length: last }, (_, index) => index + 1).filter((number) => number % clients === client);
}

/** The uuid that `md5(text)::uuid` makes. */
export function md5Uuid(text: string): string {
  const hex = createHash('md5').update(text).digest('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

/** The ledger: one row for each transaction. Not unique by token, so that a doubled one can be seen. */
export const LEDGER = `
CREATE SCHEMA work;
CREATE TABLE work.ledger (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, token text NOT NULL);`;

export const ADD_TO_LEDGER = 'INSERT INTO work.ledger (token) VALUES ($1)';

export const wrote = (table: string, key: string | number): Write => ({ table, key: String(key), removes: false });
export const removed = (table: string, key: string | number): Write => ({ table, key: String(key), removes: true });
