// The pause latch of a run: work that asks first waits while anyone holds the gate.

export class Gate {
  readonly #reasons = new Set<string>();
  #opened: (() => void)[] = [];

  /** Why the gate is held, in the order the holds were made; empty when open. */
  get reasons(): readonly string[] {
    return [...this.#reasons];
  }

  hold(reason: string): void {
    this.#reasons.add(reason);
  }

  release(reason: string): void {
    this.#reasons.delete(reason);
    if (this.#reasons.size > 0) return;
    const opened = this.#opened;
    this.#opened = [];
    for (const resolve of opened) resolve();
  }

  /** Resolves at once when open, else when the last hold is released. Rejects with the signal's reason. */
  async pass(signal: AbortSignal): Promise<void> {
    while (this.#reasons.size > 0) {
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
