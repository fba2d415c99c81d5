// Who is in the way of a fence, as far as the server tells: MySQL's performance_schema knows every lock, MariaDB only those that
// somebody waits for, and without either those are named that have written and not ended.

import { MigrateError } from '../../../lib/errors.ts';
import type { TableName } from '../../../model/table.ts';
import type { Writer } from '../../fence.ts';
import { readActivity } from '../activity.ts';
import type { MysqlSession, TextRow } from '../connection.ts';
import { serverErrno } from '../errors.ts';
import { quoteLiteral } from '../sql.ts';

/** Of this process: its sessions are in nobody's way. */
export interface Here {
  /** The connection ids of those that are open. */
  readonly ids: readonly number[];
}

const NO_RIGHT_TO_RECOVER = 1401;
const NO_SUCH_SESSION = 1094;

/** The server keeps a transaction's begin in the time of its machine. */
const NOW = "CONVERT_TZ(UTC_TIMESTAMP(), '+00:00', 'SYSTEM')";
/** `p` is a session, `t` its transaction if it has one. */
const TRANSACTION = "CONCAT(p.ID, '/', COALESCE(t.trx_started, ''))";
const COLUMNS = `p.ID, ${TRANSACTION}, p.USER, p.HOST, COALESCE(TIMESTAMPDIFF(SECOND, t.trx_started, ${NOW}), p.TIME)`;
const TRANSACTIONS = 'information_schema.INNODB_TRX';
const SESSIONS = 'information_schema.PROCESSLIST';
/** The same from where MySQL can always be asked: `h` is the thread of a session, `e` its transaction. */
const THREADS = 'performance_schema.threads';
const THREAD_COLUMNS = `h.PROCESSLIST_ID, CONCAT(h.PROCESSLIST_ID, '/', COALESCE(e.EVENT_ID, '')), h.PROCESSLIST_USER,
  h.PROCESSLIST_HOST, COALESCE(FLOOR(e.TIMER_WAIT / 1e12), h.PROCESSLIST_TIME)`;
const THREAD_TRANSACTION = `LEFT JOIN performance_schema.events_transactions_current e
  ON e.THREAD_ID = h.THREAD_ID AND e.STATE = 'ACTIVE'`;
const FENCE_TABLE = "('migrate', 'fence')";
/** With which nobody else writes to a table. */
const EXCLUDING = " AND l.LOCK_TYPE IN ('SHARED_READ_ONLY', 'SHARED_NO_WRITE', 'SHARED_NO_READ_WRITE', 'EXCLUSIVE')";

/** Sessions that hold a table, be it for reading: only when they have ended their transactions can a trigger be put on it. */
export async function readTableHolders(
  session: MysqlSession,
  tables: readonly TableName[],
  here: Here,
): Promise<readonly Writer[]> {
  if (tables.length === 0) return [];
  const { isMariadb, seesLocks } = await readMeans(session);
  const locks = isMariadb ? tableLocksOnMariadb(tables.map(pair)) : tableLocks(tables.map(pair));
  const rows = seesLocks ? await readActivity(session, locks) : undefined;
  // MariaDB notes these locks only when it was told to.
  if (rows !== undefined && (rows.length > 0 || !isMariadb)) return asWriters(rows, here);
  return asWriters(await readActivity(session, openTransactions('t.trx_rows_modified > 0')), here);
}

/**
 * Sessions whose transactions hold the fence against the session that waits to close it. What is prepared is not among them:
 * see `readPrepared`.
 */
export async function readFenceHolders(session: MysqlSession, waiting: number, here: Here): Promise<readonly Writer[]> {
  const { isMariadb, seesLocks } = await readMeans(session);
  if (isMariadb) return asWriters(await readActivity(session, blockersOnMariadb(waiting)), here);
  if (seesLocks) {
    const rows = await readActivity(session, blockers(waiting));
    if (rows !== undefined && rows.length > 0) return asWriters(rows, here);
    // LOCK TABLES on a captured table takes the fence's table with it.
    if (rows !== undefined) return asWriters(await readActivity(session, tableLocks([FENCE_TABLE], EXCLUDING)), here);
  }
  // Whoever began later waits behind us.
  const before = `t.trx_rows_locked > 0
    AND t.trx_started <= (SELECT w.trx_started FROM ${TRANSACTIONS} w WHERE w.trx_mysql_thread_id = ${waiting})`;
  return asWriters(await readActivity(session, openTransactions(before)), here);
}

