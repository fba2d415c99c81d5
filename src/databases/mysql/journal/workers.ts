// The further processes that work on a run, in table migrate.worker; which chunks they were given, in migrate.chunk.

import { noRun } from '../../../journal/no-run.ts';
import { workerRecord } from '../../../journal/records.ts';
import {
  type ChunkName,
  claimed,
  type WorkerBeat,
  type WorkerId,
  type WorkerJournal,
  type WorkerRecord,
} from '../../../journal/workers.ts';
import { inPieces, sql, tuple } from '../statement.ts';
import { columns, isoText, type JournalSession, select, type TextRecord } from './session.ts';

const WORKER = {
  ...columns('id', 'name', 'doing', 'changes', 'epoch', 'lanes', 'chunks', 'rows'),
  joined_at: isoText('joined_at'),
  silent: 'TIMESTAMPDIFF(MICROSECOND, beat_at, UTC_TIMESTAMP(6)) / 1e6',
};

export class MysqlWorkerJournal implements WorkerJournal {
  readonly #session: JournalSession;

  constructor(session: JournalSession) {
    this.#session = session;
  }

  async join(name: string): Promise<WorkerId> {
    const { run } = this.#session;
    if (!(await this.#session.hasRun())) throw noRun(run);
    return this.#session.unproven(async (session) => {
      const joined = await session.execute(
        sql`INSERT INTO migrate.worker (run, name) SELECT name, ${name} FROM migrate.run WHERE name = ${run} FOR SHARE`,
      );
      if (joined !== 1) throw noRun(run);
      const [row] = await session.query('SELECT LAST_INSERT_ID()');
      return Number(row?.[0]);
    });
  }

  async beat(id: WorkerId, { doing, changes }: WorkerBeat): Promise<boolean> {
    const found = await this.#change(
      sql`UPDATE migrate.worker SET beat_at = UTC_TIMESTAMP(6), doing = ${doing}, changes = ${changes}
          WHERE run = ${this.#session.run} AND id = ${id}`,
    );
    return found === 1;
  }

  async leave(id: WorkerId): Promise<void> {
    await this.#change(sql`DELETE FROM migrate.worker WHERE run = ${this.#session.run} AND id = ${id}`);
  }

  async list(): Promise<readonly WorkerRecord[]> {
    const { run } = this.#session;
    if (!(await this.#session.hasRun())) return [];
    const rows = await this.#session.read(
      WORKER,
      sql`migrate.worker LEFT JOIN (
            SELECT claimed_by, COUNT(*) AS chunks, SUM(\`rows\`) AS \`rows\` FROM migrate.chunk
            WHERE run = ${run} AND \`at\` IS NOT NULL GROUP BY claimed_by
          ) AS copied ON claimed_by = id
          WHERE run = ${run} ORDER BY id`,
    );
    return rows.map(workerRecord);
  }

  async share(lanes: ReadonlyMap<WorkerId, readonly number[]>): Promise<void> {
    const { run } = this.#session;
    await this.#session.transaction(async (session, { epoch }) => {
      await session.execute(sql`UPDATE migrate.worker SET lanes = '[]' WHERE run = ${run}`);
      for (const [id, given] of lanes) {
        await session.execute(
          sql`UPDATE migrate.worker SET epoch = ${epoch}, lanes = ${JSON.stringify(given)} WHERE run = ${run} AND id = ${id}`,
        );
      }
    });
  }

  async remove(ids: readonly WorkerId[]): Promise<void> {
    await this.#session.write(sql`DELETE FROM migrate.worker WHERE run = ${this.#session.run} AND id IN ${ids}`);
  }

  claim(chunks: readonly ChunkName[], by: WorkerId | null): Promise<readonly ChunkName[]> {
    return this.#session.transaction(async (session, { run, epoch }) => {
      const rows: TextRecord[] = [];
      for (const piece of inPieces(chunks.map(({ table, ordinal }) => tuple([run, table, ordinal])))) {
        // By the whole key: who looks at more rows locks each for a moment, and others pass over it.
        const free = `migrate.chunk WHERE (run, table_id, ordinal) IN (${piece}) AND \`at\` IS NULL
          AND ${sql`(claim_epoch IS NULL OR claim_epoch < ${epoch})`} FOR UPDATE SKIP LOCKED`;
        rows.push(...(await select(session, columns('table_id', 'ordinal'), free)));
      }
      for (const piece of inPieces(
        rows.map(({ table_id = '', ordinal = '' }) => tuple([run, table_id, Number(ordinal)])),
      )) {
        await session.execute(
          `${sql`UPDATE migrate.chunk SET claim_epoch = ${epoch}, claimed_by = ${by}`}
           WHERE (run, table_id, ordinal) IN (${piece})`,
        );
      }
      return claimed(chunks, rows);
    });
  }

  /** Resolves with the rows found. */
  async #change(statement: string): Promise<number> {
    if (!(await this.#session.hasRun())) return 0;
    return this.#session.unproven((session) => session.execute(statement));
  }
}
