// One after the other: who comes while another is at work waits for its turn, in the order of coming.

export class Turns {
  #last: Promise<unknown> = Promise.resolve();

  /** Resolves and rejects as `work` does; what became of those before makes no difference. */
  take<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#last.then(work);
    this.#last = mine.catch(() => undefined);
    return mine;
  }
}
