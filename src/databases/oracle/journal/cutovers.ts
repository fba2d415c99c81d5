// The attempts to cut over.

import type { CutoverJournal, CutoverRecord } from '../../../journal/journal.ts';
import { cutoverRecord } from '../../../journal/records.ts';
import { execute, sql } from '../statement.ts';
import { columns, type JournalSession, own } from './session.ts';

export class OracleCutoverJournal implements CutoverJournal {
  readonly #session: JournalSession;

  constructor(session: JournalSession) {
    this.#session = session;
  }

  async latest(): Promise<CutoverRecord | undefined> {
    const { run } = this.#session;
    const [row] = await this.#session.read(
      columns('attempt', 'phase', 'detail'),
      sql`${own('CUTOVER')} WHERE "RUN" = ${run}
          AND "ATTEMPT" = (SELECT MAX("ATTEMPT") FROM ${own('CUTOVER')} WHERE "RUN" = ${run})`,
    );
    return row && cutoverRecord(row);
  }

  write(record: CutoverRecord): Promise<void> {
    const { attempt, phase, ...rest } = record;
    const detail = JSON.stringify(rest);
    return this.#session.transaction(async (session, { run }) => {
      const written = await execute(
        session,
        sql`UPDATE ${own('CUTOVER')} SET "PHASE" = ${phase}, "DETAIL" = ${detail}, "UPDATED_AT" = LOCALTIMESTAMP
            WHERE "RUN" = ${run} AND "ATTEMPT" = ${attempt}`,
      );
      if (written === 1) return;
      await execute(
        session,
        sql`INSERT INTO ${own('CUTOVER')} ("RUN", "ATTEMPT", "PHASE", "DETAIL") VALUES (${run}, ${attempt}, ${phase}, ${detail})`,
      );
    });
  }
}
