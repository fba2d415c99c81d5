// A digest of everything in the source's schema that the stream and the copy depend on. Equal digests at two moments
// mean that the tables are still the ones that were captured. Indexes, triggers and publications are not part of it.

import { MigrateError } from '../../lib/errors.ts';
import type { TableSelection } from '../source.ts';
import type { Session } from './connection.ts';
import { field } from './row.ts';
import { IS_SELECTED, selectionValues } from './selection.ts';

// Object numbers are part of it: a table that was dropped and made again is another table, as the publication lost it.
// Labels of enums too: the target's type would not know a new one.
const FINGERPRINT = `
WITH selected AS (
  SELECT c.* , n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p', 'f') AND ${IS_SELECTED}
), lines(line) AS (
  SELECT format('table %s %I.%I %s %s %s', oid, nspname, relname, relkind, relreplident, relpersistence) FROM selected
  UNION ALL
  SELECT format('column %s %s %I %s %s %s', a.attrelid, a.attnum, a.attname, a.atttypid, a.atttypmod, a.attnotnull)
  FROM pg_attribute a JOIN selected s ON s.oid = a.attrelid WHERE a.attnum > 0 AND NOT a.attisdropped
  UNION ALL
  SELECT format('key %s %s %s', k.conrelid, k.conkey, k.condeferrable)
  FROM pg_constraint k JOIN selected s ON s.oid = k.conrelid WHERE k.contype = 'p'
  UNION ALL
  SELECT format('label %s %s %L', l.enumtypid, l.enumsortorder, l.enumlabel)
  FROM pg_enum l JOIN pg_type t ON t.oid = l.enumtypid
  WHERE EXISTS (SELECT FROM pg_attribute a JOIN selected s ON s.oid = a.attrelid
                WHERE a.attnum > 0 AND NOT a.attisdropped AND a.atttypid IN (t.oid, t.typarray))
)
SELECT encode(sha256(convert_to(coalesce(string_agg(line, E'\\n' ORDER BY line COLLATE "C"), ''), 'UTF8')), 'hex')
  AS fingerprint
FROM lines`;

/** One statement, so one moment: safe to call in the freeze. */
export async function readFingerprint(session: Session, selection: TableSelection): Promise<string> {
  const row = await session.one(FINGERPRINT, selectionValues(selection));
  if (row === undefined) throw new MigrateError('INTERNAL.BUG', 'the fingerprint query returned nothing');
  return field(row, 'fingerprint');
}
