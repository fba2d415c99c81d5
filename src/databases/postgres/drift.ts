// What became of the source's schema since a run read it, found out at one moment.

import { MigrateError } from '../../lib/errors.ts';
import {
  type AddedColumn,
  type SchemaChange,
  type SchemaDrift,
  schemaChanges,
  whyNotFollowed,
} from '../../model/drift.ts';
import type { SchemaRecord, TableSelection } from '../source.ts';
import { readCatalogHere } from './catalog.ts';
import { readTypes } from './catalog-types.ts';
import type { Session } from './connection.ts';
import { readFingerprint } from './fingerprint.ts';
import { field } from './row.ts';
import { whyNotCarried } from './types.ts';

// An ALTER TABLE that is under way holds what the catalog's functions wait for; the next look comes soon.
const LOCK_TIMEOUT = "SET LOCAL lock_timeout = '5s'";

const HIDDEN: SchemaChange = {
  what:
    'something that no description shows: a selected table was dropped and made again, or a part of one that is not' +
    ' selected was attached or detached',
  undoable: false,
};

/** Undefined when the schema is the one that was recorded. Rejects with SOURCE.TRANSIENT while a table is being altered. */
export function readDrift(
  session: Session,
  selection: TableSelection,
  record: SchemaRecord,
): Promise<SchemaDrift | undefined> {
  return session.transaction(async () => {
    await session.query(LOCK_TIMEOUT);
    const fingerprint = await readFingerprint(session, selection);
    if (fingerprint === record.fingerprint) return undefined;
    const catalog = await readCatalogHere(session, selection);
    const found = schemaChanges(record.catalog, catalog);
    const changes = found.length === 0 ? [HIDDEN] : found;
    const added = changes.flatMap((change) => change.added ?? []);
    const notFollowed =
      whyNotFollowed(record.catalog, catalog, changes) ??
      (await whyNotCarriedHere(session, added)) ??
      ((await readFingerprint(session, selection, added)) === record.fingerprint
        ? null
        : 'rows that were there may have a value in it, or something else has changed that no description shows');
    return { fingerprint, catalog, changes, notFollowed };
  }, 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
}

async function whyNotCarriedHere(session: Session, added: readonly AddedColumn[]): Promise<string | null> {
  const rows = await session.query(
    `SELECT c.oid, a.attname, a.atttypid FROM unnest($1::text[], $2::text[], $3::text[]) AS x(schema, name, col)
     JOIN pg_namespace n ON n.nspname = x.schema JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = x.name
     JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = x.col AND NOT a.attisdropped`,
    [added.map(({ table }) => table.schema), added.map(({ table }) => table.name), added.map(({ column }) => column)],
  );
  if (rows.length !== added.length) throw new MigrateError('SOURCE.TRANSIENT', 'source: the schema is being changed');
  const { facts } = await readTypes(session, [...new Set(rows.map((row) => field(row, 'oid')))]);
  for (const row of rows) {
    const type = facts.get(field(row, 'atttypid'));
    const reason = type === undefined ? 'unknown' : whyNotCarried(type);
    if (reason !== null) return `the type of column ${field(row, 'attname')} is ${reason}`;
  }
  return null;
}
