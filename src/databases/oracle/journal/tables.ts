// How far each table is copied, and which lane writes it.

import type { LaneTable, TableJournal, TableProgress } from '../../../journal/journal.ts';
import { tableProgress } from '../../../journal/records.ts';
import type { Key } from '../../../model/change.ts';
import type { Position } from '../../../model/position.ts';
import type { TableId } from '../../../model/table.ts';
import { ownTable } from '../own-tables.ts';
import { execute, inLists, sql } from '../statement.ts';
import { changeLanes, insertCheckpoints, lockLanes } from './lanes.ts';
import { columns, insertRows, type JournalSession, own, truth } from './session.ts';

const TABLE = { ...columns('table_id', 'lane', 'bounds'), spread: truth('spread') };

export class OracleTableJournal implements TableJournal {
  readonly #session: JournalSession;

  constructor(session: JournalSession) {
    this.#session = session;
  }

  async list(): Promise<readonly TableProgress[]> {
    const { run } = this.#session;
    const mine = sql`WHERE "RUN" = ${run}`;
    const tables = await this.#session.read(TABLE, sql`${own('TABLES')} ${mine} ORDER BY "TABLE_ID"`);
    const [lease] = await this.#session.read(columns('epoch'), sql`${own('LEASE')} ${mine}`);
    const chunks = await this.#session.read(
      columns('table_id', 'ordinal', 'at', 'rows', 'claimed_by', 'claim_epoch'),
      sql`${own('CHUNK')} ${mine} ORDER BY "TABLE_ID", "ORDINAL"`,
    );
    const keyChunks = await this.#session.read(columns('table_id', 'key', 'at'), sql`${own('KEY_CHUNK')} ${mine}`);
    const claimed = chunks.map((chunk) => ({
      ...chunk,
      claimed: chunk.at === null && chunk.claim_epoch !== null && chunk.claim_epoch === lease?.epoch ? 't' : 'f',
    }));
    return tableProgress(tables, claimed, keyChunks);
  }

  plan(table: TableId, bounds: readonly Key[]): Promise<void> {
    return this.#session.transaction(async (session, { run }) => {
      await execute(
        session,
        sql`UPDATE ${own('TABLES')} SET "BOUNDS" = ${JSON.stringify(bounds)}
            WHERE "RUN" = ${run} AND "TABLE_ID" = ${table} AND "BOUNDS" IS NULL`,
      );
      const rows = Array.from({ length: bounds.length + 1 }, (_, ordinal) => [run, table, ordinal]);
      await insertRows(session, ownTable('CHUNK'), ['run', 'table_id', 'ordinal'], rows);
    });
  }

  openLanes(position: Position): Promise<void> {
    return this.#session.transaction(async (session, { run }) => {
      const lanes = await lockLanes(session, run);
      const rows = Array.from({ length: lanes ?? 0 }, (_, lane) => ({ lane, position }));
      await insertCheckpoints(session, run, rows);
    });
  }

  async sendHome(tables: readonly TableId[]): Promise<void> {
    await this.#session.write(
      ...[...inLists(tables)].map(
        (piece) =>
          sql`UPDATE ${own('TABLES')} SET "SPREAD" = 0 WHERE "RUN" = ${this.#session.run} AND "TABLE_ID" IN ${piece}`,
      ),
    );
  }

  setLanes(count: number, tables: readonly LaneTable[]): Promise<boolean> {
    return this.#session.transaction((session, { run }) => changeLanes(session, run, count, tables));
  }

  changesApplied(): Promise<number> {
    return this.#total('"CHANGES"');
  }

  splitTransactions(): Promise<number> {
    return this.#total('"SPLITS"');
  }

  async #total(column: '"CHANGES"' | '"SPLITS"'): Promise<number> {
    const [row] = await this.#session.read(
      { n: `SUM(${column})` },
      sql`${own('CHECKPOINT')} WHERE "RUN" = ${this.#session.run}`,
    );
    return Number(row?.n ?? 0);
  }
}
