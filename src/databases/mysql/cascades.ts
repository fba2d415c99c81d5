// Foreign keys that change rows by themselves. MariaDB, and MySQL where its engine checks foreign keys, log only the change
// that began it: rows that went with it would stay on the target.

import { MigrateError } from '../../lib/errors.ts';
import { type Table, tableId } from '../../model/table.ts';
import type { MysqlSession } from './connection.ts';

const ACTIONS = `SELECT CONSTRAINT_SCHEMA, TABLE_NAME, CONSTRAINT_NAME FROM information_schema.REFERENTIAL_CONSTRAINTS
  WHERE UPDATE_RULE IN ('CASCADE', 'SET NULL', 'SET DEFAULT') OR DELETE_RULE IN ('CASCADE', 'SET NULL', 'SET DEFAULT')`;

/** Rejects with SOURCE.REFUSED, naming every such foreign key of these tables, unless the server logs what they do. */
export async function refuseUnloggedCascades(session: MysqlSession, tables: readonly Table[]): Promise<void> {
  // MySQL has it since it checks foreign keys above the engine.
  const [native] = await session.query("SHOW VARIABLES LIKE 'innodb_native_foreign_keys'");
  if (native?.[1] === 'OFF') return;
  const captured = new Set<string>(tables.map(({ id }) => id));
  const found = (await session.query(ACTIONS))
    .map(([schema, table, name]) => ({ id: tableId(schema ?? '', table ?? ''), name }))
    .filter(({ id }) => captured.has(id));
  if (found.length === 0) return;
  const names = found.map(({ id, name }) => `${name} on ${id}`).join(', ');
  throw new MigrateError('SOURCE.REFUSED', `the log does not have what these foreign keys change: ${names}`, {
    fix: 'Make them ON DELETE RESTRICT ON UPDATE RESTRICT and let the application do it, or exclude their tables.',
  });
}
