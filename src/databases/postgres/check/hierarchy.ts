// Checks of tables that are parts or heirs of others.

import { tableId } from '../../../model/table.ts';
import { errorFinding, excludeCure, warningFinding } from '../../findings.ts';
import { field } from '../row.ts';
import type { SourceCheck } from './source-subject.ts';

/** A write through a table that is not captured would reach a captured one past the fence. */
export const ancestors: SourceCheck = async ({ session, oids, context }) => {
  const rows = await session.query(
    `SELECT n.nspname, c.relname, pn.nspname AS parent_schema, p.relname AS parent_name
     FROM pg_inherits h
     JOIN pg_class c ON c.oid = h.inhrelid JOIN pg_namespace n ON n.oid = c.relnamespace
     JOIN pg_class p ON p.oid = h.inhparent JOIN pg_namespace pn ON pn.oid = p.relnamespace
     WHERE h.inhrelid = ANY ($1::oid[]) AND NOT h.inhparent = ANY ($1::oid[])
     ORDER BY 1, 2, h.inhseqno`,
    [oids],
  );
  return rows.map((row) => {
    const parent = `${field(row, 'parent_schema')}.${field(row, 'parent_name')}`;
    return errorFinding({
      code: 'PARENT',
      subject: tableId(field(row, 'nspname'), field(row, 'relname')),
      message: `it is a part of ${parent}, which the plan does not select: writes through that could not be stopped`,
      cure: `tables: { include: ${JSON.stringify([...context.selection.include, parent])} }  # in the plan`,
    });
  });
};

/** Left out on purpose, perhaps: its rows will be missing from the table that it is a part of. */
export const partsLeftOut: SourceCheck = async ({ session, oids, context }) => {
  const rows = await session.query(
    `SELECT n.nspname, c.relname, h.inhparent::regclass::text AS parent
     FROM pg_inherits h JOIN pg_class c ON c.oid = h.inhrelid JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE h.inhparent = ANY ($1::oid[]) AND NOT h.inhrelid = ANY ($1::oid[]) AND c.relkind IN ('r', 'p', 'f')
     ORDER BY 1, 2`,
    [oids],
  );
  return rows.map((row) => {
    const part = `${field(row, 'nspname')}.${field(row, 'relname')}`;
    return warningFinding({
      code: 'PART_LEFT_OUT',
      subject: tableId(field(row, 'nspname'), field(row, 'relname')),
      message: `it is a part of ${field(row, 'parent')}, and the plan does not select it: its rows stay behind`,
      cure: `tables: { include: ${JSON.stringify([...context.selection.include, part])} }  # in the plan`,
    });
  });
};

/** What makes or drops partitions by a schedule does not know of the run, and stops it. */
export const partitioned: SourceCheck = async ({ session, oids }) => {
  const rows = await session.query(
    `SELECT n.nspname, c.relname FROM pg_partitioned_table t
     JOIN pg_class c ON c.oid = t.partrelid JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE t.partstrat <> 'h' AND c.oid = ANY ($1::oid[])
       AND NOT EXISTS (SELECT FROM pg_inherits h WHERE h.inhrelid = c.oid AND h.inhparent = ANY ($1::oid[]))
     ORDER BY 1, 2`,
    [oids],
  );
  return rows.map((row) =>
    warningFinding({
      code: 'PARTITIONED',
      subject: tableId(field(row, 'nspname'), field(row, 'relname')),
      message:
        'it is partitioned: a partition that is made, attached, detached or dropped during the run stops the run',
      cure:
        'Make the partitions that will be needed before the cutover now, and pause what makes or drops them' +
        ' by a schedule (pg_partman, cron) from the beginning of the run to its end.',
    }),
  );
};

/** The hash of an enum's value is made of a number that is another one on the target. */
export const hashOfEnum: SourceCheck = async ({ session, oids }) => {
  const rows = await session.query(
    `SELECT n.nspname, c.relname FROM pg_partitioned_table t
     JOIN pg_class c ON c.oid = t.partrelid JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE t.partstrat = 'h' AND t.partrelid = ANY ($1::oid[]) AND EXISTS (
       SELECT FROM unnest(t.partclass::oid[]) u(class) JOIN pg_opclass o ON o.oid = u.class
       WHERE o.opcintype IN ('anyenum'::regtype, 'record'::regtype))
     ORDER BY 1, 2`,
    [oids],
  );
  return rows.map((row) =>
    errorFinding({
      code: 'HASH_OF_ENUM',
      subject: tableId(field(row, 'nspname'), field(row, 'relname')),
      message: 'it is partitioned by the hash of an enum or a row, which differs from server to server',
      cure: excludeCure(`${field(row, 'nspname')}.${field(row, 'relname')}`),
    }),
  );
};
