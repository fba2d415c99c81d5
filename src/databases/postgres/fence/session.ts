// The fence's own connection. In a freeze nothing may hang: a server that does not answer a few-millisecond statement is
// taken for gone.

import type { LeaseClaim } from '../../lease-store.ts';
import type { PostgresServer, Session } from '../connection.ts';
import { KeptSession } from '../kept-session.ts';
import { proveLease } from '../lease-proof.ts';
import { fenceFunction } from './function.ts';

const TIMEOUT_MS = 5_000;

export class FenceSession {
  /** The fence's function, as triggers call it. */
  readonly call: string;
  /** Asked each time: the epoch is raised when what workers were given is taken back. */
  readonly #claim: () => LeaseClaim;
  readonly #kept: KeptSession;

  constructor(server: PostgresServer, claim: () => LeaseClaim, id: string) {
    this.call = `${fenceFunction(id)}()`;
    this.#claim = claim;
    const settings = { statement_timeout: `${TIMEOUT_MS}ms`, lock_timeout: `${TIMEOUT_MS}ms` };
    this.#kept = new KeptSession(server, { purpose: 'fence', settings });
  }

  use<T>(work: (session: Session) => Promise<T>): Promise<T> {
    return this.#kept.use(async (session) => {
      const watch = setTimeout(() => session.destroy(new Error('no answer in time')), 2 * TIMEOUT_MS);
      try {
        return await work(session);
      } finally {
        clearTimeout(watch);
      }
    });
  }

  /** One transaction that proves the lease before anything else. */
  transaction<T>(work: (session: Session) => Promise<T>): Promise<T> {
    return this.use((session) =>
      session.transaction(async () => {
        await proveLease(session, this.#claim());
        return work(session);
      }),
    );
  }

  /** Replaces the function, one change at a time: a change whose reply was lost ends before the next one begins. */
  change<T>(work: (session: Session) => Promise<T>): Promise<T> {
    return this.transaction(async (session) => {
      await session.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [this.call]);
      return work(session);
    });
  }
}
