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

/** Tables that one transaction names, and so holds a lock on. */
export const PUBLISHED_AT_ONCE = 500;

/** Runs `work` in a transaction that proves the right to write. */
export type Proven = (session: Session, work: () => Promise<void>) => Promise<void>;

/** Publishes every kind of change of exactly these tables. Opens transactions; before the last one the comment is missing. */
export async function createPublication(
  session: Session,
  name: string,
  tables: readonly Table[],
  proven: Proven,
): Promise<void> {
  const publication = quoteName(name);
  await proven(session, async () => {
    await session.query(
      `CREATE PUBLICATION ${publication}` +
        " WITH (publish = 'insert, update, delete, truncate', publish_via_partition_root = false)",
    );
  });
  for (let from = 0; from < tables.length; from += PUBLISHED_AT_ONCE) {
    // ONLY: the children of a table are captured under their own names or not at all.
    const list = tables.slice(from, from + PUBLISHED_AT_ONCE).map((table) => `ONLY ${quoteTable(table)}`);
    await proven(session, async () => {
      await session.query(`ALTER PUBLICATION ${publication} ADD TABLE ${list.join(', ')}`);
    });
  }
  await proven(session, () => sign(session, name));
}

/**
 * Adds one table, in the caller's transaction; one that is published already stays as it is. Rejects with SCHEMA.CHANGED when
 * the publication is not as it was made: what somebody else did to it must not get our fingerprint. The lock waits for whoever has
 * written to the table: older servers go on leaving out a table that a transaction met before it was published.
 */
export async function extendPublication(session: Session, name: string, table: Table): Promise<void> {
  await session.query(`LOCK TABLE ONLY ${quoteTable(table)} IN SHARE ROW EXCLUSIVE MODE`);
  await checkPublication(session, name);
  const published = await session.one(
    `SELECT 1 FROM pg_publication p JOIN pg_publication_rel r ON r.prpubid = p.oid
     WHERE p.pubname = $1 AND r.prrelid = to_regclass($2)`,
    [name, quoteTable(table)],
  );
  if (published !== undefined) return;
  await session.query(`ALTER PUBLICATION ${quoteName(name)} ADD TABLE ONLY ${quoteTable(table)}`);
  await sign(session, name);
}

/** Writes down what the publication is now. */
async function sign(session: Session, name: string): Promise<void> {
  const made = await session.one(FINGERPRINT, [name]);
  await session.query(`COMMENT ON PUBLICATION ${quoteName(name)} IS ${quoteLiteral(made?.actual ?? '')}`);
}

/** Idempotent. Opens transactions. */
export async function dropPublication(session: Session, name: string, proven: Proven): Promise<void> {
  const published = await session.query(
    `SELECT n.nspname, c.relname
     FROM pg_publication p JOIN pg_publication_rel r ON r.prpubid = p.oid
     JOIN pg_class c ON c.oid = r.prrelid JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE p.pubname = $1`,
    [name],
  );
  for (let from = 0; from + PUBLISHED_AT_ONCE < published.length; from += PUBLISHED_AT_ONCE) {
    const list = published
      .slice(from, from + PUBLISHED_AT_ONCE)
      .map((row) => `ONLY ${quoteTable({ schema: String(row.nspname), name: String(row.relname) })}`);
    await proven(session, async () => {
      await session.query(`ALTER PUBLICATION ${quoteName(name)} DROP TABLE ${list.join(', ')}`);
    });
  }
  await proven(session, async () => {
    await session.query(`DROP PUBLICATION IF EXISTS ${quoteName(name)}`);
  });
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
