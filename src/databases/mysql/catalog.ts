// Reads the selected tables and what belongs to them. information_schema knows no snapshot: a table that is altered meanwhile
// may be described half and half, which the comparison with the log finds.

import type { Catalog, TableDefinition } from '../../model/catalog.ts';
import { tableId } from '../../model/table.ts';
import type { TableSelection } from '../source.ts';
import { withBinaryDefaults } from './binary-defaults.ts';
import { CHECKS, COLUMNS, FOREIGN_KEYS, INDEXES, OTHERS, TABLES } from './catalog-queries.ts';
import { grouped, toSequences, toTable } from './catalog-tables.ts';
import type { MysqlSession, TextRow } from './connection.ts';
import { readDescriptions } from './descriptions.ts';
import { OWN_SCHEMAS, selectedBy } from './selection.ts';
import { quoteLiteral } from './sql.ts';

export async function readCatalog(session: MysqlSession, selection: TableSelection): Promise<Catalog> {
  const [server] = await session.query('SELECT VERSION()');
  const isMariadb = /mariadb/i.test(server?.[0] ?? '');
  // Else what it tells of sizes may be a day old.
  if (!isMariadb) await session.query('SET SESSION information_schema_stats_expiry = 0');
  const isSelected = selectedBy(selection);
  const candidates = (await session.query('SELECT SCHEMA_NAME FROM information_schema.SCHEMATA'))
    .map(([schema]) => schema ?? '')
    .filter((schema) => !OWN_SCHEMAS.includes(schema));
  const all = candidates.length === 0 ? [] : await readDescriptions(session, TABLES(list(candidates)));
  const found = all.filter(([schema, name]) => isSelected({ schema: schema ?? '', name: name ?? '' }));
  // Only such a table is part of a snapshot, and has a past that is the same for all who see it.
  const carried = found.filter(([, , type, engine]) => type === 'BASE TABLE' && engine === 'InnoDB');
  const schemas = [...new Set(found.map(([schema]) => schema ?? ''))].sort();
  const tables = carried.length === 0 ? [] : await readTables(session, isMariadb, carried, list(schemas));
  const others = schemas.length === 0 ? [] : await readDescriptions(session, OTHERS(list(schemas)));
  return {
    tables,
    parents: [],
    types: [],
    extensions: [],
    sequences: tables.flatMap(toSequences),
    schemas: [...new Set(tables.map(({ table }) => table.schema))].sort(),
    notCarried: [...found.filter((row) => !carried.includes(row)).map(otherTable), ...others.map(otherObject)],
  };
}

async function readTables(
  session: MysqlSession,
  isMariadb: boolean,
  carried: readonly TextRow[],
  schemas: string,
): Promise<readonly TableDefinition[]> {
  const own = new Set(carried.map(idOf));
  const columnRows = (await readDescriptions(session, COLUMNS(schemas, isMariadb))).filter((row) => own.has(idOf(row)));
  const columns = byTable(isMariadb ? columnRows : await withBinaryDefaults(session, columnRows));
  const results: ReadonlyMap<string, readonly TextRow[]>[] = [];
  for (const statement of [INDEXES(schemas, isMariadb), FOREIGN_KEYS(schemas), CHECKS(schemas, isMariadb)]) {
    results.push(byTable(await readDescriptions(session, statement)));
  }
  const [indexes, foreignKeys, checks] = results;
  const tables = carried.map((table) => {
    const id = idOf(table);
    return toTable({
      isMariadb,
      table,
      columns: columns.get(id) ?? [],
      indexes: indexes?.get(id) ?? [],
      foreignKeys: foreignKeys?.get(id) ?? [],
      checks: checks?.get(id) ?? [],
    });
  });
  const ids = new Set(tables.map(({ table }) => table.id));
  return tables.map((definition) => ({
    ...definition,
    foreignKeys: definition.foreignKeys.map((key) =>
      key.references !== null && ids.has(key.references) ? key : { ...key, references: null },
    ),
  }));
}

function byTable(rows: readonly TextRow[]): ReadonlyMap<string, readonly TextRow[]> {
  return grouped(
    rows.map((row) => [...row, idOf(row)]),
    rows[0]?.length ?? 0,
  );
}

function idOf([schema, name]: TextRow): string {
  return tableId(schema ?? '', name ?? '');
}

function otherTable(row: TextRow): string {
  const [, , type, engine] = row;
  return type === 'BASE TABLE' ? `table ${idOf(row)} (engine ${engine})` : `${(type ?? '').toLowerCase()} ${idOf(row)}`;
}

function otherObject([kind, schema, name, table]: TextRow): string {
  const id = tableId(schema ?? '', name ?? '');
  return table === null ? `${kind} ${id}` : `${kind} ${name} on ${tableId(schema ?? '', table ?? '')}`;
}

function list(texts: readonly string[]): string {
  return texts.map(quoteLiteral).join(', ');
}
