// Tables of the target that are copied for the first time stand under hidden names in their own databases, without the fence's
// triggers, which would cost as much again for each row as writing it: nobody writes to what has no known name. Such a name
// follows from the run's id and the table's own name, so the server itself tells which tables are hidden.

import { createHash } from 'node:crypto';
import type { TableName } from '../../model/table.ts';
import type { MysqlSession } from './connection.ts';
import { readNaming } from './schema-state.ts';
import { quoteLiteral } from './sql.ts';

const DIGITS = 16;

/** A table where it stands until it is revealed; its id stays. */
export function hiddenTable<T extends TableName>(id: string, table: T): T {
  return { ...table, name: `${prefixOf(id)}${nameDigest(id, table.name)}` };
}

/** Short, in ASCII; of a hidden table it is that of its own name. */
export function nameDigest(id: string, name: string): string {
  return name.startsWith(prefixOf(id))
    ? name.slice(prefixOf(id).length)
    : createHash('sha256').update(name).digest('hex').slice(0, DIGITS);
}

export interface HiddenTables {
  readonly list: readonly Pick<TableName, 'schema' | 'name'>[];
  has(table: TableName): boolean;
  /** Under the name that it has now. */
  standing<T extends TableName>(table: T): T;
}

/** All that the run has on the server. */
export async function readHidden(session: MysqlSession, id: string): Promise<HiddenTables> {
  const nameOf = await readNaming(session);
  const prefix = prefixOf(id);
  const rows = await session.query(
    `SELECT TABLE_SCHEMA, TABLE_NAME FROM information_schema.TABLES
     WHERE LEFT(TABLE_NAME, ${prefix.length}) = ${quoteLiteral(prefix)} AND CHAR_LENGTH(TABLE_NAME) = ${prefix.length + DIGITS}`,
  );
  const list = rows.map(([schema, name]) => ({ schema: schema ?? '', name: name ?? '' }));
  const names = new Set(list.map(nameOf));
  const has = (table: TableName): boolean => names.has(nameOf(hiddenTable(id, table)));
  return { list, has, standing: (table) => (has(table) ? hiddenTable(id, table) : table) };
}

function prefixOf(id: string): string {
  return `migrate_${id}_`;
}
