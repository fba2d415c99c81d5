// The types of a run's columns as Debezium writes them, asked of the server: a domain is what it is made of.

import type { Table } from '../../../model/table.ts';
import type { Session } from '../connection.ts';
import { field, isTrue } from '../row.ts';
import type { WrittenType } from './values.ts';

const WRITTEN = `
WITH RECURSIVE asked AS (SELECT name, to_regtype(name)::oid AS oid FROM unnest($1::text[]) AS name),
made(name, oid, declared) AS (
  SELECT name, oid, name FROM asked
  UNION ALL
  SELECT m.name, t.typbasetype, format_type(t.typbasetype, t.typtypmod)
  FROM made m JOIN pg_type t ON t.oid = m.oid WHERE t.typtype = 'd')
SELECT m.name, m.declared, e.typname AS written, e.typtype, e.oid <> t.oid AS is_array,
       CASE WHEN EXISTS (SELECT FROM pg_depend d
                         WHERE d.classid = 'pg_type'::regclass AND d.objid = e.oid AND d.deptype = 'e') THEN 'extension'
            WHEN n.nspname = 'pg_catalog' THEN 'system' ELSE 'user' END AS origin
FROM made m JOIN pg_type t ON t.oid = m.oid
LEFT JOIN pg_type element ON element.oid = t.typelem AND element.typarray = t.oid
JOIN pg_type e ON e.oid = coalesce(element.oid, t.oid)
JOIN pg_namespace n ON n.oid = e.typnamespace
WHERE t.typtype <> 'd'`;

/** By the name that columns have for it. Types that the server does not know any more are missing. */
export async function readWrittenTypes(
  session: Session,
  tables: readonly Table[],
): Promise<ReadonlyMap<string, WrittenType>> {
  const names = [...new Set(tables.flatMap(({ columns }) => columns.map(({ type }) => type)))];
  const rows = await session.query(WRITTEN, [names]);
  return new Map(
    rows.map((row) => [
      field(row, 'name'),
      {
        name: field(row, 'written'),
        kind: field(row, 'typtype'),
        origin: originOf(field(row, 'origin')),
        isArray: isTrue(row, 'is_array'),
        declared: field(row, 'declared'),
      },
    ]),
  );
}

function originOf(text: string): WrittenType['origin'] {
  return text === 'system' || text === 'extension' ? text : 'user';
}
