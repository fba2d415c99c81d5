// Which relations a selection names. Globs are matched inside the database, so that every statement that needs the
// selection sees it in its own snapshot.

import type { TableSelection } from '../source.ts';

/**
 * A glob over `schema.name` as an anchored PostgreSQL regular expression: `*` is any text, `?` one character, and a backslash
 * takes the character after it as it is.
 */
export function globToPattern(glob: string): string {
  const body = glob.replace(/\\(.)|[\x20-\x7e]/gsu, (character, taken?: string) => {
    if (character === '*') return '.*';
    if (character === '?') return '.';
    const plain = taken ?? character;
    return /[!-/:-@[-^`{-~ ]/.test(plain) ? `\\${plain}` : plain;
  });
  return `^${body}$`;
}

/** The glob that matches this text only. */
export function asGlob(text: string): string {
  return text.replace(/[\\*?]/g, '\\$&');
}

/** The values of `$1` and `$2` in statements that use `IS_SELECTED`. */
export function selectionValues(selection: TableSelection): readonly [readonly string[], readonly string[]] {
  return [selection.include.map(globToPattern), selection.exclude.map(globToPattern)];
}

/**
 * The condition under which relation `c` in namespace `n` is selected. The system's schemas and the one that holds the
 * run's own tables never are, nor is what belongs to an extension: the extension creates it.
 */
export const IS_SELECTED = `
  n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'migrate')
  AND n.nspname || '.' || c.relname ~ ANY ($1::text[])
  AND NOT n.nspname || '.' || c.relname ~ ANY ($2::text[])
  AND NOT EXISTS (SELECT FROM pg_depend e
                  WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e')`;