/** Transactions that are prepared and not ended: they need no session to be committed. Rejects where they may not be seen. */
export async function readPrepared(session: MysqlSession): Promise<readonly Writer[]> {
  const rows = await session.rows({ sql: 'XA RECOVER', bytes: new Set(['data']) }).catch((error: unknown) => {
    if (serverErrno(error) !== NO_RIGHT_TO_RECOVER) throw error;
    throw new MigrateError('SOURCE.REFUSED', 'the source does not tell this user which transactions are prepared', {
      fix: 'GRANT XA_RECOVER_ADMIN ON *.* TO the user of source.url.',
      cause: error,
    });
  });
  return rows.map(([format, length, , data]) => {
    const id = xidText(Buffer.from(data ?? ''), Number(length), String(format));
    return { id, kind: 'prepared', transaction: id, user: 'unknown', application: '', ageSeconds: 0, tables: [] };
  });
}

/** Ends a session, and returns before it is gone. One that is gone already is no error. */
export async function endSession(session: MysqlSession, id: number): Promise<void> {
  await session.query(`KILL ${id}`).catch((error: unknown) => {
    if (serverErrno(error) !== NO_SUCH_SESSION) throw error;
  });
}

interface Means {
  readonly isMariadb: boolean;
  readonly seesLocks: boolean;
}

async function readMeans(session: MysqlSession): Promise<Means> {
  const [row] = await session.query("SELECT VERSION() LIKE '%mariadb%', @@performance_schema");
  return { isMariadb: row?.[0] === '1', seesLocks: row?.[1] === '1' };
}

function asWriters(rows: readonly TextRow[] | undefined, { ids }: Here): readonly Writer[] {
  const ours = new Set(ids.map(String));
  return (rows ?? [])
    .filter(([id]) => !ours.has(id ?? ''))
    .map(([id, transaction, user, host, age]) => ({
      id: id ?? '',
      kind: 'session',
      transaction: transaction ?? '',
      user: user ?? '',
      application: host ?? '',
      ageSeconds: Number(age),
      tables: [],
    }));
}

const held = (names: readonly string[], modes: string): string =>
  `l.OBJECT_TYPE = 'TABLE' AND l.LOCK_STATUS = 'GRANTED'${modes} AND (l.OBJECT_SCHEMA, l.OBJECT_NAME) IN (${names.join(', ')})`;

function tableLocks(names: readonly string[], modes = ''): string {
  return `SELECT DISTINCT ${THREAD_COLUMNS}
    FROM performance_schema.metadata_locks l
    JOIN ${THREADS} h ON h.THREAD_ID = l.OWNER_THREAD_ID ${THREAD_TRANSACTION}
    WHERE h.PROCESSLIST_ID IS NOT NULL AND ${held(names, modes)}`;
}

/** Locks of what is prepared still name the session that took them. */
function blockers(waiting: number): string {
  return `SELECT DISTINCT ${THREAD_COLUMNS}
    FROM ${THREADS} r
    JOIN performance_schema.data_lock_waits w ON w.REQUESTING_THREAD_ID = r.THREAD_ID
    JOIN ${THREADS} h ON h.THREAD_ID = w.BLOCKING_THREAD_ID ${THREAD_TRANSACTION}
    WHERE r.PROCESSLIST_ID = ${waiting} AND h.PROCESSLIST_ID IS NOT NULL AND e.STATE = 'ACTIVE'
      AND COALESCE(e.XA_STATE, '') <> 'PREPARED'`;
}

function tableLocksOnMariadb(names: readonly string[]): string {
  return `SELECT DISTINCT ${COLUMNS}
    FROM performance_schema.metadata_locks l
    JOIN performance_schema.threads h ON h.THREAD_ID = l.OWNER_THREAD_ID
    JOIN ${SESSIONS} p ON p.ID = h.PROCESSLIST_ID
    LEFT JOIN ${TRANSACTIONS} t ON t.trx_mysql_thread_id = p.ID
    WHERE ${held(names, '')}`;
}

function blockersOnMariadb(waiting: number): string {
  return `SELECT DISTINCT ${COLUMNS}
    FROM ${TRANSACTIONS} r
    JOIN information_schema.INNODB_LOCK_WAITS w ON w.requesting_trx_id = r.trx_id
    JOIN ${TRANSACTIONS} t ON t.trx_id = w.blocking_trx_id
    JOIN ${SESSIONS} p ON p.ID = t.trx_mysql_thread_id
    WHERE r.trx_mysql_thread_id = ${waiting}`;
}

function openTransactions(condition: string): string {
  return `SELECT ${COLUMNS} FROM ${TRANSACTIONS} t JOIN ${SESSIONS} p ON p.ID = t.trx_mysql_thread_id WHERE ${condition}`;
}

function pair({ schema, name }: TableName): string {
  return `(${quoteLiteral(schema)}, ${quoteLiteral(name)})`;
}

/** As XA COMMIT and XA ROLLBACK take it, where it is not a plain text. */
function xidText(data: Buffer, length: number, format: string): string {
  const [global, branch] = [data.subarray(0, length), data.subarray(length)];
  if (branch.length === 0 && /^[\x20-\x7e]+$/.test(global.toString('latin1'))) return global.toString('latin1');
  return `X'${global.toString('hex')}',X'${branch.toString('hex')}',${format}`;
}
