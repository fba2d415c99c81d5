// The attempts to cut over, in table migrate.cutover.

import type { CutoverJournal, CutoverRecord } from '../../../journal/journal.ts';
import { cutoverRecord } from '../../../journal/records.ts';
import { sql } from '../statement.ts';
import { columns, type JournalSession } from './session.ts';

export class MysqlCutoverJournal implements CutoverJournal {
  readonly #session: JournalSession;

  constructor(session: JournalSession) {
    this.#session = session;
  }

  async latest(): Promise<CutoverRecord | undefined> {
    const [row] = await this.#session.read(
      columns('attempt', 'phase', 'detail'),
      sql`migrate.cutover WHERE run = ${this.#session.run} ORDER BY attempt DESC LIMIT 1`,
    );
    return row && cutoverRecord(row);
  }

  async write(record: CutoverRecord): Promise<void> {
    const { attempt, phase, ...rest } = record;
    const detail = JSON.stringify(rest);
    await this.#session.write(
      sql`INSERT INTO migrate.cutover (run, attempt, phase, detail)
          VALUES (${this.#session.run}, ${attempt}, ${phase}, ${detail})
          ON DUPLICATE KEY UPDATE phase = ${phase}, detail = ${detail}, updated_at = UTC_TIMESTAMP(6)`,
    );
  }
}
