// Checks of a server as a whole that hold for both sides.

import type { Finding } from '../../../model/finding.ts';
import { errorFinding, warningFinding } from '../../findings.ts';
import type { Session } from '../connection.ts';
import { grantCreate, grantCreateIn } from '../rights.ts';
import { field, isTrue } from '../row.ts';
import { NEWEST_TESTED, OLDEST, readSetting, type ServerFacts } from './facts.ts';

export function checkVersion({ version }: ServerFacts): readonly Finding[] {
  const major = Math.floor(version / 10_000);
  if (major < OLDEST) {
    return [
      errorFinding({
        code: 'VERSION',
        subject: `PostgreSQL ${major}`,
        message: `PostgreSQL ${OLDEST} is the oldest version that is supported`,
      }),
    ];
  }
  if (major <= NEWEST_TESTED) return [];
  return [
    warningFinding({
      code: 'VERSION',
      subject: `PostgreSQL ${major}`,
      message: `this program was tested with PostgreSQL ${OLDEST} to ${NEWEST_TESTED}`,
    }),
  ];
}

/** The program writes on both sides: the run's journal on the target, the fence and a lease on the source. */
export async function checkWritable(session: Session, { database }: ServerFacts): Promise<readonly Finding[]> {
  const row = await session.one(
    `SELECT pg_is_in_recovery() AS standby, current_setting('default_transaction_read_only') = 'on' AS read_only`,
  );
  if (row === undefined) return [];
  if (isTrue(row, 'standby')) {
    return [
      errorFinding({
        code: 'STANDBY',
        subject: database,
        message: 'the server is a standby and cannot be written to',
        cure: 'Name the primary in the url of the plan.',
      }),
    ];
  }
  if (!isTrue(row, 'read_only')) return [];
  return [
    errorFinding({
      code: 'READ_ONLY',
      subject: 'default_transaction_read_only',
      message: 'new sessions are read only',
      cure: `BEGIN READ WRITE; ALTER DATABASE ${database} SET default_transaction_read_only = off; COMMIT;`,
    }),
  ];
}

/** `CREATE` on the database: for schema `migrate`, and on the source for the publication. */
export async function checkCreate(session: Session, facts: ServerFacts): Promise<readonly Finding[]> {
  const row = await session.one(
    `SELECT has_database_privilege(current_database(), 'CREATE') AS create_database,
            coalesce(has_schema_privilege(to_regnamespace('migrate')::oid, 'CREATE'), true) AS create_migrate`,
  );
  const findings: Finding[] = [];
  if (row !== undefined && !isTrue(row, 'create_database')) {
    findings.push(
      errorFinding({
        code: 'CREATE_DATABASE',
        subject: facts.database,
        message: `role ${facts.role} may not create schemas and publications in the database`,
        cure: grantCreate(facts.database, facts.role),
      }),
    );
  }
  if (row !== undefined && !isTrue(row, 'create_migrate')) {
    findings.push(
      errorFinding({
        code: 'CREATE_MIGRATE',
        subject: 'schema migrate',
        message: `role ${facts.role} may not create tables in the schema that keeps the run's own tables`,
        cure: grantCreateIn('migrate', facts.role),
      }),
    );
  }
  return findings;
}

/** `needed`: what the run will open on this server. */
export async function checkConnections(session: Session, needed: number): Promise<readonly Finding[]> {
  const row = await session.one(
    `SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
            - (SELECT sum(numbackends) FROM pg_stat_database) AS free, current_setting('max_connections') AS all`,
  );
  if (row === undefined || Number(field(row, 'free')) >= needed) return [];
  const missing = needed - Number(field(row, 'free'));
  return [
    warningFinding({
      code: 'CONNECTIONS',
      subject: 'max_connections',
      message: `the run opens up to ${needed} connections, and ${Math.max(0, needed - missing)} are free`,
      cure: `ALTER SYSTEM SET max_connections = ${Number(field(row, 'all')) + missing}; -- then restart the server`,
    }),
  ];
}

/** One transaction that names every table must hold all their locks at once. */
export async function checkLocks(session: Session, locks: number): Promise<readonly Finding[]> {
  const row = await session.one(
    `SELECT current_setting('max_locks_per_transaction')::bigint AS each,
            current_setting('max_connections')::bigint + current_setting('max_prepared_transactions')::bigint AS sessions`,
  );
  if (row === undefined) return [];
  const sessions = Number(field(row, 'sessions'));
  // A fifth is left to the applications.
  if (locks <= Number(field(row, 'each')) * sessions * 0.8) return [];
  return [
    errorFinding({
      code: 'LOCKS',
      subject: 'max_locks_per_transaction',
      message: `the lock table is too small for the ${locks} objects that one transaction must lock`,
      cure: `ALTER SYSTEM SET max_locks_per_transaction = ${Math.ceil(locks / sessions / 0.8)}; -- then restart the server`,
    }),
  ];
}

/** SQL_ASCII has no meaning that could be converted. */
export function checkEncoding({ encoding, database }: ServerFacts): readonly Finding[] {
  if (encoding !== 'SQL_ASCII') return [];
  return [
    errorFinding({
      code: 'ENCODING',
      subject: database,
      message: 'the database is SQL_ASCII: what its bytes mean is not known, so they cannot be carried as text',
      cure: 'Dump the database and restore it into one with the encoding that the applications use.',
    }),
  ];
}

/** `used` does not count what an earlier attempt of this run left. */
export async function checkFree(
  session: Session,
  setting: 'max_replication_slots' | 'max_wal_senders',
  used: number,
  needed: number,
): Promise<readonly Finding[]> {
  const limit = (await readSetting(session, setting)) ?? 0;
  if (limit - used >= needed) return [];
  return [
    errorFinding({
      code: setting === 'max_wal_senders' ? 'WAL_SENDERS' : 'REPLICATION_SLOTS',
      subject: setting,
      message: `${needed} are needed, and ${Math.max(0, limit - used)} of ${limit} are free`,
      cure: `ALTER SYSTEM SET ${setting} = ${used + needed}; -- then restart the server`,
    }),
  ];
}
