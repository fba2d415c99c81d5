// What operators asked for single tables, in table migrate.table_state.

import type { TableState, TableStateJournal, TableStateRecord, Waiver } from '../../journal/table-states.ts';
import type { TableId } from '../../model/table.ts';
import type { TextRow } from './connection.ts';

/** The journal's own session: every write is a transaction that proves the lease; `$1` is the run. */
export interface JournalStatements {
  read(text: string, values?: readonly unknown[]): Promise<readonly TextRow[]>;
  write(text: string, values?: readonly unknown[]): Promise<number>;
}

const SET = `
INSERT INTO migrate.table_state (run, table_id, state, by, reason) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (run, table_id) DO UPDATE SET state = $3, by = $4, reason = $5, at = clock_timestamp()`;

export class PostgresTableStateJournal implements TableStateJournal {
  readonly #statements: JournalStatements;

  constructor(statements: JournalStatements) {
    this.#statements = statements;
  }

  async list(): Promise<readonly TableStateRecord[]> {
    const rows = await this.#statements.read(
      `SELECT table_id, state, by, reason, to_char(at, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS at
       FROM migrate.table_state WHERE run = $1 ORDER BY table_id`,
    );
    return rows.map((row) => ({
      table: row.table_id as TableId,
      state: row.state as TableState,
      waiver: row.state === 'skipped' ? { by: row.by ?? '', reason: row.reason ?? '', at: row.at ?? '' } : null,
    }));
  }

  async skip(table: TableId, { by, reason }: Pick<Waiver, 'by' | 'reason'>): Promise<void> {
    await this.#statements.write(SET, [table, 'skipped', by, reason]);
  }

  async carry(table: TableId): Promise<void> {
    await this.#statements.write('DELETE FROM migrate.table_state WHERE run = $1 AND table_id = $2', [table]);
  }

  async askCopy(table: TableId): Promise<void> {
    await this.#statements.write(SET, [table, 'asked', null, null]);
  }
}
