// The fence of PostgreSQL: statement triggers, put on the tables before the cutover, that call one function. Replacing
// the function closes or opens every table at one commit, without any table lock. It stops superusers, COPY, TRUNCATE,
// cascades, prepared statements and transactions with an older snapshot alike; only replica-role sessions pass.

import { setTimeout as sleep } from 'node:timers/promises';
import { MigrateError } from '../../lib/errors.ts';
import { failpoint } from '../../lib/failpoint.ts';
import type { TableName } from '../../model/table.ts';
import { type Fence, type FenceState, type Writer, writerText } from '../fence.ts';
import type { PostgresServer, Session, TextRow } from './connection.ts';
import {
  FENCE_TRIGGER,
  fenceFunction,
  functionStatement,
  READ_MODE,
  readState,
  triggerStatement,
} from './fence-function.ts';
import { CREATE_BLOCKERS, DROP_BLOCKERS, readHolders, WRITE_MODES } from './fence-holders.ts';
import { type LeaseClaim, proveLease } from './journal-schema.ts';
import { KeptSession } from './kept-session.ts';
import { withShortLock } from './short-lock.ts';
import { quoteTable } from './sql.ts';

export interface PostgresFenceOptions {
  readonly server: PostgresServer;
  readonly claim: LeaseClaim;
  /** The run's id: part of the function's name. */
  readonly id: string;
  /** The captured tables, where known before `arm`. */
  readonly tables?: readonly TableName[];
  /** How long to try for the lock on one table. */
  readonly armTimeoutMs?: number;
}

// In a freeze nothing may hang: a server that does not answer a few-millisecond statement is taken for gone.
const TIMEOUT_MS = 5_000;

interface TriggerFault {
  readonly table: TableName;
  readonly fault: 'missing' | 'disabled';
  /** The function that the trigger calls, when it is not this run's. */
  readonly theirs: string | undefined;
}

export class PostgresFence implements Fence {
  readonly #options: PostgresFenceOptions;
  readonly #call: string;
  readonly #kept: KeptSession;
  #tables: readonly TableName[] | undefined;

  constructor(options: PostgresFenceOptions) {
    this.#options = options;
    this.#tables = options.tables;
    this.#call = `${fenceFunction(options.id)}()`;
    const settings = { statement_timeout: `${TIMEOUT_MS}ms`, lock_timeout: `${TIMEOUT_MS}ms` };
    this.#kept = new KeptSession(options.server, { purpose: 'fence', settings });
  }

  async arm(tables: readonly TableName[], signal: AbortSignal): Promise<void> {
    this.#tables = tables;
    const { id } = this.#options;
    await this.#change(async (session) => {
      if ((await this.#read(session)) === undefined) await session.query(functionStatement(id, 'open'));
    });
    for (const { table, fault, theirs } of await this.#use((session) => this.#faults(session))) {
      if (theirs !== undefined) await this.#refuseClosed(table, theirs);
      const statement = triggerStatement(id, table);
      const again = `DROP TRIGGER ${FENCE_TRIGGER} ON ${quoteTable(table)}; ${statement}`;
      await this.#lockTable(quoteTable(table), fault === 'missing' ? statement : again, CREATE_BLOCKERS, signal);
    }
  }

