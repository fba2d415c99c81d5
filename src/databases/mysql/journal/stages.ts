// Which stages have begun and are done, in table migrate.stage.

import type { StageJournal, StageName, StageRecord } from '../../../journal/journal.ts';
import { stageRecord } from '../../../journal/records.ts';
import { sql } from '../statement.ts';
import { columns, isoText, type JournalSession } from './session.ts';

const STAGE = { ...columns('stage', 'result'), started_at: isoText('started_at'), finished_at: isoText('finished_at') };

type Result = Readonly<Record<string, unknown>>;

export class MysqlStageJournal implements StageJournal {
  readonly #session: JournalSession;

  constructor(session: JournalSession) {
    this.#session = session;
  }

  async list(): Promise<readonly StageRecord[]> {
    const rows = await this.#session.read(
      STAGE,
      sql`migrate.stage WHERE run = ${this.#session.run} ORDER BY started_at`,
    );
    return rows.map(stageRecord);
  }

  async start(stage: StageName): Promise<void> {
    await this.#session.write(
      sql`INSERT INTO migrate.stage (run, stage, result) VALUES (${this.#session.run}, ${stage}, '{}')
          ON DUPLICATE KEY UPDATE finished_at = NULL`,
    );
  }

  async note(stage: StageName, result: Result): Promise<void> {
    await this.#session.write(
      sql`UPDATE migrate.stage SET result = ${JSON.stringify(result)}
          WHERE run = ${this.#session.run} AND stage = ${stage}`,
    );
  }

  async finish(stage: StageName, result: Result): Promise<void> {
    await this.#session.write(
      sql`UPDATE migrate.stage SET finished_at = UTC_TIMESTAMP(6), result = ${JSON.stringify(result)}
          WHERE run = ${this.#session.run} AND stage = ${stage}`,
    );
  }
}
