// Takes a compressed transaction apart: one event of the log that holds all events of the transaction. Only as much of it is
// decompressed at a time as somebody wants to have, because it may be a thousand times larger than what arrives.

import { crc32 } from 'node:zlib';
import { Decompress, decompress } from 'fzstd';
import { MigrateError } from '../../../lib/errors.ts';
import { Cursor } from './cursor.ts';

export const PAYLOAD_EVENT = 40;

export interface PayloadHandler {
  /** How many bytes of a checksum stand at its end. */
  readonly checksum: number;
  /** It has so many bytes, and ends there in its file. False when nobody wants to see what is in it. */
  begin(place: { readonly size: number; readonly end: number }): boolean;
  /** An event without a checksum lies there; valid during the call only. */
  event(bytes: Buffer, start: number, end: number): void;
}

const HEAD = 19;
const FIELD = { END: 0, COMPRESSION: 2, PLAIN_SIZE: 3 } as const;
const ZSTD = 0;
const NONE = 255;
/** More than the event's head and what describes the compression. */
const LONGEST_HEAD = 64;
/** So much is decompressed at once. */
const SLICE = 1_024;
/** What comes to no more than this is decompressed as a whole, which needs no window of some megabytes. */
const SMALL_BYTES = 1_024 * 1_024;
const EMPTY = Buffer.alloc(0);

export class PayloadReader {
  readonly #handler: PayloadHandler;
  /** What has arrived and was not decompressed. */
  #bytes: Buffer = EMPTY;
  #at = 0;
  #hasAll = false;
  #state: 'head' | 'content' | 'unwanted' | 'done' = 'head';
  #sum = 0;
  /** Bytes of the content that were not decompressed. */
  #left = 0;
  /** How much is decompressed at once. */
  #slice = SLICE;
  #decompress: (bytes: Buffer, isLast: boolean) => void = () => undefined;

  constructor(handler: PayloadHandler) {
    this.#handler = handler;
  }

  get isDone(): boolean {
    return this.#state === 'done';
  }

  /** What comes next of the event; `isLast`: it ends with this. */
  add(bytes: Buffer, isLast: boolean): void {
    const rest = this.#bytes.subarray(this.#at);
    this.#bytes = rest.length === 0 ? bytes : Buffer.concat([rest, bytes]);
    this.#at = 0;
    this.#hasAll = isLast;
  }

