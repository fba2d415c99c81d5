// How long this process' own commits take: what every account can know of how quickly the server writes its redo log.

export class CommitTimes {
  /** When each that is under way was begun. */
  readonly #begun = new Map<symbol, number>();
  #ended = 0;
  #endedMs = 0;

  /** Call what it returns when the server has answered, or never will. */
  begin(): () => void {
    const id = Symbol();
    const at = performance.now();
    this.#begun.set(id, at);
    return () => {
      if (!this.#begun.delete(id)) return;
      this.#ended += 1;
      this.#endedMs += performance.now() - at;
    };
  }

  /**
   * The mean, in ms, of the commits that have ended since the last call, and of those that are under way with what they have taken so
   * far. 0 when there were none: nothing is slow that is not used.
   */
  take(): number {
    const now = performance.now();
    const waiting = [...this.#begun.values()].reduce((sum, at) => sum + now - at, 0);
    const count = this.#ended + this.#begun.size;
    const mean = count === 0 ? 0 : (this.#endedMs + waiting) / count;
    this.#ended = 0;
    this.#endedMs = 0;
    return mean;
  }
}
