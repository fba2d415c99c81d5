// A latch: work that asks first waits while anyone holds it.

/** What asks before it goes on. */
export interface Passage {
  /** Resolves at once when nothing holds, else when the last hold is released. Rejects with the signal's reason. */
  pass(signal: AbortSignal): Promise<void>;
  /** What was done after it passed; where it costs nothing, nobody has to be told. */
  spent?(work: Work): void;
}

export interface Work {
  readonly rows: number;
  readonly bytes: number;
  /** When it was begun, as performance.now() has it. */
  readonly sinceMs: number;
}

export class Gate implements Passage {
  readonly #holds = new Map<string, string>();
  readonly #run: Gate | undefined;
  #opened: (() => void)[] = [];
  #heldMs = 0;
  #heldAtMs: number | undefined;

  /** `run`: the gate of everything, which is passed first. */
  constructor(run?: Gate) {
    this.#run = run;
  }

  /** Why the gate is held, in the order the holds were made; empty when open. */
  get reasons(): readonly string[] {
    return [...(this.#run?.reasons ?? []), ...this.#holds.values()];
  }

  /** For how long it was held so far. */
  get heldMs(): number {
    return this.#heldMs + (this.#heldAtMs === undefined ? 0 : performance.now() - this.#heldAtMs);
  }

  /** Each holder has one hold; `reason` is what people are told. */
  hold(holder: string, reason = holder): void {
    this.#heldAtMs ??= performance.now();
    this.#holds.set(holder, reason);
  }

  release(holder: string): void {
    this.#holds.delete(holder);
    if (this.#holds.size > 0) return;
    this.#heldMs = this.heldMs;
    this.#heldAtMs = undefined;
    const opened = this.#opened;
    this.#opened = [];
    for (const resolve of opened) resolve();
  }

  spent(_work: Work): void {}

  async pass(signal: AbortSignal): Promise<void> {
    do {
      await this.#run?.pass(signal);
      await this.#wait(signal);
      // While one was waited for the other may have closed.
    } while (this.reasons.length > 0);
  }

  async #wait(signal: AbortSignal): Promise<void> {
    while (this.#holds.size > 0) {
      signal.throwIfAborted();
      await new Promise<void>((resolve, reject) => {
        const abort = (): void => reject(signal.reason);
        signal.addEventListener('abort', abort, { once: true });
        this.#opened.push(() => {
          signal.removeEventListener('abort', abort);
          resolve();
        });
      });
    }
  }
}
