// The one place where MySQL's text is quoted. Sessions are set up so that backslashes escape.

/** An identifier, always quoted. */
export function quoteName(name: string): string {
  if (name.includes('\0')) throw new TypeError('a name cannot contain a zero byte');
  return `\`${name.replaceAll('`', '``')}\``;
}

/** A name with its database. */
export function quoteTable(table: { readonly schema: string; readonly name: string }): string {
  return `${quoteName(table.schema)}.${quoteName(table.name)}`;
}

/** A text. Compared with a column it takes that column's collation. */
export function quoteLiteral(text: string): string {
  return `'${text.replace(/['\\]/g, '$&$&')}'`;
}

/** A text of bytes. */
export function bytesLiteral(bytes: Buffer): string {
  return `X'${bytes.toString('hex')}'`;
}