  /** Hands out some more events; false when it first needs more of the bytes, or needs none. */
  step(): boolean {
    const { length } = this.#bytes;
    if (this.#state === 'head') {
      if (!this.#hasAll && length < LONGEST_HEAD) return false;
      this.#begin();
      return true;
    }
    if (this.#state === 'unwanted') {
      this.#at = length;
      if (this.#hasAll) this.#state = 'done';
      return false;
    }
    if (this.#state === 'done') return false;
    // The end, and with it the commit, is read when the checksum was.
    if (this.#left <= this.#slice) return this.#hasAll && this.#finish();
    const count = Math.min(this.#slice, length - this.#at, this.#left - this.#slice);
    if (count <= 0) return false;
    const slice = this.#bytes.subarray(this.#at, this.#at + count);
    this.#at += count;
    this.#left -= count;
    this.#sum = crc32(slice, this.#sum);
    this.#decompress(slice, false);
    return true;
  }

  #begin(): void {
    const size = this.#bytes.readUInt32LE(9);
    const end = this.#bytes.readUInt32LE(13);
    const cursor = new Cursor().over(this.#bytes, HEAD, this.#bytes.length);
    let compression = NONE;
    let plainSize = Number.POSITIVE_INFINITY;
    for (let field = cursor.packed(); field !== FIELD.END; field = cursor.packed()) {
      const next = cursor.packed() + cursor.at;
      if (field === FIELD.COMPRESSION) compression = cursor.packed();
      if (field === FIELD.PLAIN_SIZE) plainSize = cursor.packed();
      cursor.at = next;
    }
    this.#left = size - cursor.at - this.#handler.checksum;
    if (this.#left < 0) throw malformed();
    this.#sum = crc32(this.#bytes.subarray(0, cursor.at));
    this.#at = cursor.at;
    if (plainSize <= SMALL_BYTES) this.#slice = this.#left;
    this.#decompress = decompressor(compression, plainSize, (bytes, at, until) =>
      this.#handler.event(bytes, at, until),
    );
    this.#state = this.#handler.begin({ size, end }) ? 'content' : 'unwanted';
  }

  #finish(): true {
    const { checksum } = this.#handler;
    const until = this.#at + this.#left;
    if (this.#bytes.length !== until + checksum) throw malformed();
    const slice = this.#bytes.subarray(this.#at, until);
    if (checksum > 0 && crc32(slice, this.#sum) !== this.#bytes.readUInt32LE(until)) {
      throw new MigrateError(
        'SOURCE.CONNECTION',
        'a compressed transaction of the log arrived damaged: its checksum is wrong',
      );
    }
    this.#state = 'done';
    this.#bytes = EMPTY;
    this.#at = 0;
    this.#decompress(slice, true);
    return true;
  }
}

type Take = (bytes: Buffer, at: number, until: number) => void;

function decompressor(compression: number, plainSize: number, take: Take): (bytes: Buffer, isLast: boolean) => void {
  const events = new Events(take);
  if (compression === NONE) {
    return (bytes, isLast) => events.add(bytes, isLast);
  }
  if (compression !== ZSTD) {
    throw new MigrateError('STREAM.UNKNOWN', `the log holds a transaction in compression ${compression}`);
  }
  if (plainSize <= SMALL_BYTES) {
    return (bytes) => {
      const plain = decompress(bytes, Buffer.allocUnsafe(plainSize));
      if (plain.length !== plainSize) throw malformed();
      events.add(Buffer.from(plain.buffer, plain.byteOffset, plain.length), true);
    };
  }
  const zstd = new Decompress((block, isLast) =>
    events.add(Buffer.from(block.buffer, block.byteOffset, block.length), isLast === true),
  );
  return (bytes, isLast) => {
    zstd.push(bytes, isLast);
  };
}

/** Cuts blocks into events, which may lie in several. */
class Events {
  readonly #take: Take;
  /** Of an event of which only a part is there. */
  #parts: Buffer[] = [];
  #has = 0;
  #needs = HEAD;

  constructor(take: Take) {
    this.#take = take;
  }

  add(block: Buffer, isLast: boolean): void {
    for (let at = 0; at < block.length; ) {
      const size = this.#has === 0 && block.length - at >= HEAD ? sizeAt(block, at) : undefined;
      if (size !== undefined && at + size <= block.length) {
        this.#take(block, at, at + size);
        at += size;
      } else at = this.#join(block, at);
    }
    if (isLast && this.#has > 0) throw malformed();
  }

  #join(block: Buffer, at: number): number {
    const end = Math.min(block.length, at + this.#needs - this.#has);
    this.#parts.push(block.subarray(at, end));
    this.#has += end - at;
    if (this.#has < this.#needs) return end;
    const joined = Buffer.concat(this.#parts);
    const size = sizeAt(joined, 0);
    if (size > joined.length) {
      this.#parts = [joined];
      this.#needs = size;
      return end;
    }
    this.#parts = [];
    this.#has = 0;
    this.#needs = HEAD;
    this.#take(joined, 0, size);
    return end;
  }
}

function sizeAt(bytes: Buffer, at: number): number {
  const size = bytes.readUInt32LE(at + 9);
  if (size < HEAD) throw malformed();
  return size;
}

function malformed(): MigrateError {
  return new MigrateError('STREAM.UNKNOWN', 'a compressed transaction in the log is malformed');
}
