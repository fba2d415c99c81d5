// Triggers that act on the rows a run writes: what they write in turn is nothing the source has. The fence lets the run's own
// sessions pass, and with them whatever else stands on a table. Foreign keys do not act in these sessions; events know no rows.

import type { Catalog } from '../../model/catalog.ts';
import type { TableName } from '../../model/table.ts';
import type { MysqlSession } from './connection.ts';
import { readNaming, schemasOf } from './schema-state.ts';

export interface Firing {
  readonly trigger: string;
  readonly table: TableName;
}

/** Those that `isOwn` does not claim. */
export async function readFiring(
  session: MysqlSession,
  catalog: Catalog,
  isOwn: (trigger: string) => boolean,
): Promise<readonly Firing[]> {
  const nameOf = await readNaming(session);
  const tables = new Map(catalog.tables.map(({ table }) => [nameOf(table), table]));
  const rows = await session.query(
    `SELECT EVENT_OBJECT_SCHEMA, EVENT_OBJECT_TABLE, TRIGGER_NAME FROM information_schema.TRIGGERS
     WHERE EVENT_OBJECT_SCHEMA IN (${schemasOf(catalog)}) ORDER BY 1, 2, 3`,
  );
  return rows.flatMap(([schema, name, trigger]) => {
    const table = tables.get(nameOf({ schema: schema ?? '', name: name ?? '' }));
    return table === undefined || isOwn(trigger ?? '') ? [] : [{ trigger: trigger ?? '', table }];
  });
}
