// Checks of the selected tables: what kinds they are of, and how they hang together.

import type { Finding } from '../../../model/finding.ts';
import { tableId } from '../../../model/table.ts';
import { errorFinding, excludeCure } from '../../findings.ts';
import { grantAllRows } from '../rights.ts';
import { field, isTrue } from '../row.ts';
import { IS_SELECTED, selectionValues } from '../selection.ts';
import { quoteName, quoteTable } from '../sql.ts';
import type { SourceCheck } from './source-subject.ts';

export const selected: SourceCheck = async ({ session, context, tables }) => {
  const findings: Finding[] = [];
  for (const pattern of context.selection.include) {
    const values = selectionValues({ include: [pattern], exclude: [] });
    const found = await session.one(
      `SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
       WHERE c.relkind IN ('r', 'p', 'f') AND ${IS_SELECTED} LIMIT 1`,
      values,
    );
    if (found !== undefined) continue;
    findings.push(
      errorFinding({
        code: 'NO_MATCH',
        subject: `tables.include: ${pattern}`,
        message: 'no table matches',
        cure: `Write it as schema.name; * is any text. ${pattern.includes('.') ? '' : `For example: "*.${pattern}"`}`.trim(),
      }),
    );
  }
  if (tables.length === 0) {
    findings.push(
      errorFinding({
        code: 'NO_TABLES',
        subject: 'tables',
        message: 'the plan selects no table',
        cure: 'tables: { include: ["public.*"] }  # in the plan',
      }),
    );
  }
  return findings;
};

const KINDS = [
  { code: 'FOREIGN_TABLE', reason: 'foreign tables', holds: "c.relkind = 'f'" },
  { code: 'RULE', reason: 'tables with rules', holds: 'EXISTS (SELECT FROM pg_rewrite w WHERE w.ev_class = c.oid)' },
  { code: 'TYPED_TABLE', reason: 'tables of a composite type', holds: 'c.reloftype <> 0' },
] as const;

/** Tables that this version does not carry, by what they are. */
export const kinds: SourceCheck = async ({ session, oids }) => {
  const rows = await session.query(
    `SELECT n.nspname, c.relname, ${KINDS.map(({ code, holds }) => `${holds} AS ${quoteName(code)}`).join(', ')}
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.oid = ANY ($1::oid[])
     ORDER BY n.nspname, c.relname`,
    [oids],
  );
  return rows.flatMap((row) =>
    KINDS.filter(({ code }) => isTrue(row, code)).map(({ code, reason }) =>
      errorFinding({
        code,
        subject: tableId(field(row, 'nspname'), field(row, 'relname')),
        message: `${reason} are not carried by this version`,
        cure: excludeCure(`${field(row, 'nspname')}.${field(row, 'relname')}`),
      }),
    ),
  );
};

/** A policy that holds for the run's own role would hide rows from the copy. */
export const rowSecurity: SourceCheck = async ({ session, oids, facts }) => {
  const rows = await session.query(
    `SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.oid = ANY ($1::oid[]) AND c.relrowsecurity AND row_security_active(c.oid) ORDER BY 1, 2`,
    [oids],
  );
  return rows.map((row) =>
    errorFinding({
      code: 'ROW_SECURITY',
      subject: tableId(field(row, 'nspname'), field(row, 'relname')),
      message: `its row level security holds for role ${facts.role}: rows would be hidden from the copy`,
      cure: `${grantAllRows(facts.role)} -- as a superuser`,
    }),
  );
};

/** The log holds no rows of an unlogged table. */
export const unlogged: SourceCheck = async ({ session, oids, tables }) => {
  const rows = await session.query("SELECT oid FROM pg_class WHERE oid = ANY ($1::oid[]) AND relpersistence = 'u'", [
    oids,
  ]);
  const found = new Set(rows.map((row) => field(row, 'oid')));
  return tables
    .filter(({ oid }) => found.has(oid))
    .map((table) =>
      errorFinding({
        code: 'UNLOGGED',
        subject: table.id,
        message: 'unlogged tables are not carried by this version: the log holds none of their rows',
        cure: `ALTER TABLE ${table.quoted} SET LOGGED; -- rewrites the table under a lock`,
      }),
    );
};

export const foreignKeys: SourceCheck = async ({ session, oids, context }) => {
  const rows = await session.query(
    `SELECT n.nspname, c.relname, k.conname, fn.nspname AS other_schema, f.relname AS other_name
     FROM pg_constraint k
     JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
     JOIN pg_class f ON f.oid = k.confrelid JOIN pg_namespace fn ON fn.oid = f.relnamespace
     WHERE k.contype = 'f' AND k.conrelid = ANY ($1::oid[]) AND NOT k.confrelid = ANY ($1::oid[])
     ORDER BY 1, 2, 3`,
    [oids],
  );
  return rows.map((row) => {
    const other = `${field(row, 'other_schema')}.${field(row, 'other_name')}`;
    const include = JSON.stringify([...context.selection.include, other]);
    const table = { schema: field(row, 'nspname'), name: field(row, 'relname') };
    return errorFinding({
      code: 'FOREIGN_KEY',
      subject: tableId(table.schema, table.name),
      message: `foreign key ${field(row, 'conname')} points at ${other}, which the plan does not select`,
      cure:
        `tables: { include: ${include} }  # in the plan, or on the source:` +
        ` ALTER TABLE ${quoteTable(table)} DROP CONSTRAINT ${quoteName(field(row, 'conname'))};`,
    });
  });
};
