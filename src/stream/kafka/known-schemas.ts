// The schemas that stand in front of messages which carry them: of each table and kind the same, and several times as long as what
// follows. One that was met before is recognized as a whole, and not read again.

const BEGIN = Buffer.from('{"schema":');
const CLOSE = 0x7d;
/** Beyond, the ones learned first are given up: an unknown one is read, which only takes longer. */
const MOST = 64;

export class KnownSchemas {
  /** The messages' bytes up to what follows the schema. */
  readonly #heads: Buffer[] = [];
  #oldest = 0;

  /** Where what follows the schema begins, which then ends one byte before the message does; 0 when the schema is not known. */
  end(message: Buffer): number {
    if (message[2] !== BEGIN[2] || message.at(-1) !== CLOSE) return 0;
    for (const head of this.#heads) {
      const { length } = head;
      if (length < message.length && message.compare(head, 0, length, 0, length) === 0) return length;
    }
    return 0;
  }

  /** What follows the schema stands from `start` to `end`. */
  learn(message: Buffer, start: number, end: number): void {
    // Only when it is the last member, and the schema the first one.
    if (end !== message.length - 1 || message.compare(BEGIN, 0, BEGIN.length, 0, BEGIN.length) !== 0) return;
    this.#heads[this.#oldest] = Buffer.from(message.subarray(0, start));
    this.#oldest = (this.#oldest + 1) % MOST;
  }
}
