// What became of the source's schema since a run read it.

import { MigrateError } from '../../lib/errors.ts';
import type { Catalog } from '../../model/catalog.ts';
import { type SchemaChange, type SchemaDrift, schemaChanges, whyNotFollowed } from '../../model/drift.ts';
import type { SchemaRecord, TableSelection } from '../source.ts';
import { readCatalog } from './catalog.ts';
import type { MysqlSession } from './connection.ts';
import { readFingerprint } from './fingerprint.ts';

const HIDDEN: SchemaChange = {
  what: 'something that no description shows, such as a part of a column in the primary key',
  undoable: false,
};

/** Undefined when the schema is the one that was recorded. Rejects with SOURCE.TRANSIENT while a table is being altered. */
export async function readDrift(
  session: MysqlSession,
  selection: TableSelection,
  record: SchemaRecord,
): Promise<SchemaDrift | undefined> {
  const fingerprint = await readFingerprint(session, selection);
  if (fingerprint === record.fingerprint) return undefined;
  const catalog = await readCatalog(session, selection);
  const found = [...schemaChanges(record.catalog, catalog), ...collationChanges(record.catalog, catalog)];
  // What brings the rest back is in the log as well, and stops its reader.
  const changes = found.length === 0 ? [HIDDEN] : found.map((one) => (one.added ? one : { ...one, undoable: false }));
  const added = changes.flatMap((change) => change.added ?? []);
  const known = await readFingerprint(session, selection, added);
  // No snapshot covers both.
  if ((await readFingerprint(session, selection)) !== fingerprint) {
    throw new MigrateError('SOURCE.TRANSIENT', 'source: the schema is being changed');
  }
  const notFollowed =
    whyNotFollowed(record.catalog, catalog, changes) ??
    whyNotLast(record.catalog, catalog) ??
    (known === record.fingerprint ? null : 'something else has changed that no description shows');
  return { fingerprint, catalog, changes, notFollowed };
}

/** A column in the middle would move the others, which the log of before has at their old places. */
function whyNotLast(before: Catalog, now: Catalog): string | null {
  const current = new Map(now.tables.map(({ table, columns }) => [table.id, columns]));
  for (const { table, columns } of before.tables) {
    const found = current.get(table.id) ?? [];
    const moved = columns.find(({ name }, place) => found[place]?.name !== name);
    if (moved !== undefined) return `column ${moved.name} of ${table.id} is at another place`;
  }
  return null;
}

function collationChanges(before: Catalog, now: Catalog): readonly SchemaChange[] {
  const current = new Map(now.tables.map(({ table, columns }) => [table.id, columns]));
  return before.tables.flatMap(({ table, columns }) =>
    columns.flatMap(({ name, type, collation }): readonly SchemaChange[] => {
      const is = current.get(table.id)?.find((column) => column.name === name);
      if (is === undefined || is.type !== type || is.collation === collation) return [];
      return [
        { what: `column ${name} of ${table.id} has collation ${is.collation}, not ${collation}`, undoable: true },
      ];
    }),
  );
}
