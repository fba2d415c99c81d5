// The fence of PostgreSQL: statement triggers, put on the tables before the cutover, that call one function. Replacing
// the function closes or opens every table at one commit, without any table lock. It stops superusers, COPY, TRUNCATE,
// cascades, prepared statements and transactions with an older snapshot alike; only replica-role sessions pass.

import { setTimeout as sleep } from 'node:timers/promises';
import { MigrateError } from '../../../lib/errors.ts';
import { failpoint } from '../../../lib/failpoint.ts';
import type { TableName } from '../../../model/table.ts';
import type { Fence, FenceState, Writer } from '../../fence.ts';
import type { LeaseClaim } from '../../lease-store.ts';
import type { PostgresServer, Session, TextRow } from '../connection.ts';
import { readHolders, WRITE_MODES } from '../lock-holders.ts';
import { quoteTable } from '../sql.ts';
import { type FenceMode, functionStatement, READ_MODE, readState } from './function.ts';
import { FenceSession } from './session.ts';
import { FenceTriggers } from './triggers.ts';

export interface PostgresFenceOptions {
  readonly server: PostgresServer;
  readonly claim: () => LeaseClaim;
  /** The run's id: part of the function's name. */
  readonly id: string;
  /** The captured tables, where known before `arm`. */
  readonly tables?: readonly TableName[];
  /** How long to try for the lock on one table. */
  readonly armTimeoutMs?: number;
  /** As in FenceTriggersOptions. */
  readonly onWaiting?: (reason: string | null) => void;
}

export class PostgresFence implements Fence {
  readonly #id: string;
  readonly #session: FenceSession;
  readonly #triggers: FenceTriggers;
  #tables: readonly TableName[] | undefined;

  constructor({ server, claim, id, tables, armTimeoutMs = 30_000, onWaiting }: PostgresFenceOptions) {
    this.#id = id;
    this.#tables = tables;
    this.#session = new FenceSession(server, claim, id);
    this.#triggers = new FenceTriggers({
      session: this.#session,
      id,
      lockTimeoutMs: armTimeoutMs,
      ...(onWaiting === undefined ? {} : { onWaiting }),
    });
  }

  async arm(tables: readonly TableName[], signal: AbortSignal): Promise<void> {
    this.#tables = tables;
    await this.#session.change(async (session) => {
      if ((await this.#read(session)) === undefined) await this.#set(session, 'open');
    });
    await this.#triggers.put(tables, signal);
  }

  async close(budgetMs: number): Promise<void> {
    await this.#session.change(async (session) => {
      await this.#requireTriggers(session);
      if ((await this.#read(session))?.mode === 'permanent') {
        throw new MigrateError('INTERNAL.BUG', 'a permanent fence must not be given a deadline');
      }
      const row = await session.one(`SELECT (clock_timestamp() + $1::float8 * interval '1 ms')::text AS until`, [
        budgetMs,
      ]);
      await this.#set(session, { until: String(row?.until) });
    });
  }

  openWriters(previous?: readonly Writer[]): Promise<readonly Writer[]> {
    return this.#session.use((session) => this.#writers(session, previous));
  }

  async end(writers: readonly Writer[]): Promise<void> {
    const sessions = writers.filter((writer) => writer.kind === 'session');
    await this.#session.transaction(async (session) => {
      for (const { id, transaction } of sessions) {
        // Only while it is still that transaction: the session may have gone on to other work.
        await session.query(
          `SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'virtualxid' AND pid = $1 AND virtualxid = $2`,
          [id, transaction],
        );
      }
    });
  }

  async permanent(reserveMs?: number): Promise<void> {
    if (reserveMs === undefined) {
      await this.#session.change((session) => this.#set(session, 'permanent'));
      return;
    }
    // First in force without being called permanent: should the commit come so late that the old fence had opened by
    // itself, or the runner die before it knows, whoever looks later finds no permanent fence and opens it.
    const until = await this.#session.change(async (session) => {
      const current = await this.#read(session);
      if (current?.mode === 'permanent') return undefined;
      await this.#requireTriggers(session);
      if (current?.mode !== 'closed' || Number(current.remaining_ms) < reserveMs) throw expired();
      await this.#set(session, 'pending');
      return String(current.until);
    });
    if (until === undefined) return;
    await this.#waitForLateReaders(until);
    await failpoint('cutover.pending');
    await this.#session.change(async (session) => {
      if ((await this.#read(session))?.mode !== 'pending') throw expired();
      await this.#set(session, 'permanent');
    });
  }

  async open(): Promise<void> {
    await this.#session.change(async (session) => {
      if ((await this.#read(session)) !== undefined) await this.#set(session, 'open');
    });
  }

  async disarm(): Promise<void> {
    await this.#triggers.remove();
    await this.#session.change((session) => session.query(`DROP FUNCTION IF EXISTS ${this.#session.call}`));
  }

  async state(): Promise<FenceState> {
    return readState(await this.#session.use((session) => this.#read(session)));
  }

  /**
   * A statement that locked its table before the replacement may still run the old function, which opens at the
   * deadline: such transactions must be gone before it.
   */
  async #waitForLateReaders(until: string): Promise<void> {
    let late: readonly Writer[] | undefined;
    do {
      if (late !== undefined) await sleep(5);
      late = await this.#session.use((session) => this.#writers(session, late));
      // The clock is read after the locks: what was seen was so before this moment.
      const row = await this.#session.use((session) =>
        session.one('SELECT clock_timestamp() < $1::timestamptz AS intime', [until]),
      );
      if (row?.intime !== 't') throw expired();
    } while (late.length > 0);
  }

  async #writers(session: Session, previous?: readonly Writer[]): Promise<readonly Writer[]> {
    const tables = (this.#tables ?? []).map(quoteTable);
    const writers = await readHolders(session, { tables, fence: this.#session.call, modes: WRITE_MODES });
    if (previous === undefined) return writers;
    const known = new Set(previous.map((writer) => writer.transaction));
    // What is prepared wrote before the fence closed, whatever it was called when it was seen first.
    return writers.filter((writer) => writer.kind === 'prepared' || known.has(writer.transaction));
  }

  #requireTriggers(session: Session): Promise<void> {
    if (this.#tables === undefined) throw new MigrateError('FENCE.ARM', 'the fence has not been armed by this runner');
    return this.#triggers.require(session, this.#tables);
  }

  #read(session: Session): Promise<TextRow | undefined> {
    return session.one(READ_MODE, [this.#session.call]);
  }

  async #set(session: Session, mode: FenceMode): Promise<void> {
    await session.query(functionStatement(this.#id, mode));
  }
}

function expired(): MigrateError {
  return new MigrateError('FENCE.EXPIRED', 'too little was left of the freeze to make the fence permanent');
}
