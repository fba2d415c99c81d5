// How the double writes and reads what Oracle's protocol is made of: integers with their length, texts in pieces, NUMBER.

/** What is bound or selected: numbers and texts as texts, RAW and BLOB as bytes. */
export type Value = string | Buffer | null;

/** Up to here bytes are one piece. */
const SHORT = 252;
const PIECE = 32_767;
const IN_PIECES = 254;
const NULL_LENGTH = 255;

export class Writer {
  readonly #parts: Buffer[] = [];

  byte(...values: readonly number[]): this {
    return this.raw(Buffer.from(values));
  }

  zeros(count: number): this {
    return this.raw(Buffer.alloc(count));
  }

  raw(bytes: Uint8Array): this {
    this.#parts.push(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
    return this;
  }

  /** An integer: how many bytes it has, then those. */
  number(value: number): this {
    if (value === 0) return this.byte(0);
    const digits: number[] = [];
    for (let rest = value; rest > 0; rest = Math.floor(rest / 256)) digits.unshift(rest % 256);
    return this.byte(digits.length, ...digits);
  }

  bytes(value: Uint8Array | null): this {
    if (value === null || value.length === 0) return this.byte(0);
    if (value.length <= SHORT) return this.byte(value.length).raw(value);
    this.byte(IN_PIECES);
    for (let at = 0; at < value.length; at += PIECE) {
      const piece = value.subarray(at, at + PIECE);
      this.number(piece.length).raw(piece);
    }
    return this.number(0);
  }

  text(value: string): this {
    return this.bytes(Buffer.from(value));
  }

  pair(key: string, value: string, flag = 0): this {
    this.number(Buffer.byteLength(key)).text(key).number(Buffer.byteLength(value));
    if (value !== '') this.text(value);
    return this.number(flag);
  }

  done(): Buffer {
    return Buffer.concat(this.#parts);
  }
}

/** Throws a RangeError when there is less than is asked for. */
export class Reader {
  readonly #buffer: Buffer;
  #at = 0;

  constructor(buffer: Buffer) {
    this.#buffer = buffer;
  }

  byte(): number {
    return this.take(1)[0] ?? 0;
  }

  skip(count: number): void {
    this.take(count);
  }

  take(count: number): Buffer {
    if (this.#at + count > this.#buffer.length) throw new RangeError('the request ends too early');
    this.#at += count;
    return this.#buffer.subarray(this.#at - count, this.#at);
  }

  number(): number {
    let value = 0;
    for (const byte of this.take(this.byte() & 127)) value = value * 256 + byte;
    return value;
  }

  /** Nothing that matters here. */
  numbers(count: number): void {
    for (let index = 0; index < count; index++) this.number();
  }

  bytes(): Buffer | null {
    const length = this.byte();
    if (length === 0 || length === NULL_LENGTH) return null;
    if (length !== IN_PIECES) return this.take(length);
    const pieces: Buffer[] = [];
    for (let size = this.number(); size > 0; size = this.number()) pieces.push(this.take(size));
    return Buffer.concat(pieces);
  }

  text(): string {
    return this.bytes()?.toString() ?? '';
  }

  pairs(count: number): ReadonlyMap<string, string> {
    const found = new Map<string, string>();
    for (let index = 0; index < count; index++) {
      this.number();
      const key = this.text();
      found.set(key, this.number() > 0 ? this.text() : '');
      this.number();
    }
    return found;
  }
}

/** NUMBER: an exponent of a hundred, then digits to the base of a hundred; negative ones are complemented. */
export function encodeNumber(text: string): Buffer {
  const isNegative = text.startsWith('-');
  const [mantissa = '', exponent = '0'] = text.replace('-', '').toLowerCase().split('e');
  const [whole = '', part = ''] = mantissa.split('.');
  const all = whole + part;
  const leading = all.length - all.replace(/^0+/, '').length;
  let digits = all.slice(leading).replace(/0+$/, '');
  let point = whole.length + Number(exponent) - leading;
  if (digits === '') return Buffer.of(0x80);
  if (point % 2 !== 0) {
    digits = `0${digits}`;
    point++;
  }
  if (digits.length % 2 !== 0) digits += '0';
  const high = point / 2 + 192;
  const out = [isNegative ? 255 - high : high];
  for (let at = 0; at < digits.length; at += 2) {
    const pair = Number(digits.slice(at, at + 2));
    out.push(isNegative ? 101 - pair : pair + 1);
  }
  if (isNegative && out.length < 21) out.push(102);
  return Buffer.from(out);
}

/** As `encodeNumber` took it, without zeros that say nothing. */
export function decodeNumber(bytes: Buffer): string {
  const [first = 0x80, ...rest] = bytes;
  if (first === 0x80) return '0';
  const isNegative = first < 0x80;
  const point = ((isNegative ? 255 - first : first) - 192) * 2;
  const pairs = isNegative
    ? rest.filter((byte) => byte !== 102).map((byte) => 101 - byte)
    : rest.map((byte) => byte - 1);
  const digits = pairs.map((pair) => String(pair).padStart(2, '0')).join('');
  const whole = point <= 0 ? '' : digits.slice(0, point).padEnd(point, '0');
  const part = (point <= 0 ? '0'.repeat(-point) + digits : digits.slice(point)).replace(/0+$/, '');
  const text = `${whole.replace(/^0+/, '') || '0'}${part === '' ? '' : `.${part}`}`;
  return isNegative ? `-${text}` : text;
}
