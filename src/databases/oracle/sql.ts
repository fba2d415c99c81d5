// The one place where Oracle's text is quoted.

/** An identifier, always quoted: its letters are taken as they are. Oracle has no way to quote these two characters. */
export function quoteName(name: string): string {
  if (/["\0]/.test(name) || name === '')
    throw new TypeError('a name in Oracle cannot be empty or contain a quote or a zero byte');
  return `"${name}"`;
}

/** A name with its schema. */
export function quoteTable(table: { readonly schema: string; readonly name: string }): string {
  return `${quoteName(table.schema)}.${quoteName(table.name)}`;
}

/** A text. An empty one is NULL. No escapes but the quote itself. */
export function quoteLiteral(text: string): string {
  if (text.includes('\0')) throw new TypeError('a literal cannot contain a zero byte');
  return `'${text.replaceAll("'", "''")}'`;
}
