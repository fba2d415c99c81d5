// The fence's own connection. A lock on the fence's rows stops every application, so nothing of it may outlive a network that
// failed: the server ends an idle transaction, and a server that does not answer is taken for gone.

import { Kept } from '../../kept.ts';
import type { LeaseClaim } from '../../lease-store.ts';
import type { MysqlServer, MysqlSession } from '../connection.ts';
import { proveLease } from '../lease-proof.ts';

const ANSWER_MS = 10_000;

/** How long the server waits for the next statement of a transaction. */
export const IDLE_IN_TRANSACTION = 'SET SESSION wait_timeout = 10';
const IDLE = 'SET SESSION wait_timeout = 2147483';

/** For a session that asks for locks on the rows of a fence, or on tables. */
export const FENCE_SETTINGS: readonly string[] = [
  'SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED',
  'SET SESSION lock_wait_timeout = 1, innodb_lock_wait_timeout = 1',
];

export class FenceSession {
  readonly server: MysqlServer;
  readonly #claim: () => LeaseClaim;
  readonly #kept: Kept<MysqlSession>;

  constructor(server: MysqlServer, claim: () => LeaseClaim) {
    this.server = server;
    this.#claim = claim;
    this.#kept = new Kept(() => openFenceSession(server));
  }

  /** As of now: the epoch is raised when what workers were given is taken back. */
  get claim(): LeaseClaim {
    return this.#claim();
  }

  use<T>(work: (session: MysqlSession) => Promise<T>): Promise<T> {
    return this.#kept.use(async (session) => {
      const watch = setTimeout(() => session.close(), ANSWER_MS);
      try {
        return await work(session);
      } finally {
        clearTimeout(watch);
      }
    });
  }

  /** One transaction that proves the lease before anything else. Waits a second for a lock, then rejects with *.TRANSIENT. */
  change<T>(work: (session: MysqlSession) => Promise<T>): Promise<T> {
    return this.use(async (session) => {
      await session.query(IDLE_IN_TRANSACTION);
      const result = await session.transaction(async () => {
        await proveLease(session, this.claim);
        return work(session);
      });
      await session.query(IDLE);
      return result;
    });
  }

  /** A statement that commits by itself: the lease is proved just before. Waits a second for a lock on its table. */
  define(statement: string): Promise<void> {
    return this.use((session) => defineProved(session, this.claim, statement));
  }
}

export async function openFenceSession(server: MysqlServer): Promise<MysqlSession> {
  const session = await server.session();
  try {
    for (const setting of FENCE_SETTINGS) await session.query(setting);
    return session;
  } catch (error) {
    session.close();
    throw error;
  }
}

export async function defineProved(session: MysqlSession, claim: LeaseClaim, statement: string): Promise<void> {
  await session.transaction(() => proveLease(session, claim));
  await session.query(statement);
}
