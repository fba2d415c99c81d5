// What operators asked for single tables, in table migrate.table_state.

import type { TableState, TableStateJournal, TableStateRecord, Waiver } from '../../../journal/table-states.ts';
import type { TableId } from '../../../model/table.ts';
import { isoText, type JournalSession } from './session.ts';

const SET = `
INSERT INTO migrate.table_state (run, table_id, state, by, reason) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (run, table_id) DO UPDATE SET state = $3, by = $4, reason = $5, at = clock_timestamp()`;

export class PostgresTableStateJournal implements TableStateJournal {
  readonly #session: JournalSession;

  constructor(session: JournalSession) {
    this.#session = session;
  }

  async list(): Promise<readonly TableStateRecord[]> {
    const rows = await this.#session.read(
      `SELECT table_id, state, by, reason, ${isoText('at')} AS at
       FROM migrate.table_state WHERE run = $1 ORDER BY table_id`,
    );
    return rows.map((row) => ({
      table: row.table_id as TableId,
      state: row.state as TableState,
      waiver: row.state === 'skipped' ? { by: row.by ?? '', reason: row.reason ?? '', at: row.at ?? '' } : null,
    }));
  }

  async skip(table: TableId, { by, reason }: Pick<Waiver, 'by' | 'reason'>): Promise<void> {
    await this.#session.write(SET, [table, 'skipped', by, reason]);
  }

  async carry(table: TableId): Promise<void> {
    await this.#session.write('DELETE FROM migrate.table_state WHERE run = $1 AND table_id = $2', [table]);
  }

  async askCopy(table: TableId): Promise<void> {
    await this.#session.write(SET, [table, 'asked', null, null]);
  }
}
