// One session for all questions of one kind: opened when the first is asked, kept, and used by one call at a time.

import type { PostgresServer, Session, SessionOptions } from './connection.ts';

export class KeptSession {
  readonly #server: PostgresServer;
  readonly #options: SessionOptions;
  #session: Promise<Session> | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor(server: PostgresServer, options: SessionOptions) {
    this.#server = server;
    this.#options = options;
  }

  /**
   * Runs `work` when every call before it has ended. A call whose connection breaks fails, and is not repeated: what it did is
   * unknown. The next one opens another session.
   */
  use<T>(work: (session: Session) => Promise<T>): Promise<T> {
    const turn = this.#last.then(async () => work(await this.#open()));
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  /** Does not wait for a call that is under way: that one fails. Safe to call twice. */
  async close(): Promise<void> {
    const session = await this.#session?.catch(() => undefined);
    this.#session = undefined;
    await session?.close();
  }

  async #open(): Promise<Session> {
    const kept = await this.#session?.catch(() => undefined);
    if (kept !== undefined && !kept.broken) return kept;
    await this.close();
    this.#session = this.#server.session(this.#options);
    return this.#session;
  }
}
