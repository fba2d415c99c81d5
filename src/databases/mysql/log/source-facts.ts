// What reading the log needs to know of the server: who it is, how it writes texts, and which columns it computes itself.

import type { Connection, RowDataPacket } from 'mysql2';
import type { Table } from '../../../model/table.ts';
import { translateError } from '../errors.ts';
import { readTables } from './charset-tables.ts';
import { plainCharset } from './charsets.ts';
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
  const [rows] = await connection
    .promise()
    .query<RowDataPacket[][]>({
      sql,
      values: [...values],
      rowsAsArray: true,
      typeCast: (field) => field.string('utf8'),
    })
    .catch((error: unknown) => {
      throw translateError('source', error);
    });
  return rows as unknown as readonly Texts[];
}

export async function readFacts(connection: Connection, tables: readonly Table[]): Promise<SourceFacts> {
  await connection.promise().query('SET NAMES utf8mb4');
  const [row = []] = await askTexts(connection, 'SELECT VERSION(), @@lower_case_table_names');
  const isMariadb = /mariadb/i.test(row[0] ?? '');
  const columns = await readColumns(connection, tables);
  const charsets = await readCharsets(connection, isMariadb, new Set(columns.map(([, , , , charset]) => charset)));
  return {
    isMariadb,
    caseSensitive: row[1] === '0',
    charsetOf: (collation) => charsets.get(collation),
    captured: withComputed(tables, columns, await readPrimary(connection, tables)),
  };
}

function withComputed(
  tables: readonly Table[],
  columns: readonly Texts[],
  primary: ReadonlySet<string>,
): readonly CapturedTable[] {
  const computed = new Map<string, string[]>();
  for (const [schema, name, column, expression] of columns) {
    if (expression === '') continue;
    const table = `${schema}\0${name}`;
    computed.set(table, [...(computed.get(table) ?? []), column ?? '']);
  }
  return tables.map((table) => {
    const place = `${table.schema}\0${table.name}`;
    return { table, computed: computed.get(place) ?? [], hasPrimary: primary.has(place) };
  });
}

/** `used`: the character sets of the tables of the run. */
async function readCharsets(
  connection: Connection,
  isMariadb: boolean,
  used: ReadonlySet<string | null | undefined>,
): Promise<ReadonlyMap<number, Charset>> {
  // MariaDB gives the newer collations a number for each character set, and only there.
  const collations = isMariadb
    ? 'information_schema.COLLATION_CHARACTER_SET_APPLICABILITY'
    : 'information_schema.COLLATIONS';
  const rows = await askTexts(
    connection,
    `SELECT c.ID, s.CHARACTER_SET_NAME, s.MAXLEN FROM ${collations} c
     JOIN information_schema.CHARACTER_SETS s ON s.CHARACTER_SET_NAME = c.CHARACTER_SET_NAME`,
  );
  const byName = new Map<string, Charset>();
  const found = new Map<number, Charset>();
  for (const [id, name, longest] of rows) {
    if (name === null || name === undefined || name === 'binary') continue;
    const maxBytes = Number(longest);
    let known = byName.get(name) ?? plainCharset(name, maxBytes);
    if (known === undefined && used.has(name)) {
      known = { name, maxBytes, decode: await readTables(name, maxBytes, (sql) => askTexts(connection, sql)) };
    }
    if (known === undefined) continue;
    byName.set(name, known);
    found.set(Number(id), known);
  }
  return found;
}

/** Of the databases of the run: database, table, column, what computes it, and its character set. */
async function readColumns(connection: Connection, tables: readonly Table[]): Promise<readonly Texts[]> {
  const schemas = [...new Set(tables.map(({ schema }) => schema))];
  if (schemas.length === 0) return [];
  return askTexts(
    connection,
    `SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, COALESCE(GENERATION_EXPRESSION, ''), CHARACTER_SET_NAME
     FROM information_schema.COLUMNS WHERE TABLE_SCHEMA IN (?)`,
    [schemas],
  );
}

/** The tables with a primary key, as database and name. */
async function readPrimary(connection: Connection, tables: readonly Table[]): Promise<ReadonlySet<string>> {
  const schemas = [...new Set(tables.map(({ schema }) => schema))];
  if (schemas.length === 0) return new Set();
  const rows = await askTexts(
    connection,
    `SELECT DISTINCT TABLE_SCHEMA, TABLE_NAME FROM information_schema.STATISTICS
     WHERE INDEX_NAME = 'PRIMARY' AND TABLE_SCHEMA IN (?)`,
    [schemas],
  );
  return new Set(rows.map(([schema, name]) => `${schema}\0${name}`));
}
