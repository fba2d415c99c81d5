// A change of a fence's row on its way, in a session of its own. Everybody who has written, or was refused, holds the row until
// his transaction ends: the change waits for them by itself, while newcomers queue behind it.

import { MigrateError } from '../../../lib/errors.ts';
import type { MysqlSession } from '../connection.ts';
import { serverErrno } from '../errors.ts';
import { proveLease } from '../lease-proof.ts';
import { endSession } from './holders.ts';
import { type FenceSession, IDLE_IN_TRANSACTION, openFenceSession } from './session.ts';

const DEADLOCK = 1213;

export interface FenceChangeOptions {
  readonly session: FenceSession;
  /** Finds one row, or what it is to change has changed meanwhile. */
  readonly update: string;
  /** How long to wait, in ms; the server counts whole seconds. */
  readonly patienceMs: number;
}

export class FenceChange {
  /** The session that waits. */
  readonly waiting: number;
  /** Resolves when the change is committed; rejects when nothing was changed. */
  readonly done: Promise<void>;
  readonly #session: MysqlSession;
  #settled = false;

  private constructor(session: MysqlSession, options: FenceChangeOptions) {
    this.#session = session;
    this.waiting = session.id;
    this.done = change(session, options).finally(() => {
      this.#settled = true;
      session.close();
    });
    this.done.catch(() => undefined);
  }

  static async begin(options: FenceChangeOptions): Promise<FenceChange> {
    return new FenceChange(await openFenceSession(options.session.server), options);
  }

  get settled(): boolean {
    return this.#settled;
  }

  /** Takes it back if it still waits. The server ends a waiting session only when it is told to; `through` is another one. */
  async cancel(through: MysqlSession): Promise<void> {
    if (this.#settled) return;
    await endSession(through, this.waiting);
    this.#session.close();
    await this.done.catch(() => undefined);
  }
}

async function change(session: MysqlSession, options: FenceChangeOptions): Promise<void> {
  const { update, patienceMs } = options;
  const end = performance.now() + patienceMs;
  await session.query(IDLE_IN_TRANSACTION);
  for (;;) {
    const seconds = Math.max(1, Math.ceil((end - performance.now()) / 1_000));
    await session.query(`SET SESSION innodb_lock_wait_timeout = ${seconds}, lock_wait_timeout = ${seconds}`);
    try {
      // Not one statement: when the runner dies meanwhile, the server takes back what nobody commits.
      await session.transaction(async () => {
        await proveLease(session, options.session.claim);
        if ((await session.execute(update)) !== 1)
          throw new MigrateError('INTERNAL.BUG', 'the fence is not in a state that can be changed so');
      });
      return;
    } catch (error) {
      // A writer waits for somebody who waits behind us.
      if (serverErrno(error) !== DEADLOCK || performance.now() > end) throw error;
    }
  }
}
