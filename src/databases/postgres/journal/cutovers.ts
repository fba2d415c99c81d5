// The attempts to cut over, in table migrate.cutover.

import type { CutoverJournal, CutoverRecord } from '../../../journal/journal.ts';
import { cutoverRecord } from '../../../journal/records.ts';
import type { JournalSession } from './session.ts';

export class PostgresCutoverJournal implements CutoverJournal {
  readonly #session: JournalSession;

  constructor(session: JournalSession) {
    this.#session = session;
  }

  async latest(): Promise<CutoverRecord | undefined> {
    const [row] = await this.#session.read(
      'SELECT attempt, phase, detail FROM migrate.cutover WHERE run = $1 ORDER BY attempt DESC LIMIT 1',
    );
    return row && cutoverRecord(row);
  }

  async write(record: CutoverRecord): Promise<void> {
    const { attempt, phase, ...detail } = record;
    await this.#session.write(
      `INSERT INTO migrate.cutover (run, attempt, phase, detail) VALUES ($1, $2, $3, $4)
       ON CONFLICT (run, attempt) DO UPDATE SET phase = $3, detail = $4, updated_at = now()`,
      [attempt, phase, JSON.stringify(detail)],
    );
  }
}
