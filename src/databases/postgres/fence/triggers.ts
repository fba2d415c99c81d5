// The fence's triggers: put on the tables before the cutover, required when it closes, and taken off again.

import { MigrateError } from '../../../lib/errors.ts';
import type { TableName } from '../../../model/table.ts';
import type { Session } from '../connection.ts';
import { CREATE_BLOCKERS, DROP_BLOCKERS, holdersText, readHolders } from '../lock-holders.ts';
import { withShortLock } from '../short-lock.ts';
import { quoteTable } from '../sql.ts';
import { FENCE_TRIGGER, READ_MODE, readState, triggerStatement } from './function.ts';
import type { FenceSession } from './session.ts';

export interface FenceTriggersOptions {
  readonly session: FenceSession;
  /** The run's id: part of the function's name. */
  readonly id: string;
  /** How long to try for the lock on one table. */
  readonly lockTimeoutMs: number;
  /** Told who holds a table that a trigger is to be put on or taken off, and null when nobody does any more. */
  readonly onWaiting?: (reason: string | null) => void;
}

interface TriggerFault {
  readonly table: TableName;
  readonly fault: 'missing' | 'disabled';
  /** The function that the trigger calls, when it is not this run's. */
  readonly theirs: string | undefined;
}

export class FenceTriggers {
  readonly #options: FenceTriggersOptions;

  constructor(options: FenceTriggersOptions) {
    this.#options = options;
  }

  /** Puts them where they are not, table by table. The function must be there. */
  async put(tables: readonly TableName[], signal: AbortSignal): Promise<void> {
    const { id, session } = this.#options;
    for (const { table, fault, theirs } of await session.use((open) => this.#faults(open, tables))) {
      if (theirs !== undefined) await this.#refuseClosed(table, theirs);
      const statement = triggerStatement(id, table);
      const again = `DROP TRIGGER ${FENCE_TRIGGER} ON ${quoteTable(table)}; ${statement}`;
      await this.#lockTable(quoteTable(table), fault === 'missing' ? statement : again, CREATE_BLOCKERS, signal);
    }
  }

  /** Rejects with FENCE.ARM when a table is not fenced. Within the caller's transaction. */
  async require(open: Session, tables: readonly TableName[]): Promise<void> {
    const faults = await this.#faults(open, tables);
    if (faults.length === 0) return;
    const names = faults.slice(0, 5).map(({ table, fault }) => `${table.id} (${fault})`);
    throw new MigrateError('FENCE.ARM', `the fence is not on ${names.join(', ')}`, {
      fix: 'Find out what removes or disables triggers on these tables; the run puts the fence back.',
    });
  }

  /** From every table that has one of this run, whoever put it there. */
  async remove(): Promise<void> {
    const { session } = this.#options;
    const armed = await session.use((open) =>
      open.query(
        `SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname) AS name FROM pg_trigger t
         JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE t.tgfoid = to_regprocedure($1) ORDER BY 1`,
        [session.call],
      ),
    );
    for (const { name } of armed) {
      const table = String(name);
      await this.#lockTable(table, `DROP TRIGGER IF EXISTS ${FENCE_TRIGGER} ON ${table}`, DROP_BLOCKERS);
    }
  }

  /** Runs a statement that needs a lock on one table. */
  async #lockTable(table: string, statement: string, modes: readonly string[], signal?: AbortSignal): Promise<void> {
    const { session, lockTimeoutMs, onWaiting } = this.#options;
    let told = false;
    await withShortLock({
      signal,
      timeoutMs: lockTimeoutMs,
      onHeld: (holders) => {
        told = true;
        onWaiting?.(`the fence waits for a lock on ${table}: it is held by ${holdersText(holders)}`);
      },
      attempt: (lockTimeout) =>
        session.transaction(async (open) => {
          await open.query(`SET LOCAL lock_timeout = '${lockTimeout}'`);
          await open.query(statement);
        }),
      holders: () => session.use((open) => readHolders(open, { tables: [table], fence: '', modes })),
      blocked: (holders) => new MigrateError('FENCE.ARM', `${table} is held by ${holdersText(holders)}`),
    });
    if (told) onWaiting?.(null);
  }

  /** What another run has closed stays so: with our fence in place of its own, applications could write there again. */
  async #refuseClosed(table: TableName, theirs: string): Promise<void> {
    const state = readState(await this.#options.session.use((open) => open.one(READ_MODE, [theirs])));
    if (state.kind === 'absent' || state.kind === 'open' || (state.kind === 'closed' && state.expired)) return;
    throw new MigrateError('FENCE.ARM', `${table.id} is closed by the fence of another run, ${theirs}`, {
      fix: 'That run moves the table or has moved it. Exclude it, or, when it is to be used again, take that fence off.',
    });
  }

  /** Tables on which the trigger is missing, switched off, or someone else's. */
  async #faults(open: Session, tables: readonly TableName[]): Promise<readonly TriggerFault[]> {
    // All of them, compared here: the planner knows nothing of triggers that were just made, and joined for each table anew.
    const rows = await open.query(
      `SELECT n.nspname, c.relname, t.tgenabled IN ('O', 'A') AND t.tgfoid = to_regprocedure($1) AS holds,
         nullif(t.tgfoid, to_regprocedure($1))::regprocedure::text AS theirs
       FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
       WHERE t.tgname = '${FENCE_TRIGGER}'`,
      [this.#options.session.call],
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
}
