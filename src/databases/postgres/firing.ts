// Triggers and rules that act on the rows a run writes: what they write in turn is nothing the source has, and where the
// fence lets the run's own sessions pass, it lets them pass as well.

import type { TableName } from '../../model/table.ts';
import type { Session } from './connection.ts';
import { FENCE_TRIGGER } from './fence/function.ts';
import { field } from './row.ts';
import { quoteTable } from './sql.ts';

export interface Firing {
  readonly kind: 'TRIGGER' | 'RULE';
  readonly name: string;
  readonly table: TableName;
}

/** `switchesOff`: the run's sessions are those of a replica, for which only some of them act. */
export async function readFiring(
  session: Session,
  tables: readonly TableName[],
  switchesOff: boolean,
): Promise<readonly Firing[]> {
  const rows = await session.query(
    `SELECT 'TRIGGER' AS kind, tgname::text AS name, n FROM unnest($1::text[]) WITH ORDINALITY AS t(name, n)
     JOIN pg_trigger ON tgrelid = to_regclass(t.name)
     WHERE NOT tgisinternal AND tgname <> '${FENCE_TRIGGER}' AND tgenabled::text = ANY ($2::text[])
     UNION ALL SELECT 'RULE', rulename::text, n FROM unnest($1::text[]) WITH ORDINALITY AS t(name, n)
     JOIN pg_rewrite ON ev_class = to_regclass(t.name)
     WHERE rulename <> '_RETURN' AND ev_enabled::text = ANY ($2::text[])
     ORDER BY 3, 1, 2`,
    [tables.map(quoteTable), switchesOff ? ['A', 'R'] : ['A', 'O']],
  );
  return rows.flatMap((row) => {
    const table = tables[Number(row.n) - 1];
    const kind = row.kind === 'RULE' ? 'RULE' : 'TRIGGER';
    return table === undefined ? [] : [{ kind, name: field(row, 'name'), table }];
  });
}
