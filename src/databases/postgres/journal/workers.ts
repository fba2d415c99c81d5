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
import { isoText, type JournalSession } from './session.ts';

export class PostgresWorkerJournal implements WorkerJournal {
  readonly #session: JournalSession;

  constructor(session: JournalSession) {
    this.#session = session;
  }

  async join(name: string): Promise<WorkerId> {
    const { run } = this.#session;
    if (!(await this.#session.hasRun())) throw noRun(run);
    const joined = await this.#session.unproven((session) =>
      session.one(
        `INSERT INTO migrate.worker (run, name)
         SELECT name, $2 FROM migrate.run WHERE name = $1 FOR KEY SHARE RETURNING id`,
        [run, name],
      ),
    );
    if (joined === undefined) throw noRun(run);
    return Number(joined.id);
  }

  async beat(id: WorkerId, { doing, changes }: WorkerBeat): Promise<boolean> {
    const found = await this.#change(
      'UPDATE migrate.worker SET beat_at = clock_timestamp(), doing = $3, changes = $4 WHERE run = $1 AND id = $2',
      [id, doing, changes],
    );
    return found === 1;
  }

  async leave(id: WorkerId): Promise<void> {
    await this.#change('DELETE FROM migrate.worker WHERE run = $1 AND id = $2', [id]);
  }

  async list(): Promise<readonly WorkerRecord[]> {
    if (!(await this.#session.hasRun())) return [];
    const rows = await this.#session.read(
      `SELECT w.id, w.name, ${isoText('w.joined_at')} AS joined_at, w.doing, w.changes, w.epoch, w.lanes, c.chunks, c.rows,
         extract(epoch FROM clock_timestamp() - w.beat_at) AS silent
       FROM migrate.worker w LEFT JOIN (
         SELECT claimed_by, count(*) AS chunks, sum(rows) AS rows FROM migrate.chunk
         WHERE run = $1 AND at IS NOT NULL GROUP BY claimed_by
       ) c ON c.claimed_by = w.id
       WHERE w.run = $1 ORDER BY w.id`,
    );
    return rows.map(workerRecord);
  }

  async share(lanes: ReadonlyMap<WorkerId, readonly number[]>): Promise<void> {
    const { run } = this.#session;
    await this.#session.transaction(async (session, { epoch }) => {
      await session.query(`UPDATE migrate.worker SET lanes = '[]' WHERE run = $1`, [run]);
      await session.query(
        `UPDATE migrate.worker w SET epoch = $2, lanes = given.lanes
         FROM unnest($3::int[], $4::jsonb[]) AS given(id, lanes) WHERE w.run = $1 AND w.id = given.id`,
        [run, epoch, [...lanes.keys()], [...lanes.values()].map((each) => JSON.stringify(each))],
      );
    });
  }

  async remove(ids: readonly WorkerId[]): Promise<void> {
    await this.#session.write('DELETE FROM migrate.worker WHERE run = $1 AND id = ANY ($2::int[])', [ids]);
  }

  claim(chunks: readonly ChunkName[], by: WorkerId | null): Promise<readonly ChunkName[]> {
    return this.#session.transaction(async (session, { run, epoch }) => {
      const rows = await session.query(
        `WITH wanted AS (
           SELECT c.table_id, c.ordinal
           FROM migrate.chunk c JOIN unnest($2::text[], $3::int[]) AS w(table_id, ordinal) USING (table_id, ordinal)
           WHERE c.run = $1 AND c.at IS NULL AND (c.claim_epoch IS NULL OR c.claim_epoch < $4)
           FOR UPDATE OF c SKIP LOCKED
         )
         UPDATE migrate.chunk c SET claim_epoch = $4, claimed_by = $5 FROM wanted w
         WHERE c.run = $1 AND c.table_id = w.table_id AND c.ordinal = w.ordinal RETURNING c.table_id, c.ordinal`,
        [run, chunks.map(({ table }) => table), chunks.map(({ ordinal }) => ordinal), epoch, by],
      );
      return claimed(chunks, rows);
    });
  }

  /** Resolves with the rows touched. */
  async #change(text: string, values: readonly unknown[]): Promise<number> {
    if (!(await this.#session.hasRun())) return 0;
    return this.#session.unproven((session) => session.execute(text, [this.#session.run, ...values]));
  }
}
