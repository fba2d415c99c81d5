// Cuts what a connection sends into messages. A message is one packet, or several when it has 16 MB and more; it is handed
// out in the pieces in which it arrives, so that nobody has to hold a large one.

const HEAD = 4;
/** A packet of this length is continued by the next one. */
const CONTINUED = 0xff_ffff;
const NOTHING = Buffer.alloc(0);

/** The current piece lies in `bytes` from `at` to `end`. */
export class Packets {
  bytes: Buffer = NOTHING;
  at = 0;
  end = 0;
  /** It begins a message. */
  isFirst = true;
  /** It ends one. */
  isLast = true;
  /** What was not looked at yet begins here. */
  #next = 0;
  /** Bytes of the current packet that did not arrive yet. */
  #left = 0;
  #isContinued = false;
  /** The next piece is the first of its message. */
  #begins = true;
  /** A head of which only a part has arrived. */
  readonly #head = Buffer.alloc(HEAD);
  #headBytes = 0;

  /** Every piece of what was added before must have been taken. */
  add(chunk: Buffer): void {
    this.bytes = chunk;
    this.#next = 0;
  }

  /** Moves on to the next piece; false when there is none. */
  take(): boolean {
    if (this.#left === 0) {
      // What follows a packet of the longest length belongs to it, even if that is nothing.
      const begins = !this.#isContinued;
      if (!this.#readHead()) return false;
      this.#begins = begins;
    }
    const { length } = this.bytes;
    if (this.#next === length && this.#left > 0) return false;
    this.at = this.#next;
    this.end = Math.min(length, this.#next + this.#left);
    this.#left -= this.end - this.at;
    this.#next = this.end;
    this.isFirst = this.#begins;
    this.#begins = false;
    this.isLast = this.#left === 0 && !this.#isContinued;
    return true;
  }

  #readHead(): boolean {
    const { bytes } = this;
    let length: number;
    if (this.#headBytes === 0 && bytes.length - this.#next >= HEAD) {
      length = bytes.readUIntLE(this.#next, 3);
      this.#next += HEAD;
    } else {
      const copied = bytes.copy(this.#head, this.#headBytes, this.#next, this.#next + HEAD - this.#headBytes);
      this.#next += copied;
      this.#headBytes += copied;
      if (this.#headBytes < HEAD) return false;
      this.#headBytes = 0;
      length = this.#head.readUIntLE(0, 3);
    }
    this.#left = length;
    this.#isContinued = length === CONTINUED;
    return true;
  }
}
