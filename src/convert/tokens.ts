// The words of a definition or an expression, as either engine prints them.

import type { Dialect } from './dialects.ts';

export interface Token {
  /** `word`: not quoted, in lower case. `name`: quoted, without its quotes. */
  readonly kind: 'word' | 'name' | 'text' | 'number' | 'sign';
  readonly text: string;
}

const NUMBER = /\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?/y;
const WORD = /[a-zA-Z_\u0080-\uffff][\w$\u0080-\uffff]*/y;
const SIGN = /::|\|\||<=>|<=|>=|<>|!=|[-+*/%=<>(),.[\]]/y;
const SPACE = /\s+/y;
const MYSQL_ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', b: '\b', 0: '\0', Z: '\x1a' };

/** Undefined for a text with anything else in it. */
export function tokensOf(source: string, { engine }: Dialect): readonly Token[] | undefined {
  const tokens: Token[] = [];
  for (let at = 0; at < source.length; ) {
    const found = tokenAt(source, at, engine);
    if (found === undefined) return undefined;
    if (found.token !== undefined) tokens.push(found.token);
    at = found.end;
  }
  return tokens;
}

interface Found {
  readonly token: Token | undefined;
  readonly end: number;
}

function tokenAt(text: string, at: number, engine: Dialect['engine']): Found | undefined {
  const space = matchAt(SPACE, text, at);
  if (space !== undefined) return { token: undefined, end: at + space.length };
  const quote = engine === 'mysql' ? '`' : '"';
  if (text[at] === quote) return quotedAt(text, at, 'name', false);
  if (text[at] === "'") return quotedAt(text, at, 'text', engine === 'mysql');
  const opening = /(?:[eE]|_utf8mb4|_utf8mb3|_utf8|_latin1|_ascii)(?=')/y;
  const prefix = matchAt(opening, text, at);
  if (prefix !== undefined) return quotedAt(text, at + prefix.length, 'text', true);
  for (const [kind, pattern] of [
    ['number', NUMBER],
    ['word', WORD],
    ['sign', SIGN],
  ] as const) {
    const found = matchAt(pattern, text, at);
    if (found === undefined) continue;
    return { token: { kind, text: kind === 'word' ? found.toLowerCase() : found }, end: at + found.length };
  }
  return undefined;
}

function matchAt(pattern: RegExp, text: string, at: number): string | undefined {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0];
}

function quotedAt(text: string, start: number, kind: 'name' | 'text', escapes: boolean): Found | undefined {
  const quote = text[start];
  let value = '';
  for (let at = start + 1; at < text.length; at++) {
    const character = text[at] ?? '';
    if (character === quote) {
      if (text[at + 1] !== quote) return { token: { kind, text: value }, end: at + 1 };
      at++;
      value += quote;
    } else if (character === '\\' && escapes) {
      at++;
      const escaped = text[at] ?? '';
      value += MYSQL_ESCAPES[escaped] ?? escaped;
    } else value += character;
  }
  return undefined;
}
