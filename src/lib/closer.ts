// Cleanup in reverse order of opening. The first failure is reported after everything was closed.

export class Closer {
  readonly #releases: (() => Promise<void> | void)[] = [];

  /** Remembers how to undo what was just opened. */
  add(release: () => Promise<void> | void): void {
    this.#releases.push(release);
  }

  /** Opens something and remembers to close it. */
  async open<T extends { close(): Promise<void> }>(opening: Promise<T>): Promise<T> {
    const opened = await opening;
    this.add(() => opened.close());
    return opened;
  }

  /** Closes everything, last first. Safe to call twice. */
  async close(): Promise<void> {
    let first: unknown;
    for (let release = this.#releases.pop(); release !== undefined; release = this.#releases.pop()) {
      try {
        await release();
      } catch (error) {
        first ??= error;
      }
    }
    if (first !== undefined) throw first;
  }
}
