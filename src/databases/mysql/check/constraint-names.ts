// Check of a target: checks and foreign keys are named within their database there, so that another table may have the name.

import type { TableObjectDefinition } from '../../../model/catalog.ts';
import type { Finding } from '../../../model/finding.ts';
import { type TableName, tableId } from '../../../model/table.ts';
import { errorFinding } from '../../findings.ts';
import { readNaming, schemasOf } from '../schema-state.ts';
import { quoteName, quoteTable } from '../sql.ts';
import type { TargetCheck } from './target.ts';

interface Holder {
  readonly table: TableName;
  readonly isOfRun: boolean;
}

export const constraintNames: TargetCheck = async ({ session, catalog }) => {
  const nameOf = await readNaming(session);
  const rows = await session.query(
    `SELECT CONSTRAINT_TYPE, TABLE_SCHEMA, TABLE_NAME, CONSTRAINT_NAME FROM information_schema.TABLE_CONSTRAINTS
     WHERE CONSTRAINT_TYPE IN ('CHECK', 'FOREIGN KEY') AND TABLE_SCHEMA IN (${schemasOf(catalog)})`,
  );
  const holders = new Map<string, Holder>();
  // Whatever their case; checks do not get into the way of foreign keys.
  const place = (kind: string, schema: string, name: string): string =>
    JSON.stringify([kind, nameOf({ schema, name: '' }), name.toLowerCase()]);
  // One under the name of a table of the run has to be moved away with all it has.
  const own = new Set(catalog.tables.map(({ table }) => nameOf(table)));
  for (const [kind = '', schema, table, name] of rows.map((row) => row.map((text) => text ?? ''))) {
    const holder = { schema: schema ?? '', name: table ?? '' };
    if (own.has(nameOf(holder))) continue;
    holders.set(place(kind, holder.schema, name ?? ''), {
      table: { ...holder, id: tableId(holder.schema, holder.name) },
      isOfRun: false,
    });
  }
  const check = (kind: string, table: TableName, { name }: TableObjectDefinition): Finding | undefined => {
    const wanted = place(kind, table.schema, name);
    const holder = holders.get(wanted);
    if (holder !== undefined) return taken(kind, table, name, holder);
    holders.set(wanted, { table, isOfRun: true });
    return undefined;
  };
  return catalog.tables.flatMap(({ table, checks, foreignKeys }) => [
    ...checks.flatMap((one) => check('CHECK', table, one) ?? []),
    ...foreignKeys.flatMap((one) => check('FOREIGN KEY', table, one) ?? []),
  ]);
};

function taken(kind: string, table: TableName, name: string, holder: Holder): Finding {
  const what = `${kind === 'CHECK' ? 'check' : 'foreign key'} ${quoteName(name)}`;
  const drop = `ALTER TABLE ${quoteTable(holder.table)} DROP ${kind} ${quoteName(name)};`;
  return errorFinding({
    code: 'TARGET_CONSTRAINT',
    subject: `${what} on ${table.id}`,
    message: `${holder.isOfRun ? `${holder.table.id} of the run` : holder.table.id} has one of this name in the same database of the target`,
    cure: holder.isOfRun
      ? `Give one of them another name on the source, or one of the tables another database in tables.map.`
      : `${drop} -- on the target; make it again under another name (SHOW CREATE TABLE ${quoteTable(holder.table)} has its text)`,
  });
}
