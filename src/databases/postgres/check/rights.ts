// Checks of what the run's role may do on the source.

import type { Finding } from '../../../model/finding.ts';
import { tableId } from '../../../model/table.ts';
import { field } from '../row.ts';
import { quoteName, quoteTable } from '../sql.ts';
import { errorFinding } from './facts.ts';
import type { SourceCheck } from './source-subject.ts';

export const replicationRight: SourceCheck = async ({ session, facts }) => {
  // Managed services grant it through a role of their own.
  const row = await session.one(
    `SELECT 1 FROM pg_roles WHERE rolname = current_user AND (rolreplication OR rolsuper)
     UNION ALL SELECT 1 FROM pg_roles WHERE rolname = 'rds_replication' AND pg_has_role(current_user, oid, 'USAGE')`,
  );
  if (row !== undefined) return [];
  return [
    errorFinding({
      code: 'REPLICATION',
      subject: `role ${facts.role}`,
      message: 'it may not read the log',
      cure: `ALTER ROLE ${facts.role} REPLICATION;`,
    }),
  ];
};

/** The publication and the fence's triggers can only be made, and removed again, by the owner. */
export const ownership: SourceCheck = async ({ session, facts, oids }) => {
  const rows = await session.query(
    `SELECT c.relowner::regrole::text AS owner, count(*) AS tables, min(c.oid::regclass::text) AS example
     FROM pg_class c WHERE c.oid = ANY ($1::oid[]) AND NOT pg_has_role(current_user, c.relowner, 'USAGE')
     GROUP BY 1 ORDER BY 1`,
    [oids],
  );
  return rows.map((row) =>
    errorFinding({
      code: 'OWNER',
      subject: `role ${field(row, 'owner')}`,
      message: `it owns ${field(row, 'tables')} of the tables (${field(row, 'example')}), and ${facts.role} is not a member of it`,
      cure: `GRANT ${field(row, 'owner')} TO ${facts.role};`,
    }),
  );
};

export const readRight: SourceCheck = async ({ session, facts, oids, catalog }) => {
  const findings: Finding[] = [];
  const schemas = await session.query(
    `SELECT DISTINCT n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.oid = ANY ($1::oid[]) AND NOT has_schema_privilege(n.oid, 'USAGE') ORDER BY 1`,
    [oids],
  );
  for (const row of schemas) {
    const schema = quoteName(field(row, 'nspname'));
    findings.push(
      errorFinding({
        code: 'USAGE',
        subject: `schema ${field(row, 'nspname')}`,
        message: `role ${facts.role} may not use it`,
        cure: `GRANT USAGE ON SCHEMA ${schema} TO ${facts.role};`,
      }),
    );
  }
  const relations = await session.query(
    `SELECT n.nspname, c.relname, c.relkind FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE NOT has_table_privilege(c.oid, 'SELECT')
       AND (c.oid = ANY ($1::oid[]) OR (c.relkind = 'S' AND (n.nspname::text, c.relname::text) IN (
              SELECT * FROM unnest($2::text[], $3::text[]))))
     ORDER BY 1, 2`,
    [oids, catalog.sequences.map(({ schema }) => schema), catalog.sequences.map(({ name }) => name)],
  );
  for (const row of relations) {
    const name = { schema: field(row, 'nspname'), name: field(row, 'relname') };
    const kind = row.relkind === 'S' ? 'SEQUENCE ' : '';
    findings.push(
      errorFinding({
        code: 'SELECT',
        subject: tableId(name.schema, name.name),
        message: `role ${facts.role} may not read it`,
        cure: `GRANT SELECT ON ${kind}${quoteTable(name)} TO ${facts.role};`,
      }),
    );
  }
  return findings;
};
