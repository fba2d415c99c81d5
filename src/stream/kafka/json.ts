// JSON as it stands in a message's bytes: members are found without building anything, numbers stay the text they are. What is
// passed over is looked at only as far as it takes to find its end.

import { utf8Text } from '../../lib/utf8.ts';

export interface JsonObject {
  /** A string decoded, anything else as it is written; null for null, undefined when there is no such member. */
  text(name: string): string | null | undefined;
  /** Undefined when the member is missing or null. */
  object(name: string): JsonObject | undefined;
}

/** The bytes are no JSON. Holds nothing of them. */
export class JsonError extends Error {
  constructor(at: number) {
    super(`no JSON at byte ${at}`);
    this.name = 'JsonError';
  }
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN = 0x7b;
const CLOSE = 0x7d;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const COMMA = 0x2c;
const COLON = 0x3a;
const SPACE = 0x20;
const ZERO = 0x30;
const FIRST_OF_NULL = 0x6e;
/** From here on a text is searched by the machine's own means. */
const LONG = 256;

/** The text that the value stands for: a string decoded, anything else as it is written. */
export function jsonText(bytes: Buffer, start: number, end: number): string {
  if (bytes[start] !== QUOTE) return utf8Text(bytes, start, end);
  if (!holdsEscape(bytes, start, end)) return utf8Text(bytes, start + 1, end - 1);
  try {
    return String(JSON.parse(bytes.toString('utf8', start, end)));
  } catch {
    // The words of the engine's own error quote the text.
    throw new JsonError(start);
  }
}

function holdsEscape(bytes: Buffer, start: number, end: number): boolean {
  if (end - start > LONG) return bytes.subarray(start, end).includes(BACKSLASH);
  for (let at = start; at < end; at++) if (bytes[at] === BACKSLASH) return true;
  return false;
}

/** Where what stands at `at` is no white space. */
export function afterSpace(bytes: Buffer, at: number): number {
  let next = at;
  while ((bytes[next] ?? QUOTE) <= SPACE) next++;
  return next;
}

export function isNull(bytes: Buffer, start: number): boolean {
  return bytes[start] === FIRST_OF_NULL;
}

/** Behind the value that begins at `start`. */
export function valueEnd(bytes: Buffer, start: number, end: number): number {
  const first = bytes[start];
  if (first === QUOTE) return stringEnd(bytes, start, end);
  if (first === OPEN || first === OPEN_LIST) return nestedEnd(bytes, start, end);
  let at = start;
  for (; at < end; at++) {
    const byte = bytes[at] ?? 0;
    if (byte === COMMA || byte === CLOSE || byte === CLOSE_LIST || byte <= SPACE) break;
  }
  if (at === start) throw new JsonError(start);
  return at;
}

function stringEnd(bytes: Buffer, start: number, end: number): number {
  for (let at = start + 1; at < end; at++) {
    const byte = bytes[at];
    if (byte === QUOTE) return at + 1;
    if (byte === BACKSLASH) at++;
  }
  throw new JsonError(end);
}

function nestedEnd(bytes: Buffer, start: number, end: number): number {
  let depth = 0;
  for (let at = start; at < end; at++) {
    const byte = bytes[at];
    if (byte === QUOTE) at = stringEnd(bytes, at, end) - 1;
    else if (byte === OPEN || byte === OPEN_LIST) depth++;
    else if ((byte === CLOSE || byte === CLOSE_LIST) && --depth === 0) return at + 1;
  }
  throw new JsonError(end);
}

/** Numbers for each member: where its name begins and ends, without quotes, and where its value does. */
const NUMBERS = 4;
const FIRST_ROOM = 32 * NUMBERS;

/** A member of an object, and what to lay over it. */
interface InnerObject {
  /** In UTF-8. */
  readonly name: Buffer;
  readonly members: JsonMembers;
}

function innerOf(inner: readonly InnerObject[], bytes: Buffer, start: number, end: number): JsonMembers | undefined {
  for (const { name, members } of inner) if (isToken(name, bytes, start, end)) return members;
  return undefined;
}

function isToken(token: Buffer, bytes: Buffer, start: number, end: number): boolean {
  if (end - start !== token.length) return false;
  for (let at = 0; at < token.length; at++) if (bytes[start + at] !== token[at]) return false;
  return true;
}

/** The members of one object. Made once and laid over one object after another. */
export class JsonMembers implements JsonObject {
  #bytes: Buffer = Buffer.alloc(0);
  #count = 0;
  #places = new Int32Array(FIRST_ROOM);

  /**
   * Of the object that begins at `start`; what follows it up to `end` must be white space. Keeps the buffer. `inner`: members that,
   * where they are objects, are laid out in the same pass.
   */
  over(bytes: Buffer, start: number, end: number, inner?: readonly InnerObject[]): this {
    const after = this.#lay(bytes, start, end, inner);
    // The buffer may hold more than this object.
    if (after > end || afterSpace(bytes, after) < end) throw new JsonError(after);
    return this;
  }

