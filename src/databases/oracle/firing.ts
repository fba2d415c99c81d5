// Triggers that act on the rows a run writes: what they write in turn is nothing the source has. The fence lets the run's own
// sessions pass, and with them whatever else stands on a table.

import type { Catalog } from '../../model/catalog.ts';
import type { TableName } from '../../model/table.ts';
import type { OracleSession } from './connection.ts';
import { type Named, nameOf, schemasOf, text } from './schema-state.ts';
import { quoteLiteral } from './sql.ts';

export interface Firing {
  readonly trigger: Named;
  readonly table: TableName;
}

/** Those that are enabled and that `isOwn` does not claim. A trigger may be in another schema than its table. */
export async function readFiring(
  session: OracleSession,
  catalog: Catalog,
  isOwn: (trigger: string) => boolean,
): Promise<readonly Firing[]> {
  const tables = new Map(catalog.tables.map(({ table }) => [nameOf(table), table]));
  if (tables.size === 0) return [];
  const rows = await session.query(
    `SELECT TABLE_OWNER, TABLE_NAME, OWNER, TRIGGER_NAME FROM ALL_TRIGGERS
     WHERE STATUS = 'ENABLED' AND TABLE_OWNER IN (${schemasOf(catalog).map(quoteLiteral).join(', ')}) ORDER BY 1, 2, 3, 4`,
  );
  return rows.flatMap(([schema, name, owner, trigger]) => {
    const table = tables.get(nameOf({ schema: text(schema), name: text(name) }));
    if (table === undefined || isOwn(text(trigger))) return [];
    return [{ trigger: { schema: text(owner), name: text(trigger) }, table }];
  });
}
