// The statements that give a role what a run needs, spelled once: preflight prints them as cures, `migrate grants` as a
// whole. Roles are given quoted.

import { quoteName, quoteTable } from './sql.ts';

export const RDS_REPLICATION = 'rds_replication';

/** Only a superuser may give it, or who has it and may create roles. */
export function grantAllRows(role: string): string {
  return `ALTER ROLE ${role} BYPASSRLS;`;
}

/** `managed`: the service keeps the attribute to itself and has a role for it. */
export function grantReplication(role: string, managed: boolean): string {
  return managed ? `GRANT ${RDS_REPLICATION} TO ${role};` : `ALTER ROLE ${role} REPLICATION;`;
}

/** The owner's rights, and from PostgreSQL 16 not the right to become the owner, which may be a superuser. */
export function grantOwner(owner: string, role: string, version: number): string {
  return `GRANT ${owner} TO ${role}${version >= 160_000 ? ' WITH INHERIT TRUE, SET FALSE' : ''};`;
}

export function grantConnect(database: string, role: string): string {
  return `GRANT CONNECT ON DATABASE ${database} TO ${role};`;
}

export function grantCreate(database: string, role: string): string {
  return `GRANT CREATE ON DATABASE ${database} TO ${role};`;
}

export function grantUsage(schema: string, role: string): string {
  return `GRANT USAGE ON SCHEMA ${quoteName(schema)} TO ${role};`;
}

export function grantCreateIn(schema: string, role: string): string {
  return `GRANT USAGE, CREATE ON SCHEMA ${quoteName(schema)} TO ${role};`;
}

export function grantSelect(
  relation: { readonly schema: string; readonly name: string },
  kind: 'table' | 'sequence',
  role: string,
): string {
  return `GRANT SELECT ON ${kind === 'sequence' ? 'SEQUENCE ' : ''}${quoteTable(relation)} TO ${role};`;
}

export function grantStatistics(role: string): string {
  return `GRANT pg_read_all_stats TO ${role};`;
}

export function grantSignal(role: string): string {
  return `GRANT pg_signal_backend TO ${role};`;
}

/** PostgreSQL 14 knows no right to a parameter. */
export function grantSwitchOff(role: string, version: number): string {
  return version >= 150_000
    ? `GRANT SET ON PARAMETER session_replication_role TO ${role};`
    : `ALTER ROLE ${role} SUPERUSER;`;
}
