// Which stages have begun and are done, in table migrate.stage.

import type { StageJournal, StageName, StageRecord } from '../../../journal/journal.ts';
import { stageRecord } from '../../../journal/records.ts';
import { isoText, type JournalSession } from './session.ts';

export class PostgresStageJournal implements StageJournal {
  readonly #session: JournalSession;

  constructor(session: JournalSession) {
    this.#session = session;
  }

  async list(): Promise<readonly StageRecord[]> {
    const rows = await this.#session.read(
      `SELECT stage, ${isoText('started_at')} AS started_at, ${isoText('finished_at')} AS finished_at, result
       FROM migrate.stage WHERE run = $1 ORDER BY migrate.stage.started_at`,
    );
    return rows.map(stageRecord);
  }

  async start(stage: StageName): Promise<void> {
    await this.#session.write(
      'INSERT INTO migrate.stage (run, stage) VALUES ($1, $2) ON CONFLICT (run, stage) DO UPDATE SET finished_at = NULL',
      [stage],
    );
  }

  async note(stage: StageName, result: Readonly<Record<string, unknown>>): Promise<void> {
    await this.#session.write('UPDATE migrate.stage SET result = $3 WHERE run = $1 AND stage = $2', [
      stage,
      JSON.stringify(result),
    ]);
  }

  async finish(stage: StageName, result: Readonly<Record<string, unknown>>): Promise<void> {
    await this.#session.write(
      'UPDATE migrate.stage SET finished_at = clock_timestamp(), result = $3 WHERE run = $1 AND stage = $2',
      [stage, JSON.stringify(result)],
    );
  }
}
