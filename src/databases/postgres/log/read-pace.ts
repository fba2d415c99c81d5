// How long to let what the server sends gather before it is read. The server sends every message by itself; whoever reads
// each as it comes is woken for each and holds up the server's next, which is half of what a backlog of small
// transactions costs both. While little comes the rests are short, because then they are lag.

/** Node reads at most so many bytes at a time: with fewer there was nothing more to read. */
const FULL_BLOCK = 65_536;
const SHORTEST_MS = 1;
const LONGEST_MS = 20;
/** What a rest should gather, in bytes: more than fits into one block, less than the buffers of both sides hold. */
const ENOUGH = 1024 * 1024;

export class ReadPace {
  #restMs = SHORTEST_MS;
  /** Read since the last rest. */
  #gathered = 0;

  /** To be told of every block; returns for how many ms not to read now, 0 to go on. */
  after(bytes: number): number {
    this.#gathered += bytes;
    if (bytes >= FULL_BLOCK) return 0;
    if (this.#gathered < FULL_BLOCK || this.#gathered > ENOUGH) this.#restMs = Math.max(SHORTEST_MS, this.#restMs / 2);
    else this.#restMs = Math.min(LONGEST_MS, this.#restMs * 2);
    this.#gathered = 0;
    return this.#restMs;
  }
}
