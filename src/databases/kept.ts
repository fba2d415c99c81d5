// One session for all questions of one kind: opened when the first is asked, kept, and used by one call at a time.

/** A session of any database. */
export interface Keepable {
  /** True when no further statement can succeed. */
  readonly broken: boolean;
  close(): void | Promise<void>;
}

export class Kept<S extends Keepable> {
  readonly #openSession: () => Promise<S>;
  #session: Promise<S> | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor(open: () => Promise<S>) {
    this.#openSession = open;
  }

  /**
   * Runs `work` when every call before it has ended. A call whose connection breaks fails, and is not repeated: what it did is
   * unknown. The next one opens another session.
   */
  use<T>(work: (session: S) => Promise<T>): Promise<T> {
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

  async #open(): Promise<S> {
    const kept = await this.#session?.catch(() => undefined);
    if (kept !== undefined && !kept.broken) return kept;
    await this.close();
    this.#session = this.#openSession();
    return this.#session;
  }
}
