// Digests of rows and key ranges. The rows pass through this process: what is digested is the text of the core's form, which
// Oracle does not print.

import { type Key, keyText, type Value } from '../../model/change.ts';
import type { KeyRange } from '../../model/chunk.ts';
import type { Table } from '../../model/table.ts';
import type { Digests, RangeDigest, RowDigest } from '../digests.ts';
import { RangeSum, rowDigest } from '../row-text.ts';
import type { OracleServer, OracleSession } from './connection.ts';
import { LARGE_ROWS, type RowsOf, type TableRows } from './rows.ts';
import { inLists, query, type Statement, textOf } from './statement.ts';

export class OracleDigests implements Digests {
  readonly #server: OracleServer;
  readonly #rows: RowsOf;

  constructor(server: OracleServer, rows: RowsOf) {
    this.#server = server;
    this.#rows = rows;
  }

  async range(table: Table, range: KeyRange): Promise<RangeDigest> {
    const rows = this.#rows.of(table);
    const sum = new RangeSum();
    await this.#each(rows, [rows.select(rows.within(range))], (values) => sum.add(rowDigest(values)));
    return sum.total;
  }

  async rows(table: Table, range: KeyRange, limit: number): Promise<readonly RowDigest[]> {
    const rows = this.#rows.of(table);
    const found: RowDigest[] = [];
    const statement = rows.select(rows.within(range), ` ${rows.orderBy()} FETCH FIRST ${limit} ROWS ONLY`);
    await this.#each(rows, [statement], (values) => {
      found.push({ key: rows.keyOf(values), digest: rowDigest(values) });
    });
    return found;
  }

  /** Many keys take several statements: each row is read at one moment, which is what is compared. */
  async keys(table: Table, keys: readonly Key[]): Promise<ReadonlyMap<string, string>> {
    const found = new Map<string, string>();
    if (keys.length === 0) return found;
    const rows = this.#rows.of(table);
    // One value may be written in several ways: 1.0 finds the row 1.00.
    const wanted = new Map(keys.map((key) => [keyText(rows.printed(key)), keyText(key)]));
    const statements = [...inLists(keys)].map((some) => rows.select(rows.isOneOf(some)));
    await this.#each(rows, statements, (values) => {
      // What a collation holds to be equal is another key.
      const key = wanted.get(keyText(rows.keyOf(values)));
      if (key !== undefined) found.set(key, rowDigest(values));
    });
    return found;
  }

  async split(table: Table, range: KeyRange, parts: number): Promise<readonly Key[]> {
    // Without a key there is no order to cut along.
    if (parts < 2 || table.identity === 'row') return [];
    const rows = this.#rows.of(table);
    const bounds = rows.selectBounds(rows.within(range), parts);
    return this.#read(async (session) => (await query(session, bounds)).map((row) => rows.keyValues(row)));
  }

  /** Every row that is answered, one statement after another. */
  #each(rows: TableRows, statements: readonly Statement[], take: (values: readonly Value[]) => void): Promise<void> {
    return this.#read(async (session) => {
      for (const statement of statements) {
        const sizes = rows.areLarge ? LARGE_ROWS : [];
        for await (const batch of session.stream(textOf(statement), statement.binds, ...sizes)) {
          for (const row of batch) take(rows.values(row));
        }
      }
    });
  }

  /** The server may read all of a table, and sort it, before it answers. */
  #read<T>(work: (session: OracleSession) => Promise<T>): Promise<T> {
    return this.#server.use((session) => session.within(0, () => work(session)));
  }
}
