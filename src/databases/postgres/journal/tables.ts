// How far each table is copied, and which lane writes it.

import type { LaneTable, TableJournal, TableProgress } from '../../../journal/journal.ts';
import { tableProgress } from '../../../journal/records.ts';
import type { Key } from '../../../model/change.ts';
import type { Position } from '../../../model/position.ts';
import type { TableId } from '../../../model/table.ts';
import { changeLanes } from './lanes.ts';
import type { JournalSession } from './session.ts';

export class PostgresTableJournal implements TableJournal {
  readonly #session: JournalSession;

  constructor(session: JournalSession) {
    this.#session = session;
  }

  async list(): Promise<readonly TableProgress[]> {
    const tables = await this.#session.read(
      'SELECT table_id, lane, spread, bounds FROM migrate.tables WHERE run = $1 ORDER BY table_id',
    );
    const chunks = await this.#session.read(
      `SELECT table_id, ordinal, at, rows, claimed_by,
         at IS NULL AND claim_epoch = (SELECT epoch FROM migrate.lease WHERE run = $1) AS claimed
       FROM migrate.chunk WHERE run = $1 ORDER BY table_id, ordinal`,
    );
    const keyChunks = await this.#session.read('SELECT table_id, key, at FROM migrate.key_chunk WHERE run = $1');
    return tableProgress(tables, chunks, keyChunks);
  }

  async plan(table: TableId, bounds: readonly Key[]): Promise<void> {
    await this.#session.writeAll([
      {
        text: 'UPDATE migrate.tables SET bounds = $3 WHERE run = $1 AND table_id = $2 AND bounds IS NULL',
        values: [table, JSON.stringify(bounds)],
      },
      {
        text: 'INSERT INTO migrate.chunk (run, table_id, ordinal) SELECT $1, $2, n FROM generate_series(0, $3::int) AS n',
        values: [table, bounds.length],
      },
    ]);
  }

  async openLanes(position: Position): Promise<void> {
    await this.#session.write(
      `INSERT INTO migrate.checkpoint (run, direction, lane, position)
       SELECT $1, 'forward', n, $2 FROM migrate.run, generate_series(0, lanes - 1) AS n WHERE name = $1
       ON CONFLICT DO NOTHING`,
      [position],
    );
  }

  async sendHome(tables: readonly TableId[]): Promise<void> {
    await this.#session.write(
      'UPDATE migrate.tables SET spread = false WHERE run = $1 AND table_id = ANY ($2::text[])',
      [tables],
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
      `SELECT coalesce(sum(${column}), 0) AS n FROM migrate.checkpoint WHERE run = $1`,
    );
    return Number(row?.n ?? 0);
  }
}
