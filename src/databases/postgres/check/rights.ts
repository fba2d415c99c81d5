// Checks of what the run's role may do on the source.

import { tableId } from '../../../model/table.ts';
import { errorFinding, warningFinding } from '../../findings.ts';
import { grantOwner, grantReplication, grantSelect, grantSignal, grantStatistics, RDS_REPLICATION } from '../rights.ts';
import { field, isTrue } from '../row.ts';
import type { SourceCheck } from './source-subject.ts';
import { checkUsage } from './usable.ts';

export const replicationRight: SourceCheck = async ({ session, facts }) => {
  // Managed services grant it through a role of their own.
  const row = await session.one(
    `SELECT r.rolreplication OR r.rolsuper OR coalesce(pg_has_role(current_user, to_regrole($1)::oid, 'USAGE'), false) AS may,
            to_regrole($1) IS NOT NULL AS managed
     FROM pg_roles r WHERE r.rolname = current_user`,
    [RDS_REPLICATION],
  );
  if (row === undefined || isTrue(row, 'may')) return [];
  return [
    errorFinding({
      code: 'REPLICATION',
      subject: `role ${facts.role}`,
      message: 'it may not read the log',
      cure: grantReplication(facts.role, isTrue(row, 'managed')),
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
      cure: grantOwner(field(row, 'owner'), facts.role, facts.version),
    }),
  );
};

export const readRight: SourceCheck = async ({ session, facts, oids, catalog }) => {
  const findings = [...(await checkUsage(session, facts.role, catalog.schemas))];
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
    findings.push(
      errorFinding({
        code: 'SELECT',
        subject: tableId(name.schema, name.name),
        message: `role ${facts.role} may not read it`,
        cure: grantSelect(name, row.relkind === 'S' ? 'sequence' : 'table', facts.role),
      }),
    );
  }
  return findings;
};

/** A session of another role shows since when its transaction is open only to those who may see statistics. */
export const statisticsRight: SourceCheck = async ({ session, facts }) => {
  const row = await session.one("SELECT pg_has_role(current_user, 'pg_read_all_stats', 'USAGE') AS may");
  if (row === undefined || isTrue(row, 'may')) return [];
  return [
    warningFinding({
      code: 'STATISTICS',
      subject: `role ${facts.role}`,
      message: 'it cannot see how long transactions of other roles have been open: long ones are not found here',
      cure: grantStatistics(facts.role),
    }),
  ];
};

/** Only where the plan lets the run end transactions. */
export const signalRight: SourceCheck = async ({ session, facts, context }) => {
  if (context.endsTransactions !== true) return [];
  const row = await session.one("SELECT pg_has_role(current_user, 'pg_signal_backend', 'USAGE') AS may");
  if (row === undefined || isTrue(row, 'may')) return [];
  return [
    errorFinding({
      code: 'SIGNAL',
      subject: `role ${facts.role}`,
      message: 'cutover.openTransactions is end, and it may not end transactions of other roles',
      cure: grantSignal(facts.role),
    }),
  ];
};
