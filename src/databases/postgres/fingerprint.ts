// A digest of everything in the source's schema that the stream and the copy depend on. Equal digests at two moments
// mean that the tables are still the ones that were captured. Indexes, triggers and publications are not part of it.

import { MigrateError } from '../../lib/errors.ts';
import type { AddedColumn } from '../../model/drift.ts';
import type { TableSelection } from '../source.ts';
import { TYPE_CHECKS, TYPE_DEFINITION, TYPE_LABELS, usedTypes } from './catalog-types.ts';
import type { Session } from './connection.ts';
import { field } from './row.ts';
import { IS_LEFT_OUT, IS_SELECTED, selectionValues } from './selection.ts';

// NULL in every row that was there when the column was added, as far as the catalog tells: a domain may have a default, and
// a default that was given to old rows stays with them after it was dropped.
const IS_EMPTY = `
  NOT a.attnotnull AND NOT a.atthasmissing AND a.attidentity = '' AND a.attgenerated = ''
  AND NOT EXISTS (SELECT FROM pg_type d WHERE d.oid = a.atttypid AND d.typtype = 'd')
  AND NOT EXISTS (SELECT FROM pg_attrdef d WHERE d.adrelid = a.attrelid AND d.adnum = a.attnum
                    AND pg_get_expr(d.adbin, d.adrelid) !~ '^NULL::')`;

// Object numbers are part of it: a table that was dropped and made again is another table, as the publication lost it.
// Types too: the target's one would not know a new label, and a check that was added need not hold for what is there.
const FINGERPRINT = `
WITH RECURSIVE selected AS (
  SELECT c.* , n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p', 'f') AND ${IS_SELECTED}
), present AS (
  SELECT a.* FROM pg_attribute a JOIN selected s ON s.oid = a.attrelid
  WHERE a.attnum > 0 AND NOT a.attisdropped
    AND NOT CASE WHEN EXISTS (
      SELECT FROM unnest($4::text[], $5::text[], $6::text[]) AS x(schema, name, col)
      WHERE x.schema = s.nspname AND x.name = s.relname AND x.col = a.attname) THEN ${IS_EMPTY} ELSE false END
), ${usedTypes('SELECT atttypid FROM present')},
lines(line) AS (
  SELECT format('table %s %I.%I %s %s', oid, nspname, relname, relkind, relpersistence) FROM selected
  UNION ALL
  -- Also of a partition or heir that is not selected: rows of the selected table may go there.
  SELECT format('part %s of %s as %s %s', h.inhrelid, h.inhparent, h.inhseqno, c.relpartbound)
  FROM pg_inherits h JOIN pg_class c ON c.oid = h.inhrelid JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE NOT ${IS_LEFT_OUT} AND (h.inhparent IN (SELECT oid FROM selected) OR h.inhrelid IN (SELECT oid FROM selected))
  UNION ALL
  SELECT format('column %s %s %I %s %s %s %s', a.attrelid, a.attnum, a.attname, a.atttypid, a.atttypmod, a.attnotnull, a.attgenerated)
  FROM present a
  UNION ALL
  SELECT format('key %s %s %s', k.conrelid, k.conkey, k.condeferrable)
  FROM pg_constraint k JOIN selected s ON s.oid = k.conrelid WHERE k.contype = 'p'
  UNION ALL
  SELECT format('type %s %s.%s %s %s %s', t.oid, t.typnamespace, t.typname, ${TYPE_DEFINITION}, ${TYPE_LABELS}, ${TYPE_CHECKS})
  FROM pg_type t WHERE t.oid IN (SELECT oid FROM used) AND t.typnamespace <> 'pg_catalog'::regnamespace
)
SELECT encode(sha256(convert_to(coalesce(string_agg(line, E'\\n' ORDER BY line COLLATE "C"), ''), 'UTF8')), 'hex')
  AS fingerprint
FROM lines`;

/**
 * One statement, so one moment: safe to call in the freeze. `without` are columns to pass over; one that may have given
 * a value to rows that were there is never passed over.
 */
export async function readFingerprint(
  session: Session,
  selection: TableSelection,
  without: readonly AddedColumn[] = [],
): Promise<string> {
  const row = await session.one(FINGERPRINT, [
    ...selectionValues(selection),
    without.map(({ table }) => table.schema),
    without.map(({ table }) => table.name),
    without.map(({ column }) => column),
  ]);
  if (row === undefined) throw new MigrateError('INTERNAL.BUG', 'the fingerprint query returned nothing');
  return field(row, 'fingerprint');
}
