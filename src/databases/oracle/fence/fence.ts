// The fence of an Oracle target: statement triggers that read one row. Nobody but the run writes to a closed table, so there are no
// writers to wait for: it is changed by changing the row. What it does not stop is what fires no triggers: TRUNCATE and other
// statements that define things, direct path loads, and the changes that a foreign key makes to the rows that refer to a
// changed one.

import { setTimeout as sleep } from 'node:timers/promises';
import { MigrateError } from '../../../lib/errors.ts';
import type { TableName } from '../../../model/table.ts';
import type { Fence, FenceState, Writer } from '../../fence.ts';
import type { LeaseClaim } from '../../lease-store.ts';
import type { OracleServer } from '../connection.ts';
import { oraCode } from '../errors.ts';
import { proveLease } from '../lease-proof.ts';
import { ensureTable, ownTable } from '../own-tables.ts';
import { preparePass } from '../pass.ts';
import { quoteName } from '../sql.ts';
import { execute, query, raw, sql } from '../statement.ts';
import { closeNew, defineProved, insertFence, readOwnTriggers } from './new.ts';
import { FENCE_SCHEMA, type FenceMode } from './text.ts';

export interface OracleFenceOptions {
  readonly server: OracleServer;
  readonly claim: () => LeaseClaim;
  /** The run's id: part of the triggers' names. */
  readonly id: string;
  /** How long to try for the lock on one table, in ms. Default 30 s. */
  readonly armTimeoutMs?: number;
  /** Told which table a trigger cannot be taken off, and null when it could. */
  readonly onWaiting?: (reason: string | null) => void;
}

const ABSENT = 942;
const NO_TRIGGER = 4080;
const LOCK_WAITS = new Set([54, 60, 4020, 4021, 30006]);

export class OracleFence implements Fence {
  readonly #options: OracleFenceOptions;

  constructor(options: OracleFenceOptions) {
    this.#options = options;
  }

  async arm(tables: readonly TableName[], _signal: AbortSignal): Promise<void> {
    const { id, claim } = this.#options;
    await this.#options.server.use(async (session) => {
      await ensureTable(session, FENCE_SCHEMA);
      await preparePass(session, claim().run);
      await session.transaction(async () => {
        await proveLease(session, claim());
        await insertFence(session, id, 'open');
      });
      await closeNew(session, { id, claim: claim() }, tables);
    });
  }

  async close(_budgetMs: number): Promise<void> {
    throw new MigrateError('INTERNAL.BUG', 'the fence of a target is never closed for a time');
  }

  /** Whoever could have written was there before the tables were. */
  async openWriters(_previous?: readonly Writer[]): Promise<readonly Writer[]> {
    return [];
  }

  async end(_writers: readonly Writer[]): Promise<void> {}

  permanent(_reserveMs?: number): Promise<void> {
    return this.#set('permanent');
  }

  async open(): Promise<void> {
    if ((await this.state()).kind !== 'absent') await this.#set('open');
  }

  async disarm(): Promise<void> {
    const { id, claim } = this.#options;
    for (const name of await this.#options.server.use((session) => readOwnTriggers(session, id)))
      await this.#drop(name);
    if ((await this.state()).kind === 'absent') return;
    await this.#options.server.use((session) =>
      session.transaction(async () => {
        await proveLease(session, claim());
        await execute(session, sql`DELETE FROM ${raw(ownTable('FENCE'))} WHERE "ID" = ${id}`);
      }),
    );
  }

  async state(): Promise<FenceState> {
    const { id } = this.#options;
    const [row] = await this.#options.server.use((session) =>
      query(session, sql`SELECT "MODE" FROM ${raw(ownTable('FENCE'))} WHERE "ID" = ${id}`).catch((error: unknown) => {
        if (oraCode(error) !== ABSENT) throw error;
        return [];
      }),
    );
    if (row === undefined) return { kind: 'absent' };
    return { kind: row[0] === 'open' ? 'open' : 'permanent' };
  }

  #set(mode: FenceMode): Promise<void> {
    const { id, claim } = this.#options;
    return this.#options.server.use((session) =>
      session.transaction(async () => {
        await proveLease(session, claim());
        await execute(session, sql`UPDATE ${raw(ownTable('FENCE'))} SET "MODE" = ${mode} WHERE "ID" = ${id}`);
      }),
    );
  }

  /** A trigger is taken off at a moment at which nobody writes to its table. */
  async #drop(name: string): Promise<void> {
    const { claim, armTimeoutMs = 30_000, onWaiting } = this.#options;
    const end = performance.now() + armTimeoutMs;
    for (let tries = 1; ; tries++) {
      try {
        await this.#options.server.use((session) => defineProved(session, claim(), `DROP TRIGGER ${quoteName(name)}`));
        if (tries > 1) onWaiting?.(null);
        return;
      } catch (error) {
        const code = oraCode(error) ?? 0;
        if (code === NO_TRIGGER) return;
        if (!LOCK_WAITS.has(code) || performance.now() > end) throw error;
        onWaiting?.(`the fence waits for the lock on a table that trigger ${name} is taken off`);
      }
      // Whoever came after us waited as long as we did: they go first.
      await sleep(200 + Math.random() * 300);
    }
  }
}
