// Which stages have begun and are done.

import type { StageJournal, StageName, StageRecord } from '../../../journal/journal.ts';
import { stageRecord } from '../../../journal/records.ts';
import { execute, type Statement, sql } from '../statement.ts';
import { columns, isoText, type JournalSession, own } from './session.ts';

const STAGE = { ...columns('stage', 'result'), started_at: isoText('started_at'), finished_at: isoText('finished_at') };

type Result = Readonly<Record<string, unknown>>;

export class OracleStageJournal implements StageJournal {
  readonly #session: JournalSession;

  constructor(session: JournalSession) {
    this.#session = session;
  }

  async list(): Promise<readonly StageRecord[]> {
    const rows = await this.#session.read(
      STAGE,
      sql`${own('STAGE')} WHERE "RUN" = ${this.#session.run} ORDER BY "STARTED_AT"`,
    );
    return rows.map(stageRecord);
  }

  start(stage: StageName): Promise<void> {
    return this.#session.transaction(async (session, { run }) => {
      const begun = await execute(session, sql`UPDATE ${own('STAGE')} SET "FINISHED_AT" = NULL ${this.#of(stage)}`);
      if (begun === 1) return;
      await execute(
        session,
        sql`INSERT INTO ${own('STAGE')} ("RUN", "STAGE", "RESULT") VALUES (${run}, ${stage}, '{}')`,
      );
    });
  }

  async note(stage: StageName, result: Result): Promise<void> {
    await this.#session.write(sql`UPDATE ${own('STAGE')} SET "RESULT" = ${JSON.stringify(result)} ${this.#of(stage)}`);
  }

  async finish(stage: StageName, result: Result): Promise<void> {
    await this.#session.write(
      sql`UPDATE ${own('STAGE')} SET "FINISHED_AT" = LOCALTIMESTAMP, "RESULT" = ${JSON.stringify(result)} ${this.#of(stage)}`,
    );
  }

  #of(stage: StageName): Statement {
    return sql`WHERE "RUN" = ${this.#session.run} AND "STAGE" = ${stage}`;
  }
}
