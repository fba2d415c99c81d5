// Texts of MariaDB's types uuid, inet4 and inet6, as the server prints them. The log says only that they are bytes.

const WORDS = 8;

/** By the type's name; undefined for a type that is no such one. */
export function addressText(type: string): ((bytes: Buffer) => string) | undefined {
  switch (type) {
    case 'uuid':
      return uuid;
    case 'inet4':
      return (bytes) => [...bytes].join('.');
    case 'inet6':
      return inet6;
    default:
      return undefined;
  }
}

function uuid(bytes: Buffer): string {
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

/** The first longest run of zeros is left out; behind nothing but such a run, an address of version 4 is written as one. */
function inet6(bytes: Buffer): string {
  const words = Array.from({ length: WORDS }, (_, index) => bytes.readUInt16BE(2 * index));
  const { start, length } = longestRun(words);
  const hex = (from: number, to: number): string =>
    words
      .slice(from, to)
      .map((word) => word.toString(16))
      .join(':');
  if (length === 0) return hex(0, WORDS);
  const isVersion4 = start === 0 && (length === 6 || (length === 5 && words[5] === 0xffff));
  if (isVersion4) return `::${length === 5 ? 'ffff:' : ''}${[...bytes.subarray(12)].join('.')}`;
  return `${hex(0, start)}::${hex(start + length, WORDS)}`;
}

function longestRun(words: readonly number[]): { readonly start: number; readonly length: number } {
  let best = { start: 0, length: 0 };
  for (let start = 0; start < words.length; start++) {
    let length = 0;
    while (words[start + length] === 0) length++;
    if (length > best.length) best = { start, length };
  }
  return best;
}
