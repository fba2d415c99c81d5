// Cuts the bytes of a replication connection into its messages. The driver makes several objects of every message, which
// is much of what reading a log of small changes costs, and grows a large one by doubling; here a change is decoded where
// it lies in the received block, and a message in several blocks gets its room once.

import type { EventEmitter } from 'node:events';

export interface FrameHandler {
  /** A block of so many bytes has arrived. */
  block(bytes: number): void;
  /** The content of a CopyData message lies in `bytes` from `start` to `end`; valid during the call only. */
  copyData(bytes: Buffer, start: number, end: number): void;
}

const COPY_DATA = 0x64; // d
/** The kind of a message, then its length including the length itself. */
const HEADER = 5;

/**
 * Takes over what arrives on an idle connection, between two messages: CopyData goes to the handler, every other message
 * to whoever listened before.
 */
export function takeFrames(stream: EventEmitter, handler: FrameHandler): void {
  const others = stream.listeners('data') as ((bytes: Buffer) => void)[];
  stream.removeAllListeners('data');
  const rest = new Rest();
  const pass = (bytes: Buffer, start: number, end: number): void => {
    if (bytes[start] === COPY_DATA) handler.copyData(bytes, start + HEADER, end);
    else for (const other of others) other(bytes.subarray(start, end));
  };
  stream.on('data', (block: Buffer) => {
    handler.block(block.length);
    let at = 0;
    while (at < block.length) {
      const end = rest.isEmpty ? endOfMessage(block, at) : undefined;
      if (end !== undefined && end <= block.length) {
        pass(block, at, end);
        at = end;
        continue;
      }
      at = rest.fill(block, at);
      const whole = rest.take();
      if (whole !== undefined) pass(whole, 0, whole.length);
    }
  });
}

/** Where the message that starts at `at` ends; undefined while its header is not all there. */
function endOfMessage(block: Buffer, at: number): number | undefined {
  return block.length - at < HEADER ? undefined : at + 1 + block.readUInt32BE(at + 1);
}

/** A message that is spread over several blocks. */
class Rest {
  #bytes: Buffer = Buffer.allocUnsafe(HEADER);
  #filled = 0;

  get isEmpty(): boolean {
    return this.#filled === 0;
  }

  /** Takes what is missing of the header, then of the message; returns where the block goes on. */
  fill(block: Buffer, at: number): number {
    const count = Math.min(this.#bytes.length - this.#filled, block.length - at);
    block.copy(this.#bytes, this.#filled, at, at + count);
    this.#filled += count;
    const end = this.#filled === HEADER ? endOfMessage(this.#bytes, 0) : undefined;
    if (end !== undefined && end > this.#bytes.length) {
      const header = this.#bytes;
      this.#bytes = Buffer.allocUnsafe(end);
      header.copy(this.#bytes);
    }
    return at + count;
  }

  /** The message, once it is whole. */
  take(): Buffer | undefined {
    if (this.#filled < this.#bytes.length || endOfMessage(this.#bytes, 0) !== this.#filled) return undefined;
    const bytes = this.#bytes;
    this.#bytes = Buffer.allocUnsafe(HEADER);
    this.#filled = 0;
    return bytes;
  }
}