  /** Behind the object. */
  #lay(bytes: Buffer, start: number, end: number, inner: readonly InnerObject[] | undefined): number {
    this.#bytes = bytes;
    this.#count = 0;
    let place = 0;
    let at = afterSpace(bytes, start);
    if (bytes[at] !== OPEN) throw new JsonError(at);
    at = afterSpace(bytes, at + 1);
    if (bytes[at] === CLOSE) at++;
    else {
      for (;;) {
        if (bytes[at] !== QUOTE) throw new JsonError(at);
        const nameEnd = stringEnd(bytes, at, end);
        const colon = afterSpace(bytes, nameEnd);
        if (bytes[colon] !== COLON) throw new JsonError(colon);
        const value = afterSpace(bytes, colon + 1);
        const object =
          inner === undefined || bytes[value] !== OPEN ? undefined : innerOf(inner, bytes, at + 1, nameEnd - 1);
        const after = object === undefined ? valueEnd(bytes, value, end) : object.#lay(bytes, value, end, undefined);
        if (place === this.#places.length) this.#grow();
        this.#places[place] = at + 1;
        this.#places[place + 1] = nameEnd - 1;
        this.#places[place + 2] = value;
        this.#places[place + 3] = after;
        place += NUMBERS;
        at = afterSpace(bytes, after);
        const byte = bytes[at++];
        if (byte === CLOSE) break;
        if (byte !== COMMA) throw new JsonError(at - 1);
        at = afterSpace(bytes, at);
      }
    }
    this.#count = place / NUMBERS;
    return at;
  }

  #grow(): void {
    const places = new Int32Array(2 * this.#places.length);
    places.set(this.#places);
    this.#places = places;
  }

  get count(): number {
    return this.#count;
  }

  /** Which member has that name; -1 when there is none. Plain names only: letters, digits and the like. */
  find(name: string): number {
    const places = this.#places;
    for (let index = 0; index < this.#count; index++) {
      const start = places[NUMBERS * index] ?? 0;
      if ((places[NUMBERS * index + 1] ?? 0) - start === name.length && this.#stands(name, start)) return index;
    }
    return -1;
  }

  #stands(name: string, start: number): boolean {
    for (let at = 0; at < name.length; at++) if (this.#bytes[start + at] !== name.charCodeAt(at)) return false;
    return true;
  }

  nameOf(index: number): string {
    return jsonText(
      this.#bytes,
      (this.#places[NUMBERS * index] ?? 0) - 1,
      (this.#places[NUMBERS * index + 1] ?? 0) + 1,
    );
  }

  /** The name as it is written, with its quotes. */
  nameBytes(index: number): Buffer {
    return this.#bytes.subarray((this.#places[NUMBERS * index] ?? 0) - 1, (this.#places[NUMBERS * index + 1] ?? 0) + 1);
  }

  /** Where the value begins and ends. */
  start(index: number): number {
    return this.#places[NUMBERS * index + 2] ?? 0;
  }

  end(index: number): number {
    return this.#places[NUMBERS * index + 3] ?? 0;
  }

  /** True when there is a member of that index and it is not null. */
  holds(index: number): boolean {
    return index >= 0 && !isNull(this.#bytes, this.start(index));
  }

  /** True when there is a member of that index and it is an object. */
  isObject(index: number): boolean {
    return index >= 0 && this.#bytes[this.start(index)] === OPEN;
  }

  /** True when the member is written as `token` is. */
  isWritten(index: number, token: Buffer): boolean {
    return isToken(token, this.#bytes, this.start(index), this.end(index));
  }

  /** True when there is a member of that index and it is that text. Plain texts only: letters, digits and the like. */
  isText(index: number, text: string): boolean {
    const start = this.start(index);
    const isString = index >= 0 && this.#bytes[start] === QUOTE;
    return isString && this.end(index) - start === text.length + 2 && this.#stands(text, start + 1);
  }

  /** As it is written; shares the bytes. */
  bytesAt(index: number): Buffer {
    return this.#bytes.subarray(this.start(index), this.end(index));
  }

  /** A count that the member is; -1 when it is none. */
  countAt(index: number): number {
    const end = this.end(index);
    let at = this.start(index);
    // Numbers of more digits are not exact.
    if (index < 0 || at === end || end - at > 15) return -1;
    let count = 0;
    for (; at < end; at++) {
      const digit = (this.#bytes[at] ?? 0) - ZERO;
      if (digit < 0 || digit > 9) return -1;
      count = 10 * count + digit;
    }
    return count;
  }

  textAt(index: number): string {
    return jsonText(this.#bytes, this.start(index), this.end(index));
  }

  text(name: string): string | null | undefined {
    const index = this.find(name);
    if (index < 0) return undefined;
    return this.holds(index) ? this.textAt(index) : null;
  }

  object(name: string): JsonMembers | undefined {
    const index = this.find(name);
    return this.holds(index) ? new JsonMembers().over(this.#bytes, this.start(index), this.end(index)) : undefined;
  }
}
