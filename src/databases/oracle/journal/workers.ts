// The further processes that work on a run; which chunks they were given is kept with the chunks.

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
import type { TableId } from '../../../model/table.ts';
import { ownTable } from '../own-tables.ts';
import { execute, inLists, query, type Statement, sql } from '../statement.ts';
import { columns, executeRows, isoText, type JournalSession, own, select, type TextRecord } from './session.ts';

const SINCE = '(LOCALTIMESTAMP - "BEAT_AT")';
const WORKER = {
  ...columns('id', 'name', 'doing', 'changes', 'epoch', 'lanes'),
  joined_at: isoText('joined_at'),
  silent: `EXTRACT(DAY FROM ${SINCE}) * 86400 + EXTRACT(HOUR FROM ${SINCE}) * 3600
    + EXTRACT(MINUTE FROM ${SINCE}) * 60 + EXTRACT(SECOND FROM ${SINCE})`,
};

export class OracleWorkerJournal implements WorkerJournal {
  readonly #session: JournalSession;

  constructor(session: JournalSession) {
    this.#session = session;
  }

  async join(name: string): Promise<WorkerId> {
    const { run } = this.#session;
    if (!(await this.#session.hasRun())) throw noRun(run);
    return this.#session.unproven(async (session) => {
      // Waits for whoever takes the run away, and then finds none. An id is never given twice.
      const found = await execute(
        session,
        sql`UPDATE ${own('RUN')} SET "WORKERS" = "WORKERS" + 1 WHERE "NAME" = ${run}`,
      );
      if (found !== 1) throw noRun(run);
      const [row] = await query(session, sql`SELECT "WORKERS" FROM ${own('RUN')} WHERE "NAME" = ${run}`);
      const id = Number(row?.[0]);
      await execute(session, sql`INSERT INTO ${own('WORKER')} ("RUN", "ID", "NAME") VALUES (${run}, ${id}, ${name})`);
      return id;
    });
  }

  async beat(id: WorkerId, { doing, changes }: WorkerBeat): Promise<boolean> {
    const found = await this.#change(
      sql`UPDATE ${own('WORKER')} SET "BEAT_AT" = LOCALTIMESTAMP, "DOING" = ${doing}, "CHANGES" = ${changes}
          WHERE "RUN" = ${this.#session.run} AND "ID" = ${id}`,
    );
    return found === 1;
  }

  async leave(id: WorkerId): Promise<void> {
    await this.#change(sql`DELETE FROM ${own('WORKER')} WHERE "RUN" = ${this.#session.run} AND "ID" = ${id}`);
  }

  async list(): Promise<readonly WorkerRecord[]> {
    const { run } = this.#session;
    if (!(await this.#session.hasRun())) return [];
    const workers = await this.#session.read(WORKER, sql`${own('WORKER')} WHERE "RUN" = ${run} ORDER BY "ID"`);
    const copied = await this.#session.read(
      { ...columns('claimed_by'), chunks: 'COUNT(*)', rows: 'SUM("ROWS")' },
      sql`${own('CHUNK')} WHERE "RUN" = ${run} AND "AT" IS NOT NULL GROUP BY "CLAIMED_BY"`,
    );
    const copiedBy = new Map(
      copied.map(({ claimed_by, chunks = null, rows = null }) => [claimed_by, { chunks, rows }]),
    );
    return workers.map((worker) => workerRecord({ ...worker, ...copiedBy.get(worker.id) }));
  }

  async share(lanes: ReadonlyMap<WorkerId, readonly number[]>): Promise<void> {
    await this.#session.transaction(async (session, { run, epoch }) => {
      await execute(session, sql`UPDATE ${own('WORKER')} SET "LANES" = '[]' WHERE "RUN" = ${run}`);
      await executeRows(
        session,
        `UPDATE ${ownTable('WORKER')} SET "EPOCH" = :1, "LANES" = :2 WHERE "RUN" = :3 AND "ID" = :4`,
        [...lanes].map(([id, given]) => [epoch, JSON.stringify(given), run, id]),
      );
    });
  }

  async remove(ids: readonly WorkerId[]): Promise<void> {
    await this.#session.write(
      ...[...inLists(ids)].map(
        (piece) => sql`DELETE FROM ${own('WORKER')} WHERE "RUN" = ${this.#session.run} AND "ID" IN ${piece}`,
      ),
    );
  }

  claim(chunks: readonly ChunkName[], by: WorkerId | null): Promise<readonly ChunkName[]> {
    return this.#session.transaction(async (session, { run, epoch }) => {
      const rows: TextRecord[] = [];
      for (const [table, ordinals] of byTable(chunks)) {
        for (const piece of inLists(ordinals)) {
          const free = sql`${own('CHUNK')} WHERE "RUN" = ${run} AND "TABLE_ID" = ${table} AND "ORDINAL" IN ${piece}
            AND "AT" IS NULL AND ("CLAIM_EPOCH" IS NULL OR "CLAIM_EPOCH" < ${epoch}) FOR UPDATE SKIP LOCKED`;
          rows.push(...(await select(session, columns('table_id', 'ordinal'), free)));
        }
      }
      await executeRows(
        session,
        `UPDATE ${ownTable('CHUNK')} SET "CLAIM_EPOCH" = :1, "CLAIMED_BY" = :2
         WHERE "RUN" = :3 AND "TABLE_ID" = :4 AND "ORDINAL" = :5`,
        rows.map(({ table_id = '', ordinal = '' }) => [epoch, by, run, table_id, Number(ordinal)]),
      );
      return claimed(chunks, rows);
    });
  }

  /** Resolves with the rows found. */
  async #change(statement: Statement): Promise<number> {
    if (!(await this.#session.hasRun())) return 0;
    return this.#session.unproven((session) => execute(session, statement));
  }
}

function byTable(chunks: readonly ChunkName[]): ReadonlyMap<TableId, readonly number[]> {
  const ordinals = new Map<TableId, number[]>();
  for (const { table, ordinal } of chunks) {
    const known = ordinals.get(table);
    if (known === undefined) ordinals.set(table, [ordinal]);
    else known.push(ordinal);
  }
  return ordinals;
}
