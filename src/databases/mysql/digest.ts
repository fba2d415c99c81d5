// Digests of rows and key ranges. The rows pass through this process: what is digested is the text that the target prints,
// which the source cannot make.

import { type Key, keyText } from '../../model/change.ts';
import type { KeyRange } from '../../model/chunk.ts';
import type { EmptyCount } from '../../model/empty-values.ts';
import type { Table } from '../../model/table.ts';
import { changedEmpties } from '../conversion.ts';
import type { Digests, RangeDigest, RowDigest } from '../digests.ts';
import { rowDigest } from '../row-text.ts';
import { cut } from './chunks.ts';
import type { MysqlServer } from './connection.ts';
import { DigestSums } from './digest-sums.ts';
import { takeRow } from './row-packets.ts';
import { isEmpty, type RowsOf } from './rows.ts';
import { quoteTable } from './sql.ts';

export class MysqlDigests implements Digests {
  readonly #server: MysqlServer;
  readonly #rows: RowsOf;

  constructor(server: MysqlServer, rows: RowsOf) {
    this.#server = server;
    this.#rows = rows;
  }

  async range(table: Table, range: KeyRange): Promise<RangeDigest> {
    const rows = this.#rows.of(table);
    const { makers } = rows;
    return this.#server.use(async (session) => {
      const sums = new DigestSums();
      const { sql } = rows.select(rows.within(range));
      await session.eachPacket(sql, (packet, offset) => takeRow(makers, sums, packet, offset)).done;
      return sums.total;
    });
  }

  async rows(table: Table, range: KeyRange, limit: number): Promise<readonly RowDigest[]> {
    const rows = this.#rows.of(table);
    const order = `ORDER BY ${rows.keyColumns.map((column) => `t.${column}`).join(', ')} LIMIT ${limit}`;
    return this.#server.use(async (session) => {
      const found: RowDigest[] = [];
      await session.each(rows.select(rows.within(range), order), (row) => {
        const values = rows.values(row);
        found.push({ key: rows.keyOf(values), digest: rowDigest(values) });
      }).done;
      return found;
    });
  }

  async keys(table: Table, keys: readonly Key[]): Promise<ReadonlyMap<string, string>> {
    const found = new Map<string, string>();
    if (keys.length === 0) return found;
    const rows = this.#rows.of(table);
    const wanted = new Set(keys.map(keyText));
    return this.#server.use(async (session) => {
      await session.each(rows.select(rows.isOneOf(keys)), (row) => {
        const values = rows.values(row);
        const key = keyText(rows.keyOf(values));
        // What a collation holds to be equal is another key to the target.
        if (wanted.has(key)) found.set(key, rowDigest(values));
      }).done;
      return found;
    });
  }

  async empties(table: Table, range: KeyRange): Promise<readonly EmptyCount[]> {
    const columns = changedEmpties(table);
    if (columns.length === 0) return [];
    const counts = columns.map((column) => `COUNT(CASE WHEN ${isEmpty(column)} THEN 1 END)`);
    const counted = `SELECT ${counts.join(', ')} FROM ${quoteTable(table)} AS t WHERE ${this.#rows.of(table).within(range)}`;
    const [row = []] = await this.#server.use((session) => session.query(counted));
    return columns
      .map(({ name }, index) => ({ column: name, values: Number(row[index] ?? 0) }))
      .filter(({ values }) => values > 0);
  }

  split(table: Table, range: KeyRange, parts: number): Promise<readonly Key[]> {
    return this.#server.use((session) => cut(session, this.#rows.of(table), range, parts));
  }
}
