// Checks of what the source needs to keep and send its log.

import type { Finding } from '../../../model/finding.ts';
import { errorFinding, warningFinding } from '../../findings.ts';
import { field } from '../row.ts';
import { quoteLiteral, quoteName } from '../sql.ts';
import { readSetting } from './facts.ts';
import { checkFree } from './server.ts';
import type { SourceCheck } from './source-subject.ts';

// The stream's own, the temporary one of a repeated snapshot, and one for a session that is still ending.
const NEEDED = 3;

export const walLevel: SourceCheck = async ({ session }) => {
  const row = await session.one("SELECT current_setting('wal_level') AS level");
  if (row === undefined || row.level === 'logical') return [];
  return [
    errorFinding({
      code: 'WAL_LEVEL',
      subject: 'wal_level',
      message: `wal_level is ${field(row, 'level')}: the log does not hold what a reader of rows needs`,
      cure: "ALTER SYSTEM SET wal_level = 'logical'; -- then restart the server",
    }),
  ];
};

export const slots: SourceCheck = async ({ session, context }) => {
  const used = await session.one('SELECT count(*) AS used FROM pg_replication_slots WHERE slot_name <> $1', [
    context.slot,
  ]);
  return checkFree(session, 'max_replication_slots', Number(used?.used ?? 0), NEEDED);
};

export const senders: SourceCheck = async ({ session }) => {
  const used = await session.one('SELECT count(*) AS used FROM pg_stat_replication');
  return checkFree(session, 'max_wal_senders', Number(used?.used ?? 0), NEEDED);
};

/** Our names may only be taken by what an earlier attempt of this run left. */
export const names: SourceCheck = async ({ session, context }) => {
  const findings: Finding[] = [];
  const publication = await session.one(
    `SELECT r.rolname AS owner FROM pg_publication p JOIN pg_roles r ON r.oid = p.pubowner
     WHERE p.pubname = $1 AND r.rolname <> current_user`,
    [context.publication],
  );
  if (publication !== undefined) {
    findings.push(
      errorFinding({
        code: 'PUBLICATION',
        subject: `publication ${context.publication}`,
        message: `it exists and belongs to ${field(publication, 'owner')}`,
        cure: `DROP PUBLICATION ${quoteName(context.publication)};`,
      }),
    );
  }
  const slot = await session.one(
    `SELECT 1 FROM pg_replication_slots
     WHERE slot_name = $1 AND (database IS DISTINCT FROM current_database() OR plugin IS DISTINCT FROM 'pgoutput')`,
    [context.slot],
  );
  if (slot !== undefined) {
    findings.push(
      errorFinding({
        code: 'SLOT',
        subject: `replication slot ${context.slot}`,
        message: 'it exists and was made for another database or purpose',
        cure: `SELECT pg_drop_replication_slot(${quoteLiteral(context.slot)});`,
      }),
    );
  }
  return findings;
};

export const retention: SourceCheck = async ({ session, catalog }) => {
  const findings: Finding[] = [];
  const keepMb = (await readSetting(session, 'max_slot_wal_keep_size')) ?? -1;
  if (keepMb !== -1) {
    const bytes = catalog.tables.reduce((sum, { table }) => sum + table.byteEstimate, 0);
    findings.push(
      warningFinding({
        code: 'SLOT_KEEP_SIZE',
        subject: 'max_slot_wal_keep_size',
        message:
          `the server drops the log that the run still needs once it exceeds ${keepMb} MB;` +
          ` the tables hold ${Math.ceil(bytes / 1_048_576)} MB`,
        cure: 'ALTER SYSTEM SET max_slot_wal_keep_size = -1; SELECT pg_reload_conf();',
      }),
    );
  }
  const idle = (await readSetting(session, 'idle_replication_slot_timeout')) ?? 0;
  if (idle !== 0) {
    findings.push(
      warningFinding({
        code: 'SLOT_IDLE_TIMEOUT',
        subject: 'idle_replication_slot_timeout',
        message: `the server drops the log of a run that is paused for more than ${idle} s`,
        cure: 'ALTER SYSTEM SET idle_replication_slot_timeout = 0; SELECT pg_reload_conf();',
      }),
    );
  }
  return findings;
};

/** Making a slot waits for every transaction that is open anywhere on the server. */
export const openTransactions: SourceCheck = async ({ session, context }) => {
  const seconds = context.longSeconds ?? 60;
  const sessions = await session.query(
    `SELECT pid, coalesce(usename, '?') AS usename, extract(epoch FROM now() - xact_start)::bigint AS age
     FROM pg_stat_activity
     WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'
       AND xact_start <= now() - make_interval(secs => $1)
     ORDER BY xact_start`,
    [seconds],
  );
  return sessions.map((row) =>
    warningFinding({
      code: 'OPEN_TRANSACTION',
      subject: `session ${field(row, 'pid')}`,
      message: `user ${field(row, 'usename')} has had a transaction open for ${field(row, 'age')} s; the start waits for its end`,
      cure: `SELECT pg_terminate_backend(${field(row, 'pid')});`,
    }),
  );
};

/** A forgotten one never ends by itself. One that is seconds old belongs to an application that is about to end it. */
export const preparedTransactions: SourceCheck = async ({ session, context }) => {
  const rows = await session.query(
    `SELECT gid, database, extract(epoch FROM now() - prepared)::bigint AS age,
            prepared <= now() - make_interval(secs => $1) AS forgotten
     FROM pg_prepared_xacts ORDER BY prepared`,
    [context.longSeconds ?? 60],
  );
  return rows.map((row) =>
    (row.forgotten === 't' ? errorFinding : warningFinding)({
      code: 'PREPARED_TRANSACTION',
      subject: `prepared transaction ${field(row, 'gid')}`,
      message: `it has been open in database ${field(row, 'database')} for ${field(row, 'age')} s; the start waits for its end`,
      cure: `ROLLBACK PREPARED ${quoteLiteral(field(row, 'gid')).trim()}; -- or COMMIT PREPARED, in database ${field(row, 'database')}`,
    }),
  );
};

/** Rows that a subscription writes pass the fence's statement triggers unseen. */
export const subscriptions: SourceCheck = async ({ session, oids }) => {
  const rows = await session.query(
    `SELECT DISTINCT s.subname FROM pg_subscription_rel r JOIN pg_subscription s ON s.oid = r.srsubid
     WHERE r.srrelid = ANY ($1::oid[]) AND s.subenabled ORDER BY s.subname`,
    [oids],
  );
  return rows.map((row) =>
    errorFinding({
      code: 'SUBSCRIPTION',
      subject: `subscription ${field(row, 'subname')}`,
      message: 'it writes into captured tables, and no fence stops it',
      cure: `ALTER SUBSCRIPTION ${quoteName(field(row, 'subname'))} DISABLE;`,
    }),
  );
};
