// The publication that says which tables the log carries. A publication that somebody alters leaves changes out without
// a word, so it carries a fingerprint of itself as its comment, and readers compare the two.

import { MigrateError } from '../../../lib/errors.ts';
import type { Table } from '../../../model/table.ts';
import type { Session } from '../connection.ts';
import { quoteLiteral, quoteName, quoteTable } from '../sql.ts';

// A table that leaves the publication and comes back, and a publication that is dropped and made again, have new numbers.
const FINGERPRINT = `
SELECT obj_description(p.oid, 'pg_publication') AS recorded,
       'migrate ' || hashtextextended(
         concat_ws(' ', p.oid, p.puballtables, p.pubinsert, p.pubupdate, p.pubdelete, p.pubtruncate, p.pubviaroot,
                   (SELECT string_agg(r.oid::text, ',' ORDER BY r.oid) FROM pg_publication_rel r WHERE r.prpubid = p.oid)),
         0) AS actual
FROM pg_publication p
WHERE p.pubname = $1`;

/** Publishes every kind of change of exactly these tables. To be called in a transaction. */
export async function createPublication(session: Session, name: string, tables: readonly Table[]): Promise<void> {
  // ONLY: the children of a table are captured under their own names or not at all.
  const list = tables.map((table) => `ONLY ${quoteTable(table)}`).join(', ');
  await session.query(
    `CREATE PUBLICATION ${quoteName(name)} ${list === '' ? '' : `FOR TABLE ${list} `}` +
      `WITH (publish = 'insert, update, delete, truncate', publish_via_partition_root = false)`,
  );
  const made = await session.one(FINGERPRINT, [name]);
  await session.query(`COMMENT ON PUBLICATION ${quoteName(name)} IS ${quoteLiteral(made?.actual ?? '')}`);
}

export async function dropPublication(session: Session, name: string): Promise<void> {
  await session.query(`DROP PUBLICATION IF EXISTS ${quoteName(name)}`);
}

/** Rejects with SCHEMA.CHANGED when the publication is not as `createPublication` made it. */
export async function checkPublication(session: Session, name: string): Promise<void> {
  const found = await session.one(FINGERPRINT, [name]);
  if (found === undefined) {
    throw new MigrateError(
      'SCHEMA.CHANGED',
      `publication ${name} was dropped: changes may be missing from the stream`,
      {
        fix: 'The gap cannot be closed: abort with --drop and start again.',
        where: name,
      },
    );
  }
  if (found.recorded === found.actual) return;
  throw new MigrateError(
    'SCHEMA.CHANGED',
    `publication ${name} was altered, or a captured table was dropped: changes may be missing from the stream`,
    { fix: 'The gap cannot be closed: abort with --drop and start again.', where: name },
  );
}

/** The numbers of the published tables. */
export async function publishedRelations(session: Session, name: string): Promise<ReadonlySet<number>> {
  const rows = await session.query(
    `SELECT r.prrelid::text AS relation
     FROM pg_publication p JOIN pg_publication_rel r ON r.prpubid = p.oid
     WHERE p.pubname = $1`,
    [name],
  );
  return new Set(rows.map((row) => Number(row.relation)));
}
