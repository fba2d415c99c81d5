// What reading the log needs to know of the server: who it is, how it writes texts, and which columns it computes itself.

import type { Connection, RowDataPacket } from 'mysql2';
import type { Table } from '../../../model/table.ts';
import { charset, needsTable, tableStatement } from './charsets.ts';
import type { CapturedTable } from './tables.ts';
import type { Charset, CharsetOf } from './types.ts';

export interface SourceFacts {
  readonly isMariadb: boolean;
  readonly caseSensitive: boolean;
  readonly charsetOf: CharsetOf;
  readonly captured: readonly CapturedTable[];
}

type Texts = readonly (string | null)[];

/** The rows of a statement, every value as text. */
export async function askTexts(
  connection: Connection,
  sql: string,
  values: readonly unknown[] = [],
): Promise<readonly Texts[]> {
  const [rows] = await connection.promise().query<RowDataPacket[][]>({
    sql,
    values: [...values],
    rowsAsArray: true,
    typeCast: (field) => field.string('utf8'),
  });
  return rows as unknown as readonly Texts[];
}

export async function readFacts(connection: Connection, tables: readonly Table[]): Promise<SourceFacts> {
  await connection.promise().query('SET NAMES utf8mb4');
  const [row = []] = await askTexts(connection, 'SELECT VERSION(), @@lower_case_table_names');
  const isMariadb = /mariadb/i.test(row[0] ?? '');
  const charsets = await readCharsets(connection, isMariadb);
  return {
    isMariadb,
    caseSensitive: row[1] === '0',
    charsetOf: (collation) => charsets.get(collation),
    captured: await readComputed(connection, tables),
  };
}

async function readCharsets(connection: Connection, isMariadb: boolean): Promise<ReadonlyMap<number, Charset>> {
  // MariaDB gives the newer collations a number for each character set, and only there.
  const collations = isMariadb
    ? 'information_schema.COLLATION_CHARACTER_SET_APPLICABILITY'
    : 'information_schema.COLLATIONS';
  const rows = await askTexts(
    connection,
    `SELECT c.ID, s.CHARACTER_SET_NAME, s.MAXLEN FROM ${collations} c
     JOIN information_schema.CHARACTER_SETS s ON s.CHARACTER_SET_NAME = c.CHARACTER_SET_NAME`,
  );
  const byName = new Map<string, Charset | undefined>();
  for (const [, name, longest] of rows) {
    if (name === null || name === undefined || byName.has(name)) continue;
    const maxBytes = Number(longest);
    const [table] = needsTable(name, maxBytes) ? await askTexts(connection, tableStatement(name)) : [];
    byName.set(name, charset(name, maxBytes, table?.[0] ?? undefined));
  }
  const found = new Map<number, Charset>();
  for (const [id, name] of rows) {
    const known = byName.get(name ?? '');
    if (known !== undefined) found.set(Number(id), known);
  }
  return found;
}

async function readComputed(connection: Connection, tables: readonly Table[]): Promise<readonly CapturedTable[]> {
  const schemas = [...new Set(tables.map(({ schema }) => schema))];
  const rows =
    schemas.length === 0
      ? []
      : await askTexts(
          connection,
          `SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME FROM information_schema.COLUMNS
           WHERE TABLE_SCHEMA IN (?) AND GENERATION_EXPRESSION <> ''`,
          [schemas],
        );
  return tables.map((table) => ({
    table,
    computed: rows
      .filter(([schema, name]) => schema === table.schema && name === table.name)
      .map(([, , column]) => column ?? ''),
  }));
}
