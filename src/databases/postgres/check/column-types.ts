// Checks of the types of the selected tables' columns.

import type { Finding } from '../../../model/finding.ts';
import { errorFinding, excludeCure, warningFinding } from '../../findings.ts';
import { readTypes } from '../catalog-types.ts';
import type { Session, TextRow } from '../connection.ts';
import { field } from '../row.ts';
import { quoteName, quoteTable } from '../sql.ts';
import { betterType, namesObjects, numbersObjects, type TypeFacts, whyNotCarried } from '../types.ts';
import { columnOf } from './columns.ts';
import type { SourceCheck } from './source-subject.ts';

interface TypedColumn {
  readonly row: TextRow;
  readonly type: TypeFacts;
}

/** A value travels as text: one that has none, or none that means the same elsewhere, cannot. */
export const columnTypes: SourceCheck = async ({ session, oids }) => {
  const columns = await readColumns(session, oids);
  return columns.flatMap(({ row, type }): readonly Finding[] => {
    const reason = whyNotCarried(type);
    if (reason !== null) return [refused(row, type, reason)];
    if (!namesObjects(type)) return [];
    return [
      warningFinding({
        code: 'OBJECT_NAMES',
        subject: columnOf(row),
        message:
          `its type ${field(row, 'type')} holds names of database objects: the run stops at one that does not exist on the` +
          ' target yet, and goes on when it was made there',
      }),
    ];
  });
};

/** Large objects lie outside of all tables, and no log carries them. */
export const largeObjects: SourceCheck = async ({ session, oids }) => {
  if ((await session.one('SELECT 1 FROM pg_largeobject_metadata LIMIT 1')) === undefined) return [];
  const columns = await readColumns(session, oids);
  return columns
    .filter(({ type }) => numbersObjects(type))
    .map(({ row }) =>
      warningFinding({
        code: 'LARGE_OBJECTS',
        subject: columnOf(row),
        message: 'its numbers are carried; the large objects that they may stand for are not',
      }),
    );
};

async function readColumns(session: Session, tables: readonly string[]): Promise<readonly TypedColumn[]> {
  const { facts } = await readTypes(session, tables);
  const rows = await session.query(
    `SELECT n.nspname, c.relname, a.attname, a.atttypid, format_type(a.atttypid, a.atttypmod) AS type
     FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE a.attrelid = ANY ($1::oid[]) AND a.attnum > 0 AND NOT a.attisdropped
     ORDER BY 1, 2, a.attnum`,
    [tables],
  );
  return rows.flatMap((row) => {
    const type = facts.get(field(row, 'atttypid'));
    return type === undefined ? [] : [{ row, type }];
  });
}

function refused(row: TextRow, type: TypeFacts, reason: string): Finding {
  const table = { schema: field(row, 'nspname'), name: field(row, 'relname') };
  const better = betterType(type);
  return errorFinding({
    code: 'COLUMN_TYPE',
    subject: columnOf(row),
    message: `its type ${field(row, 'type')} is ${reason}, not carried by this version`,
    cure:
      better === null
        ? excludeCure(`${table.schema}.${table.name}`)
        : `ALTER TABLE ${quoteTable(table)} ALTER COLUMN ${quoteName(field(row, 'attname'))} TYPE ${better};`,
  });
}