  async close(budgetMs: number): Promise<void> {
    await this.#change(async (session) => {
      await this.#requireTriggers(session);
      if ((await this.#read(session))?.mode === 'permanent') {
        throw new MigrateError('INTERNAL.BUG', 'a permanent fence must not be given a deadline');
      }
      const row = await session.one(`SELECT (clock_timestamp() + $1::float8 * interval '1 ms')::text AS until`, [
        budgetMs,
      ]);
      await session.query(functionStatement(this.#options.id, { until: String(row?.until) }));
    });
  }

  openWriters(previous?: readonly Writer[]): Promise<readonly Writer[]> {
    return this.#use(async (session) => this.#writers(session, previous));
  }

  async end(writers: readonly Writer[]): Promise<void> {
    const sessions = writers.filter((writer) => writer.kind === 'session');
    await this.#use(async (session) => {
      await this.#proven(session, async () => {
        for (const { id, transaction } of sessions) {
          // Only while it is still that transaction: the session may have gone on to other work.
          await session.query(
            `SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'virtualxid' AND pid = $1 AND virtualxid = $2`,
            [id, transaction],
          );
        }
      });
    });
  }

  async permanent(reserveMs?: number): Promise<void> {
    const { id } = this.#options;
    if (reserveMs === undefined) {
      await this.#change((session) => session.query(functionStatement(id, 'permanent')));
      return;
    }
    // First in force without being called permanent: should the commit come so late that the old fence had opened by
    // itself, or the runner die before it knows, whoever looks later finds no permanent fence and opens it.
    const until = await this.#change(async (session) => {
      const current = await this.#read(session);
      if (current?.mode === 'permanent') return undefined;
      await this.#requireTriggers(session);
      if (current?.mode !== 'closed' || Number(current.remaining_ms) < reserveMs) throw expired();
      await session.query(functionStatement(id, 'pending'));
      return String(current.until);
    });
    if (until === undefined) return;
    await this.#waitForLateReaders(until);
    await failpoint('cutover.pending');
    await this.#change(async (session) => {
      if ((await this.#read(session))?.mode !== 'pending') throw expired();
      await session.query(functionStatement(id, 'permanent'));
    });
  }

  async open(): Promise<void> {
    await this.#change(async (session) => {
      if ((await this.#read(session)) !== undefined) await session.query(functionStatement(this.#options.id, 'open'));
    });
  }

  async disarm(): Promise<void> {
    const armed = await this.#use((session) =>
      session.query(
        `SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname) AS name FROM pg_trigger t
         JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE t.tgfoid = to_regprocedure($1) ORDER BY 1`,
        [this.#call],
      ),
    );
    for (const { name } of armed) {
      const table = String(name);
      await this.#lockTable(table, `DROP TRIGGER IF EXISTS ${FENCE_TRIGGER} ON ${table}`, DROP_BLOCKERS);
    }
    await this.#change((session) => session.query(`DROP FUNCTION IF EXISTS ${this.#call}`));
  }

  async state(): Promise<FenceState> {
    return readState(await this.#use((session) => this.#read(session)));
  }

  /**
   * A statement that locked its table before the replacement may still run the old function, which opens at the
   * deadline: such transactions must be gone before it.
   */
  async #waitForLateReaders(until: string): Promise<void> {
    let late: readonly Writer[] | undefined;
    do {
      if (late !== undefined) await sleep(5);
      late = await this.#use((session) => this.#writers(session, late));
      // The clock is read after the locks: what was seen was so before this moment.
      const row = await this.#use((session) =>
        session.one('SELECT clock_timestamp() < $1::timestamptz AS intime', [until]),
      );
      if (row?.intime !== 't') throw expired();
    } while (late.length > 0);
  }

  async #writers(session: Session, previous?: readonly Writer[]): Promise<readonly Writer[]> {
    const tables = (this.#tables ?? []).map(quoteTable);
    const writers = await readHolders(session, { tables, fence: this.#call, modes: WRITE_MODES });
    if (previous === undefined) return writers;
    const known = new Set(previous.map((writer) => writer.transaction));
    // What is prepared wrote before the fence closed, whatever it was called when it was seen first.
    return writers.filter((writer) => writer.kind === 'prepared' || known.has(writer.transaction));
  }

  /** Runs a statement that needs a lock on one table. */
  async #lockTable(table: string, statement: string, modes: readonly string[], signal?: AbortSignal): Promise<void> {
    await withShortLock({
      signal,
      timeoutMs: this.#options.armTimeoutMs ?? 30_000,
      attempt: (lockTimeout) =>
        this.#use((session) =>
          this.#proven(session, async () => {
            await session.query(`SET LOCAL lock_timeout = '${lockTimeout}'`);
            await session.query(statement);
          }),
        ),
      holders: () => this.#use((session) => readHolders(session, { tables: [table], fence: '', modes })),
      blocked: (holders) => blocked(table, holders),
    });
  }

  /** What another run has closed stays so: with our fence in place of its own, applications could write there again. */
  async #refuseClosed(table: TableName, theirs: string): Promise<void> {
    const state = readState(await this.#use((session) => session.one(READ_MODE, [theirs])));
    if (state.kind === 'absent' || state.kind === 'open' || (state.kind === 'closed' && state.expired)) return;
    throw new MigrateError('FENCE.ARM', `${table.id} is closed by the fence of another run, ${theirs}`, {
      fix: 'That run moves the table or has moved it. Exclude it, or, when it is to be used again, take that fence off.',
    });
  }

  async #requireTriggers(session: Session): Promise<void> {
    const faults = await this.#faults(session);
    if (faults.length === 0) return;
    const names = faults.slice(0, 5).map(({ table, fault }) => `${table.id} (${fault})`);
    throw new MigrateError('FENCE.ARM', `the fence is not on ${names.join(', ')}`, {
      fix: 'Find out what removes or disables triggers on these tables; the run puts the fence back.',
    });
  }

  /** Tables on which the trigger is missing, switched off, or someone else's. */
  async #faults(session: Session): Promise<readonly TriggerFault[]> {
    const tables = this.#tables;
    if (tables === undefined) throw new MigrateError('FENCE.ARM', 'the fence has not been armed by this runner');
    // All of them, compared here: the planner knows nothing of triggers that were just made, and joined for each table anew.
    const rows = await session.query(
      `SELECT n.nspname, c.relname, t.tgenabled IN ('O', 'A') AND t.tgfoid = to_regprocedure($1) AS holds,
         nullif(t.tgfoid, to_regprocedure($1))::regprocedure::text AS theirs
       FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
       WHERE t.tgname = '${FENCE_TRIGGER}'`,
      [this.#call],
    );
    const triggers = new Map(
      rows.map((row) => [quoteTable({ schema: String(row.nspname), name: String(row.relname) }), row]),
    );
    return tables.flatMap((table): readonly TriggerFault[] => {
      const found = triggers.get(quoteTable(table));
      if (found?.holds === 't') return [];
      return [{ table, fault: found === undefined ? 'missing' : 'disabled', theirs: found?.theirs ?? undefined }];
    });
  }

  #read(session: Session): Promise<TextRow | undefined> {
    return session.one(READ_MODE, [this.#call]);
  }

  /** Replaces the function, one change at a time: a change whose reply was lost ends before the next one begins. */
  #change<T>(work: (session: Session) => Promise<T>): Promise<T> {
    return this.#use((session) =>
      this.#proven(session, async () => {
        await session.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [this.#call]);
        return work(session);
      }),
    );
  }

  #proven<T>(session: Session, work: () => Promise<T>): Promise<T> {
    return session.transaction(async () => {
      await proveLease(session, this.#options.claim);
      return work();
    });
  }

  #use<T>(work: (session: Session) => Promise<T>): Promise<T> {
    return this.#kept.use(async (session) => {
      const watch = setTimeout(() => session.destroy(new Error('no answer in time')), 2 * TIMEOUT_MS);
      try {
        return await work(session);
      } finally {
        clearTimeout(watch);
      }
    });
  }
}

function expired(): MigrateError {
  return new MigrateError('FENCE.EXPIRED', 'too little was left of the freeze to make the fence permanent');
}

function blocked(table: string, blockers: readonly Writer[]): MigrateError {
  const who = blockers.length === 0 ? 'sessions that come and go' : blockers.slice(0, 5).map(writerText).join(', ');
  return new MigrateError('FENCE.ARM', `${table} is held by ${who}`);
}
