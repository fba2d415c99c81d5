// How far each table is copied, and which lane writes it.

import type { LaneTable, TableJournal, TableProgress } from '../../../journal/journal.ts';
import { tableProgress } from '../../../journal/records.ts';
import type { Key } from '../../../model/change.ts';
import type { Position } from '../../../model/position.ts';
import type { TableId } from '../../../model/table.ts';
import { inPieces, sql, tuple } from '../statement.ts';
import { changeLanes, insertCheckpoints, lockLanes } from './lanes.ts';
import { columns, type JournalSession, truth } from './session.ts';

const TABLE = { ...columns('table_id', 'lane', 'bounds'), spread: truth('spread') };

export class MysqlTableJournal implements TableJournal {
  readonly #session: JournalSession;

  constructor(session: JournalSession) {
    this.#session = session;
  }

  async list(): Promise<readonly TableProgress[]> {
    const mine = sql`WHERE run = ${this.#session.run}`;
    const claimed = `\`at\` IS NULL AND claim_epoch = (SELECT epoch FROM migrate.lease ${mine})`;
    const tables = await this.#session.read(TABLE, `migrate.tables ${mine} ORDER BY table_id`);
    const chunks = await this.#session.read(
      { ...columns('table_id', 'ordinal', 'at', 'rows', 'claimed_by'), claimed: `IF(${claimed}, 't', 'f')` },
      `migrate.chunk ${mine} ORDER BY table_id, ordinal`,
    );
    const keyChunks = await this.#session.read(columns('table_id', 'key', 'at'), `migrate.key_chunk ${mine}`);
    return tableProgress(tables, chunks, keyChunks);
  }

  async plan(table: TableId, bounds: readonly Key[]): Promise<void> {
    const { run } = this.#session;
    const rows = Array.from({ length: bounds.length + 1 }, (_, ordinal) => tuple([run, table, ordinal]));
    await this.#session.write(
      sql`UPDATE migrate.tables SET bounds = ${JSON.stringify(bounds)}
          WHERE run = ${run} AND table_id = ${table} AND bounds IS NULL`,
      ...[...inPieces(rows)].map((piece) => `INSERT INTO migrate.chunk (run, table_id, ordinal) VALUES ${piece}`),
    );
  }

  openLanes(position: Position): Promise<void> {
    const { run } = this.#session;
    return this.#session.transaction(async (session) => {
      const lanes = await lockLanes(session, run);
      const rows = Array.from({ length: lanes ?? 0 }, (_, lane) => ({ lane, position }));
      await insertCheckpoints(session, run, rows);
    });
  }

  async sendHome(tables: readonly TableId[]): Promise<void> {
    await this.#session.write(
      sql`UPDATE migrate.tables SET spread = false WHERE run = ${this.#session.run} AND table_id IN ${tables}`,
    );
  }

  setLanes(count: number, tables: readonly LaneTable[]): Promise<boolean> {
    return this.#session.transaction((session) => changeLanes(session, this.#session.run, count, tables));
  }

  changesApplied(): Promise<number> {
    return this.#total('changes');
  }

  splitTransactions(): Promise<number> {
    return this.#total('splits');
  }

  async #total(column: 'changes' | 'splits'): Promise<number> {
    const [row] = await this.#session.read(
      { n: `SUM(${column})` },
      sql`migrate.checkpoint WHERE run = ${this.#session.run}`,
    );
    return Number(row?.n ?? 0);
  }
}
