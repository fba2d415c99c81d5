// Tables that stand without the fence while they are copied: no row takes the direct path into a table with a trigger. They are
// closed when their copy is there, before anything is applied to them, and what somebody else wrote to them shows in the number of
// their rows. That they are open is recorded from before the first row until these were counted: who is killed in between counts again.

import { MigrateError } from '../../lib/errors.ts';
import { failpoint } from '../../lib/failpoint.ts';
import { Turns } from '../../lib/turns.ts';
import type { Table, TableId, TableName } from '../../model/table.ts';
import type { OracleSession } from './connection.ts';
import { closeNew, fencedTables, type NewFence } from './fence/new.ts';
import { own } from './journal/session.ts';
import { Made } from './made.ts';
import type { ChangeSchema } from './schema-session.ts';
import { nameOf } from './schema-state.ts';
import { quoteTable } from './sql.ts';
import { query, raw, sql } from './statement.ts';

export interface OpenTablesOptions {
  readonly change: ChangeSchema;
  /** Throws while no lease is held. */
  readonly fence: () => NewFence;
}

export class OpenTables {
  readonly #options: OpenTablesOptions;
  readonly #writing = new Map<TableId, Turns>();
  /** Whatever the number of loaders, one session. */
  readonly #closing = new Turns();

  constructor(options: OpenTablesOptions) {
    this.#options = options;
  }

  /** By `nameOf`, those that have no trigger of the fence. */
  list(): Promise<ReadonlySet<string>> {
    const { change, fence } = this.#options;
    return change(async ({ session }) => {
      const { id, claim } = fence();
      const open = (await Made.read(session, claim, false)).all('OPEN');
      const closed = new Set(await fencedTables(session, id, open));
      return new Set(open.filter((table) => !closed.has(table)).map(nameOf));
    });
  }

  /** A direct path insert takes its table for itself until it is committed: who waits here needs no lock and no answer of the server. */
  inTurn<T>({ id }: TableName, work: () => Promise<T>): Promise<T> {
    let turns = this.#writing.get(id);
    if (turns === undefined) {
      turns = new Turns();
      this.#writing.set(id, turns);
    }
    return turns.take(work);
  }

  /** Closes a table when every chunk of it is there. Rejects as `close` does. */
  closeCopied(table: Table): Promise<void> {
    return this.#closing.take(async () => {
      const { change, fence } = this.#options;
      if (await change(({ session }) => isCopied(session, fence().claim.run, table))) await this.#close([table]);
    });
  }

  /**
   * Closes those of the tables that stand open; they are copied. Idempotent. Rejects with TARGET.REFUSED when one has another number
   * of rows than its chunks had.
   */
  close(tables: readonly TableName[]): Promise<void> {
    return this.#closing.take(() => this.#close(tables));
  }

  #close(tables: readonly TableName[]): Promise<void> {
    const { change, fence } = this.#options;
    return change(async ({ session }) => {
      const closing = fence();
      const made = await Made.read(session, closing.claim, false);
      const open = tables.filter((table) => made.has('OPEN', table));
      if (open.length === 0) return;
      await failpoint('schema.revealing');
      await closeNew(session, closing, open);
      for (const table of open) {
        await failpoint('schema.revealing');
        await expectCopied(session, closing.claim.run, table);
        await made.forget('OPEN', table);
      }
    });
  }
}

async function isCopied(session: OracleSession, run: string, { id }: TableName): Promise<boolean> {
  const left = await query(
    session,
    sql`SELECT 1 FROM ${own('CHUNK')} WHERE "RUN" = ${run} AND "TABLE_ID" = ${id} AND "AT" IS NULL AND ROWNUM <= 1`,
  );
  return left.length === 0;
}

/** Both are counted at one moment. */
async function expectCopied(session: OracleSession, run: string, table: TableName): Promise<void> {
  const counts = sql`SELECT "T"."ROWS", "C"."ROWS" FROM (SELECT COUNT(*) AS "ROWS" FROM ${raw(quoteTable(table))}) "T"
    CROSS JOIN (SELECT NVL(SUM("ROWS"), 0) AS "ROWS" FROM ${own('CHUNK')} WHERE "RUN" = ${run} AND "TABLE_ID" = ${table.id}) "C"`;
  const [row] = await session.within(0, () => query(session, counts));
  const [found, copied] = row ?? [];
  if (found !== undefined && found === copied) return;
  throw new MigrateError(
    'TARGET.REFUSED',
    `target: ${table.id} has ${found} rows where ${copied} were copied: somebody wrote to it before it was closed`,
    { where: table.id, fix: `Find out who. Then: migrate table copy ${table.id}, and start again.` },
  );
}
