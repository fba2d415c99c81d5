// The expressions that MySQL's information_schema has, as SQL. It escapes them once more, and shows their bytes as if they were
// latin1: names are UTF-8, and a literal is in the character set named before it.

const TOKENS = /(`(?:[^`]|``)*`)|(?:\b_([a-z0-9]+))?'((?:[^'\\]|''|\\.)*)'/gs;
const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', 0: '\0', Z: '\x1a' };

/** The server's latin1 is windows-1252. */
const BYTES: ReadonlyMap<string, number> = new Map(
  Array.from({ length: 256 }, (_, byte) => [new TextDecoder('windows-1252').decode(Uint8Array.of(byte)), byte]),
);

export function expressionText(shown: string): string {
  const text = shown.replace(/\\(.)/gs, (_, character: string) => ESCAPES[character] ?? character);
  return text.replace(TOKENS, (token: string, name?: string, charset = 'utf8mb4', literal = '') => {
    if (isAscii(token)) return token;
    return name === undefined ? literalText(charset, literal) : bytesOf(name).toString('utf8');
  });
}

function literalText(charset: string, literal: string): string {
  if (charset === 'latin1') return `_utf8mb4'${literal}'`;
  const bytes = bytesOf(literal);
  if (/^utf8/.test(charset)) return `_${charset}'${bytes.toString('utf8')}'`;
  // Escapes are ASCII, whatever comes between them.
  const plain = bytes
    .toString('latin1')
    .replace(/''|\\(.)/gs, (pair, character?: string) =>
      character === undefined ? pair.slice(1) : (ESCAPES[character] ?? character),
    );
  return `_${charset} X'${Buffer.from(plain, 'latin1').toString('hex')}'`;
}

function bytesOf(shown: string): Buffer {
  return Buffer.from(Array.from(shown, (character) => BYTES.get(character) ?? 0x3f));
}

function isAscii(text: string): boolean {
  return /^[\0-\x7f]*$/.test(text);
}
