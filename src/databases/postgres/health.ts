// The vital signs of a PostgreSQL server, as it tells them to any user, or to a member of pg_read_all_stats.

import type { Replica, ServerHealth, Vital } from '../health.ts';
import type { PostgresServer } from './connection.ts';
import { KeptSession } from './kept-session.ts';

/** Others are seen as rows of NULLs without it; that would look like a server at rest. */
const SEES_OTHERS = `pg_has_role('pg_read_all_stats', 'USAGE')`;

const VITALS: readonly Vital[] = [
  { name: 'answer', sql: 'SELECT 1' },
  {
    name: 'connections',
    sql: `SELECT round(100.0 * sum(numbackends)
        / (current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int), 1)
      FROM pg_stat_database`,
  },
  {
    name: 'runningStatements',
    sql: `SELECT CASE WHEN ${SEES_OTHERS} THEN count(*) END FROM pg_stat_activity
      WHERE state = 'active' AND backend_type = 'client backend' AND pid <> pg_backend_pid()`,
  },
  {
    name: 'lockWaits',
    sql: `SELECT CASE WHEN ${SEES_OTHERS} THEN count(*) END FROM pg_stat_activity WHERE wait_event_type = 'Lock'`,
  },
  {
    name: 'logPressure',
    sql: `SELECT round(100 * pg_wal_lsn_diff(pg_current_wal_lsn(), redo_lsn)
        / pg_size_bytes(current_setting('max_wal_size')), 1) FROM pg_control_checkpoint()`,
  },
  {
    // Who decodes the log, as the run does, is behind without harm to anybody.
    name: 'replicaLag',
    sql: `SELECT CASE WHEN ${SEES_OTHERS} THEN coalesce(max(ceil(extract(epoch FROM replay_lag) * 1000)), 0) END
      FROM pg_stat_replication WHERE pid NOT IN (
        SELECT active_pid FROM pg_replication_slots WHERE slot_type = 'logical' AND active_pid IS NOT NULL)`,
  },
  {
    // Of all databases, with what statements put into temporary files; not the log.
    name: 'dataSize',
    sql: 'SELECT sum(pg_tablespace_size(oid)) FROM pg_tablespace',
  },
  {
    name: 'retainedLog',
    sql: `SELECT coalesce(max(round(100 * pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn) / allowed, 1)), 0)
      FROM pg_replication_slots, (SELECT nullif(setting::numeric, -1) * 1048576 AS allowed FROM pg_settings
        WHERE name = 'max_slot_wal_keep_size') s`,
  },
];

// The session goes with a statement that is not ended by then: the server itself stands still.
const STATEMENT_MS = 5_000;
const CUT_MS = 8_000;

// A standby without a receiver takes its log from files: then the age of what it last replayed is all there is.
const LAG = `SELECT CASE WHEN NOT pg_is_in_recovery() THEN NULL
  WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() AND EXISTS (SELECT FROM pg_stat_wal_receiver) THEN 0
  ELSE ceil(extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()) * 1000) END`;

export function postgresHealth(
  server: PostgresServer,
  replicas: readonly { readonly name: string; readonly server: PostgresServer }[] = [],
): ServerHealth {
  return {
    vitals: VITALS,
    replicas: replicas.map((replica) => replicaOf(replica.name, asker(replica.server))),
    ask: asker(server),
    askOwn: asker(server),
  };
}

function replicaOf(name: string, ask: ServerHealth['ask']): Replica {
  return {
    name,
    lag: async () => {
      const lag = await ask(LAG);
      return lag === null ? 'it is no standby, or has replayed nothing yet' : Number(lag);
    },
  };
}

/** Asks in one session that is kept. */
function asker(server: PostgresServer): ServerHealth['ask'] {
  const session = new KeptSession(server, {
    purpose: 'health',
    settings: { statement_timeout: String(STATEMENT_MS), default_transaction_read_only: 'on' },
  });
  return (sql) =>
    session.use(async (asking) => {
      const { rows } = await asking.run(sql, [], { timeoutMs: CUT_MS });
      // Several statements have several results, and no rows here.
      return Object.values(rows?.[0] ?? {})[0] ?? null;
    });
}
