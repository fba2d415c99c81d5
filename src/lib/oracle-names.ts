// How things of a source are called in Oracle: in capitals, as names that are not quoted are read there.

import { createHash } from 'node:crypto';

/** In capitals, but for letters that would become several. Oracle cannot quote a quotation mark or a zero byte. */
export function foldedName(name: string): string {
  let folded = '';
  for (const character of name.replace(/["\0]/g, '_')) {
    const capital = character.toUpperCase();
    folded += [...capital].length === 1 ? capital : character;
  }
  return folded;
}

/** A name of at most `longest` bytes that follows from `origin` and begins like `name`. */
export function markedName(name: string, origin: string, longest: number): string {
  const mark = createHash('sha256').update(origin).digest('hex').slice(0, 8).toUpperCase();
  let start = '';
  for (const character of name) {
    if (Buffer.byteLength(`${start}${character}_${mark}`) > longest) break;
    start += character;
  }
  return `${start}_${mark}`;
}
