// Lines of COPY's text form, collected in blocks.

import { type RowForm, writeHex } from './row-packets.ts';

const BLOCK_BYTES = 1 << 17;
/** Several blocks share one piece of memory: the collector is called by how much there is of it. */
const ARENA_BYTES = 1 << 20;
const LARGE_ARENA = 1 << 24;
const TAB = 0x09;
const NEWLINE = 0x0a;
const RETURN = 0x0d;
const BACKSLASH = 0x5c;
const ASCII = 0x7f;
/** Letters of what is escaped. */
const LETTERS: Readonly<Record<number, number>> = {
  [TAB]: 0x74,
  [NEWLINE]: 0x6e,
  [RETURN]: 0x72,
  [BACKSLASH]: BACKSLASH,
};
const NULL = Buffer.from('\\N');
/** From this length on a native copy is faster than byte after byte. */
const LONG_BYTES = 64;

export class CopyLines implements RowForm {
  readonly #pass: (block: Buffer) => void;
  readonly #escapes = new NextEscapes();
  #arena = Buffer.allocUnsafe(ARENA_BYTES);
  /** Where the block under way begins. */
  #begin = 0;
  #at = 0;
  #rows = 0;

  /** `pass` takes a block of whole lines, which is its own from then on. */
  constructor(pass: (block: Buffer) => void) {
    this.#pass = pass;
  }

  /** How many lines there were. */
  get rows(): number {
    return this.#rows;
  }

  begin(): void {
    this.#rows++;
  }

  null(index: number): void {
    this.#separate(index, NULL.length);
    this.#at += NULL.copy(this.#arena, this.#at);
  }

  text(index: number, text: string): void {
    // Every character may need two bytes.
    this.#separate(index, 2 * text.length);
    const arena = this.#arena;
    let at = this.#at;
    for (let from = 0; from < text.length; from++) {
      const code = text.charCodeAt(from);
      if (code > ASCII) {
        const bytes = Buffer.from(text, 'utf8');
        this.#make(2 * bytes.length);
        this.#write(bytes, 0, bytes.length);
        return;
      }
      if (code === BACKSLASH || (code <= RETURN && LETTERS[code] !== undefined)) {
        arena[at++] = BACKSLASH;
        arena[at++] = LETTERS[code] ?? code;
      } else arena[at++] = code;
    }
    this.#at = at;
  }

  bytes(index: number, bytes: Buffer, start: number, end: number): void {
    this.#separate(index, 2 * (end - start));
    if (end - start >= LONG_BYTES && !this.#escapes.isWithin(bytes, start, end)) {
      this.#at += bytes.copy(this.#arena, this.#at, start, end);
    } else this.#write(bytes, start, end);
  }

  hex(index: number, prefix: string, bytes: Buffer, start: number, end: number): void {
    this.text(index, prefix);
    this.#make(2 * (end - start));
    this.#at = writeHex(this.#arena, this.#at, bytes, start, end);
  }

  end(): void {
    this.#make(1);
    this.#arena[this.#at++] = NEWLINE;
    if (this.#at - this.#begin >= BLOCK_BYTES) this.flush();
  }

  flush(): void {
    if (this.#at === this.#begin) return;
    const full = this.#arena.subarray(this.#begin, this.#at);
    this.#begin = this.#at;
    // A large row is not kept for the small ones that follow.
    if (this.#arena.length > LARGE_ARENA) this.#renew(ARENA_BYTES);
    this.#pass(full);
  }

  #write(bytes: Buffer, start: number, end: number): void {
    const arena = this.#arena;
    let at = this.#at;
    for (let from = start; from < end; from++) {
      const byte = bytes[from] ?? 0;
      if (byte === BACKSLASH || (byte <= RETURN && LETTERS[byte] !== undefined)) {
        arena[at++] = BACKSLASH;
        arena[at++] = LETTERS[byte] ?? byte;
      } else arena[at++] = byte;
    }
    this.#at = at;
  }

  #separate(index: number, length: number): void {
    this.#make(length + 1);
    if (index > 0) this.#arena[this.#at++] = TAB;
  }

  #make(room: number): void {
    if (this.#at + room <= this.#arena.length) return;
    this.#renew(Math.max(ARENA_BYTES, 2 * (this.#at - this.#begin + room)));
  }

  /** With what is begun. */
  #renew(size: number): void {
    const begun = this.#at - this.#begin;
    const next = Buffer.allocUnsafe(size);
    this.#arena.copy(next, 0, this.#begin, this.#at);
    this.#arena = next;
    this.#begin = 0;
    this.#at = begun;
  }
}

/** Where in a buffer the next bytes are that need an escape: looked for natively, and once, however many values there are. */
class NextEscapes {
  #bytes: Buffer | undefined;
  #asked = 0;
  readonly #next = [TAB, NEWLINE, RETURN, BACKSLASH].map((code) => ({ code, at: -1 }));

  isWithin(bytes: Buffer, start: number, end: number): boolean {
    if (bytes !== this.#bytes || start < this.#asked) {
      this.#bytes = bytes;
      for (const next of this.#next) next.at = -1;
    }
    this.#asked = start;
    for (const next of this.#next) {
      if (next.at < start) {
        const found = bytes.indexOf(next.code, start);
        next.at = found === -1 ? bytes.length : found;
      }
      if (next.at < end) return true;
    }
    return false;
  }
}
