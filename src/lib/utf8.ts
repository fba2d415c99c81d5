// The text of a piece of a buffer, made the quick way: a log holds little else than short values.

/** Up to here a text is cheaper to build character by character; from 13 on V8 would make a tree of its parts. */
const SHORT = 12;

/** ASCII is built character by character; anything else goes through the decoder. */
export function utf8Text(bytes: Buffer, start: number, end: number): string {
  if (end - start > SHORT) return bytes.toString('utf8', start, end);
  let text = '';
  for (let at = start; at < end; at++) {
    const code = bytes[at] ?? 0;
    if (code > 0x7f) return bytes.toString('utf8', start, end);
    text += String.fromCharCode(code);
  }
  return text;
}
