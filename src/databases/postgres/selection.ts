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

/** The values of `$1` to `$3` in statements that use `IS_SELECTED`. */
export function selectionValues({
  include,
  exclude,
  names = [],
  without = [],
}: TableSelection): readonly [readonly string[], readonly string[], string] {
  return [include.map(globToPattern), exclude.map(globToPattern), JSON.stringify({ names, without })];
}

/** Holds for relation `c` in namespace `n` when a list names it, or a table that it is partitioned under. */
const isNamed = (list: 'names' | 'without'): string => {
  const names = `SELECT s.name ->> 'schema', s.name ->> 'name' FROM json_array_elements($3::json -> '${list}') AS s(name)`;
  return `((n.nspname::text, c.relname::text) IN (${names})
    OR (c.relispartition AND EXISTS (
      SELECT FROM pg_partition_ancestors(c.oid) AS a JOIN pg_class t ON t.oid = a.relid
      JOIN pg_namespace tn ON tn.oid = t.relnamespace
      WHERE (tn.nspname::text, t.relname::text) IN (${names}))))`;
};

/** The condition under which relation `c` in namespace `n` is one that the selection is blind to. */
export const IS_LEFT_OUT = isNamed('without');

/**
 * The condition under which relation `c` in namespace `n` is selected. The system's schemas and the one that holds the
 * run's own tables never are, nor is what belongs to an extension: the extension creates it.
 */
export const IS_SELECTED = `
  n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'migrate')
  AND ((n.nspname || '.' || c.relname ~ ANY ($1::text[]) AND NOT n.nspname || '.' || c.relname ~ ANY ($2::text[]))
    OR ${isNamed('names')})
  AND NOT ${IS_LEFT_OUT}
  AND NOT EXISTS (SELECT FROM pg_depend e
                  WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e')`;
