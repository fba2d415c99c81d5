// Reads the selected tables and what belongs to them, in one snapshot. What cannot be described (foreign tables) is left
// out: the preflight names it.

import type { Catalog, SequenceDefinition } from '../../model/catalog.ts';
import type { TableName } from '../../model/table.ts';
import type { TableSelection } from '../source.ts';
import { COLUMNS, CONSTRAINTS, INDEXES, SEQUENCES, TABLES } from './catalog-queries.ts';
import { NOT_CARRIED } from './catalog-rest.ts';
import { type TableRows, toName, toParent, toTable } from './catalog-tables.ts';
import { readTypes } from './catalog-types.ts';
import type { Session, TextRow } from './connection.ts';
import { field, isTrue } from './row.ts';
import { selectionValues } from './selection.ts';

/** The schema of the selected tables. Names and texts come out qualified: the session's search_path is pg_catalog. */
export function readCatalog(session: Session, selection: TableSelection): Promise<Catalog> {
  return session.transaction(
    () => readCatalogHere(session, selection),
    'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY',
  );
}

/** The same in the caller's transaction. */
export async function readCatalogHere(session: Session, selection: TableSelection): Promise<Catalog> {
  const values = selectionValues(selection);
  const rows = await session.query(TABLES, values);
  const oids = rows.map((row) => field(row, 'oid'));
  const names = new Map(rows.map((row) => [field(row, 'oid'), toName(row)]));
  const columns = groupBy(await session.query(COLUMNS, [oids]), 'attrelid');
  const objects = groupBy(
    [...(await session.query(CONSTRAINTS, [oids])), ...(await session.query(INDEXES, [oids]))],
    'table_oid',
  );
  const types = await readTypes(session, oids);
  const read = (row: TextRow): TableRows => {
    const oid = field(row, 'oid');
    return { row, columns: columns.get(oid) ?? [], objects: objects.get(oid) ?? [], names, types: types.facts };
  };
  const tables = rows.filter(({ relkind }) => relkind === 'r').map((row) => toTable(read(row)));
  const parents = rows
    .filter(({ relkind }) => relkind === 'p')
    .sort((one, other) => Number(one.depth) - Number(other.depth))
    .map((row) => toParent(read(row)));
  const sequences = (await session.query(SEQUENCES, [...values, oids])).map((row) => toSequence(row, names));
  const tableSchemas = [...tables, ...parents].map(({ table }) => table.schema);
  const others = [...types.definitions, ...sequences].map(({ schema }) => schema);
  const rest = await session.query(NOT_CARRIED, [oids, [...new Set(tableSchemas)], types.created]);
  return {
    tables,
    parents,
    types: types.definitions,
    extensions: types.extensions,
    sequences,
    schemas: [...new Set([...tableSchemas, ...others])].sort(),
    notCarried: rest.map((row) => field(row, 'object')),
  };
}

function groupBy(rows: readonly TextRow[], name: string): ReadonlyMap<string, readonly TextRow[]> {
  const groups = new Map<string, TextRow[]>();
  for (const row of rows) {
    const group = groups.get(field(row, name));
    if (group === undefined) groups.set(field(row, name), [row]);
    else group.push(row);
  }
  return groups;
}

function toSequence(row: TextRow, names: ReadonlyMap<string, TableName>): SequenceDefinition {
  const table = row.table_oid === null ? undefined : names.get(field(row, 'table_oid'));
  return {
    schema: field(row, 'nspname'),
    name: field(row, 'relname'),
    type: field(row, 'type'),
    start: field(row, 'seqstart'),
    increment: field(row, 'seqincrement'),
    minimum: field(row, 'seqmin'),
    maximum: field(row, 'seqmax'),
    cache: field(row, 'seqcache'),
    cycle: isTrue(row, 'seqcycle'),
    // The owner may be a table that is not captured; then the sequence stands alone on the target.
    owner:
      table === undefined
        ? null
        : { table: table.id, column: field(row, 'attname'), identity: isTrue(row, 'identity') },
    users: (row.users ?? '').split(',').flatMap((oid) => names.get(oid)?.id ?? []),
    comment: row.comment ?? null,
  };
}
