// JSON in one form: equal documents are equal texts, whatever order of keys, white space or notation of numbers they came with.

import { isKeptByJson, isWhole64, plainDecimal } from './decimals.ts';

/** What only some databases can hold. */
export interface JsonTraits {
  /** A key that is there more than once: of those the last counts. */
  readonly repeatedKeys: boolean;
  /** Every number as written. */
  readonly numbers: readonly string[];
}

/** The form of a valid document: keys in order and once, no white space, numbers without an exponent or needless zeros. */
export function canonicalJson(text: string): string {
  return new JsonReader(text).document();
}

export function jsonTraits(text: string): JsonTraits {
  const reader = new JsonReader(text);
  reader.document();
  return reader;
}

/**
 * The document with its numbers as MySQL prints them once it has read them; undefined when it would not keep one. What was made in
 * SQL may hold decimals, of which a text does not tell: read again they are doubles.
 */
export function rereadJson(text: string): string | undefined {
  // Most documents have nothing but whole numbers, and most numbers in texts are found here, too.
  if (!/\d[.e]|\d{19}/i.test(text)) return text;
  const token = /"|-?\d[\d.e+-]*/gi;
  let made = '';
  let done = 0;
  for (let found = token.exec(text); found !== null; found = token.exec(text)) {
    if (found[0] === '"') {
      token.lastIndex = endOfQuoted(text, found.index) + 1;
      continue;
    }
    const number = rereadNumber(found[0]);
    if (number === undefined) return undefined;
    made += text.slice(done, found.index) + number;
    done = token.lastIndex;
  }
  return made + text.slice(done);
}

class JsonReader implements JsonTraits {
  repeatedKeys = false;
  readonly numbers: string[] = [];
  readonly #text: string;
  /** A text by its first quote only: a pattern over megabytes would exhaust the stack. */
  readonly #token = /\s*("|[{}[\]:,]|[^\s{}[\]:,"]+)/y;
  #next = '';

  constructor(text: string) {
    this.#text = text;
  }

  document(): string {
    this.#advance();
    return this.#value();
  }

  #advance(): string {
    const token = this.#next;
    const found = this.#token.exec(this.#text)?.[1] ?? '';
    this.#next = found === '"' ? this.#quoted(this.#token.lastIndex - 1) : found;
    return token;
  }

  #quoted(start: number): string {
    const end = endOfQuoted(this.#text, start);
    this.#token.lastIndex = end + 1;
    return this.#text.slice(start, end + 1);
  }

  #value(): string {
    const token = this.#advance();
    if (token === '{') return this.#object();
    if (token === '[') return this.#array();
    if (token.startsWith('"')) return this.#string(token);
    if (!/^[-\d]/.test(token)) return token;
    this.numbers.push(token);
    return plainDecimal(token);
  }

  #object(): string {
    const members = new Map<string, string>();
    while (this.#next !== '}' && this.#next !== '') {
      const key = this.#string(this.#advance());
      // The colon.
      this.#advance();
      if (members.has(key)) this.repeatedKeys = true;
      members.set(key, this.#value());
      if (this.#next === ',') this.#advance();
    }
    this.#advance();
    const sorted = [...members].sort(([one], [other]) => (one < other ? -1 : 1));
    return `{${sorted.map(([key, value]) => `${key}:${value}`).join(',')}}`;
  }

  #array(): string {
    const items: string[] = [];
    while (this.#next !== ']' && this.#next !== '') {
      items.push(this.#value());
      if (this.#next === ',') this.#advance();
    }
    this.#advance();
    return `[${items.join(',')}]`;
  }

  #string(token: string): string {
    // Without an escape it is written in one way only.
    if (!token.includes('\\')) return token;
    return JSON.stringify(JSON.parse(token));
  }
}

/** Where the quote is that ends the text, or where the document ends. */
function endOfQuoted(text: string, start: number): number {
  let end = start + 1;
  while (text[end] !== '"' && end < text.length) end += text[end] === '\\' ? 2 : 1;
  return end;
}

function rereadNumber(text: string): string | undefined {
  if (isWhole64(text)) return text;
  if (!isKeptByJson(text)) return undefined;
  const double = Number(text);
  const made = Object.is(double, -0) ? '-0' : String(double);
  return /[.e]/.test(made) ? made : `${made}.0`;
}
