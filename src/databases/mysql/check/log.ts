// Checks of what the source's log must hold, and for how long.

import type { Finding } from '../../../model/finding.ts';
import { errorFinding, infoFinding, warningFinding } from '../../findings.ts';
import { MARKER_SCHEMA } from '../log/marker.ts';
import { readReplication } from '../replication.ts';
import { isOn, type ServerFacts, setGlobal } from './facts.ts';
import type { SourceCheck } from './source-subject.ts';

interface Setting {
  readonly name: string;
  readonly wanted: string;
  readonly message: string;
}

/** Sessions may differ: what they log otherwise stops the stream. */
const SETTINGS: readonly Setting[] = [
  { name: 'binlog_format', wanted: 'ROW', message: 'changes are logged as statements, which do not say what changed' },
  { name: 'binlog_row_image', wanted: 'FULL', message: 'the log does not hold whole rows' },
  { name: 'binlog_row_metadata', wanted: 'FULL', message: 'the log does not name the columns' },
  { name: 'binlog_row_value_options', wanted: '', message: 'JSON values are logged in parts' },
  {
    name: 'show_gipk_in_create_table_and_information_schema',
    wanted: 'ON',
    message: 'keys that the server has made are hidden: the log has columns that the catalog does not know',
  },
];

const DAY_S = 86_400;
/** What a copy over a slow network reaches. */
const SLOW_BYTES_PER_SECOND = 10_000_000;

export const logged: SourceCheck = ({ facts }) => {
  if (!isOn(facts, 'log_bin')) {
    return [
      errorFinding({
        code: 'BINLOG',
        subject: 'log_bin',
        message: 'the server writes no log, so that changes cannot be followed',
        cure: 'log_bin = binlog  # under [mysqld] in the configuration file, with a server_id; then restart the server',
      }),
    ];
  }
  return SETTINGS.flatMap(({ name, wanted, message }) => {
    const value = facts.settings.get(name);
    // A version that does not have it cannot do otherwise.
    if (value === undefined || value.toUpperCase() === wanted) return [];
    const cure = setGlobal(facts, name, wanted === '' ? "''" : wanted);
    return [
      errorFinding({
        code: 'BINLOG',
        subject: name,
        message: `${name} is ${value}: ${message}`,
        cure: `${cure} -- sessions that are open keep theirs: let them reconnect`,
      }),
    ];
  });
};

export const serverId: SourceCheck = ({ facts }) => {
  if (facts.settings.get('server_id') !== '0') return [];
  return [
    errorFinding({
      code: 'BINLOG',
      subject: 'server_id',
      message: 'server_id is 0: the server refuses everyone who reads its log',
      cure: setGlobal(facts, 'server_id', '1'),
    }),
  ];
};

/** Databases whose changes the server leaves out of its log. */
export const filters: SourceCheck = async ({ session, catalog, facts }) => {
  // Who may not ask is told so by another check.
  if (!isOn(facts, 'log_bin') || !mayMonitor(facts)) return [];
  const statement = facts.isMariadb || facts.version < 80_200 ? 'SHOW MASTER STATUS' : 'SHOW BINARY LOG STATUS';
  const [[, , only = '', ignored = ''] = []] = await session.query(statement);
  const list = (text: string | null): readonly string[] => (text === null || text === '' ? [] : text.split(','));
  const missing = [MARKER_SCHEMA, ...catalog.schemas].filter(
    (schema) => list(ignored).includes(schema) || (list(only).length > 0 && !list(only).includes(schema)),
  );
  if (missing.length === 0) return [];
  return [
    errorFinding({
      code: 'BINLOG',
      subject: 'binlog_do_db, binlog_ignore_db',
      message: `the log does not have what changes in ${missing.join(', ')}`,
      cure: 'Take the lines binlog_do_db and binlog_ignore_db out of the configuration file and restart the server.',
    }),
  ];
};

export function mayMonitor({ rights }: ServerFacts): boolean {
  return rights.has('REPLICATION CLIENT') || rights.has('SUPER');
}

/** The server keeps its log by time only: nobody can tell it what is still needed. */
export const retention: SourceCheck = ({ facts, catalog }) => {
  const kept = keptSeconds(facts);
  const bytes = catalog.tables.reduce((sum, { table }) => sum + table.byteEstimate, 0);
  const copy = Math.ceil(bytes / SLOW_BYTES_PER_SECOND);
  const wanted = Math.max(DAY_S, 2 * copy);
  if (kept === undefined || kept >= wanted) return [];
  return [
    warningFinding({
      code: 'BINLOG_RETENTION',
      subject: 'binlog_expire_logs_seconds',
      message:
        `the log is kept for ${hours(kept)}, and a run that was held for longer cannot go on` +
        `${copy < DAY_S ? '' : `; the copy alone may take ${hours(copy)}`}`,
      cure: setGlobal(facts, 'binlog_expire_logs_seconds', String(Math.max(7 * DAY_S, wanted))),
    }),
  ];
};

