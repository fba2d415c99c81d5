// What operators asked for single tables, in table migrate.table_state.

import { tableStateRecord } from '../../../journal/records.ts';
import type { TableStateJournal, TableStateRecord, Waiver } from '../../../journal/table-states.ts';
import type { TableId, TableName } from '../../../model/table.ts';
import { isoText, type JournalSession } from './session.ts';

const SET = `
INSERT INTO migrate.table_state (run, table_id, state, by, reason) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (run, table_id) DO UPDATE SET state = $3, by = $4, reason = $5, at = clock_timestamp()`;

/** What is left of `joining` without the tables that a parameter lists. */
export function joiningWithout(parameter: string): string {
  return (
    "(SELECT coalesce(jsonb_agg(j), '[]') FROM jsonb_array_elements(joining) AS j" +
    ` WHERE NOT ${parameter}::jsonb @> jsonb_build_array(j))`
  );
}

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
    return rows.map(tableStateRecord);
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

  async askJoin(table: TableName): Promise<void> {
    await this.#session.write('UPDATE migrate.run SET joining = joining || $2::jsonb WHERE name = $1', [
      JSON.stringify([table]),
    ]);
  }

  async withdrawJoin(table: TableName): Promise<void> {
    await this.#session.write(`UPDATE migrate.run SET joining = ${joiningWithout('$2')} WHERE name = $1`, [
      JSON.stringify([table]),
    ]);
  }
}