/** Undefined when it never goes by time. */
function keptSeconds({ settings, isMariadb }: ServerFacts): number | undefined {
  if (settings.get('binlog_expire_logs_auto_purge') === 'OFF') return undefined;
  const seconds = Number(settings.get('binlog_expire_logs_seconds') ?? 0);
  const days = Number(settings.get('expire_logs_days') ?? 0);
  const kept = seconds > 0 || isMariadb ? seconds : days * DAY_S;
  return kept > 0 ? kept : undefined;
}

function hours(seconds: number): string {
  return seconds < 7_200 ? `${Math.round(seconds / 60)} minutes` : `${Math.round(seconds / 3_600)} hours`;
}

/** What a crash of the source's machine may do to its log. */
export const durable: SourceCheck = ({ facts }) =>
  ['sync_binlog', 'innodb_flush_log_at_trx_commit']
    .filter((name) => isOn(facts, 'log_bin') && facts.settings.get(name) !== '1')
    .map((name) =>
      warningFinding({
        code: 'BINLOG_SYNC',
        subject: name,
        message:
          `${name} is ${facts.settings.get(name)}: when the machine of the source fails, it may forget transactions` +
          ' that the run has carried already, and the run could not go on',
        cure: setGlobal(facts, name, '1'),
      }),
    );

/** What costs something, or keeps another server from taking over, and is no fault. */
export const noted: SourceCheck = ({ facts }) => {
  const findings: Finding[] = [];
  for (const name of ['binlog_transaction_compression', 'log_bin_compress'].filter((one) => isOn(facts, one))) {
    findings.push(
      infoFinding({
        code: 'BINLOG_COMPRESSED',
        subject: name,
        message: 'the log is compressed: to follow it takes more of this machine',
      }),
    );
  }
  const gtids = facts.settings.get('gtid_mode');
  if (gtids !== undefined && gtids !== 'ON') {
    findings.push(
      infoFinding({
        code: 'GTID',
        subject: 'gtid_mode',
        message: `gtid_mode is ${gtids}: when another server takes over for the source, the run cannot follow it`,
        cure: 'See "Enabling GTID Transactions Online" in the manual of MySQL.',
      }),
    );
  }
  return findings;
};

/** No trigger fires for rows that replication brings: neither does the fence. */
export const replica: SourceCheck = async ({ session, facts }) => {
  const replication = await readReplication(session);
  const isCluster = isOn(facts, 'wsrep_on') || (facts.settings.get('group_replication_group_name') ?? '') !== '';
  const findings: Finding[] = [];
  if (replication !== 'none' && !isOn(facts, 'log_replica_updates') && !isOn(facts, 'log_slave_updates')) {
    findings.push(
      errorFinding({
        code: 'BINLOG',
        subject: 'log_replica_updates',
        message: 'the server is a replica, and its log does not have what replication brings',
        cure: `${facts.isMariadb ? 'log_slave_updates' : 'log_replica_updates'} = ON  # under [mysqld] in the configuration file; then restart the server`,
      }),
    );
  }
  if (replication === 'running') {
    findings.push(
      errorFinding({
        code: 'REPLICA',
        subject: 'replication',
        message:
          'the server is a replica: the fence does not stop what replication brings, during the freeze and after it',
        cure: `${facts.isMariadb ? 'STOP ALL SLAVES' : 'STOP REPLICA'}; -- when the server that it follows takes no more writes; or name that server in source.url`,
      }),
    );
  }
  if (replication === 'stopped') {
    findings.push(
      warningFinding({
        code: 'REPLICA',
        subject: 'stopped replication',
        message: 'the server is a replica that was stopped: while it is started the cutover is refused',
        cure: 'RESET REPLICA ALL; -- when it is to follow no other server any more',
      }),
    );
  }
  if (isCluster) {
    findings.push(
      warningFinding({
        code: 'REPLICA',
        subject: 'cluster',
        message:
          'the server is a member of a cluster: locks of the run hold on this member only, and so does its place in the log',
        cure: 'Let all applications write through this member until the cutover is over.',
      }),
    );
  }
  return findings;
};
