// Exact pairs of position and snapshot. A snapshot cannot be shared between sessions, so all readers begin theirs at one
// moment in which no captured table changes, and the position is read in the same moment.

import { MigrateError, toMigrateError } from '../../lib/errors.ts';
import type { Position } from '../../model/position.ts';
import type { Table } from '../../model/table.ts';
import type { ChunkReader, Start } from '../source.ts';
import type { MysqlServer, MysqlSession } from './connection.ts';
import { serverErrno } from './errors.ts';
import { type LogEnd, logEnd, positionOf } from './log/head.ts';
import { boundsOf, makeBounds, refuseKeyless } from './lower-bound.ts';
import { MysqlChunkReader } from './reader.ts';
import type { RowsOf } from './rows.ts';
import { quoteLiteral, quoteTable } from './sql.ts';

/** How the readers came to see one moment. */
export type SnapshotMeans = 'table-locks' | 'global-lock' | 'server-pair' | 'lower-bound';

/** A pair, and what it cost the source. Every means is exact but `lower-bound`. */
export interface MysqlStart extends Start {
  readonly means: SnapshotMeans;
  /** How long the lock was held, in ms; 0 without one. Writers may have waited for a second more while it was asked for. */
  readonly lockMs: number;
}

export interface SnapshotOptions {
  readonly server: MysqlServer;
  readonly rows: RowsOf;
  /** How many readers a snapshot has at most: later ones cannot join it. */
  readonly readers: number;
  /** Commits something that is logged; needed where nobody may lock. */
  readonly commit: () => Promise<void>;
}

/** A lock that is not there after a second is given up: everyone who writes queues behind it. */
const LOCK_TIMEOUT_S = 1;
const LOCK_ATTEMPTS = 10;
/** How often readers of MariaDB begin again to meet in one moment without a lock. */
const MEETINGS = 3;
const SAME_ANSWERS = 3;
const DENIED = new Set([1044, 1142, 1227]);
const NO_RIGHT_TO_RECOVER = 1401;

/**
 * Rejects with SOURCE.LOCKED while somebody holds a table, and with SOURCE.REFUSED when the user may not lock and a table has no
 * key.
 */
export async function openStart(options: SnapshotOptions, tables: readonly Table[]): Promise<MysqlStart> {
  const { server, readers } = options;
  const holder = await server.session();
  const sessions: MysqlSession[] = [];
  try {
    for (let count = 0; count < readers; count++) sessions.push(await server.session());
    const moment = await makeMoment(options, { holder, sessions, tables });
    // Without the lock: it reads the begin of a log file.
    const place = (end: LogEnd): Promise<Position> => positionOf(end, () => server.connect());
    const settled = moment.settled === undefined ? {} : { settled: await place(moment.settled) };
    const { means, lockMs } = moment;
    return new SharedStart(options, sessions, { means, lockMs, at: await place(moment.end), ...settled });
  } catch (error) {
    for (const session of sessions) session.close();
    throw toMigrateError(error);
  } finally {
    // Its locks go with it.
    holder.close();
  }
}

interface Moment {
  readonly end: LogEnd;
  /** See Start. */
  readonly settled?: LogEnd;
  readonly means: SnapshotMeans;
  readonly lockMs: number;
}

interface Parties {
  readonly holder: MysqlSession;
  readonly sessions: readonly MysqlSession[];
  readonly tables: readonly Table[];
}

async function makeMoment({ commit }: SnapshotOptions, { holder, sessions, tables }: Parties): Promise<Moment> {
  const [version] = await holder.query('SELECT VERSION()');
  const isMariadb = /mariadb/i.test(version?.[0] ?? '');
  if (isMariadb) await Promise.all(sessions.map(stopLogging));
  let ends: readonly LogEnd[] = [];
  for (let meeting = 0; isMariadb && meeting < MEETINGS; meeting++) {
    await refusePrepared(holder);
    ends = await meet(sessions);
    await refusePrepared(holder);
    const [end] = ends;
    const isOne = ends.every(({ file, at }) => file === end?.file && at === end.at);
    if (end !== undefined && isOne) return { end, means: 'server-pair', lockMs: 0 };
  }
  await holder.query(`SET SESSION lock_wait_timeout = ${LOCK_TIMEOUT_S}`);
  const means = await lock(holder, tables);
  if (means === undefined) {
    refuseKeyless(tables);
    const parts = {
      holder,
      commit,
      begin: () => Promise.all(sessions.map(begin)),
      refusePrepared: () => refusePrepared(holder),
    };
    return { ...(isMariadb ? boundsOf(ends) : await makeBounds(parts)), means: 'lower-bound', lockMs: 0 };
  }
  const lockedAt = performance.now();
  await refusePrepared(holder);
  await Promise.all(sessions.map(begin));
  // On MariaDB it runs ahead of what can be seen, but only where tables are written that are not locked.
  const end = await logEnd(holder.connection);
  await holder.query('UNLOCK TABLES');
  return { end, means, lockMs: performance.now() - lockedAt };
}

/** Its changes are in the log already, before the position, and are not in the snapshot. */
async function refusePrepared(holder: MysqlSession): Promise<void> {
  const [prepared] = await holder.query('XA RECOVER').catch((error: unknown) => {
    if (serverErrno(error) !== NO_RIGHT_TO_RECOVER) throw error;
    throw new MigrateError('SOURCE.REFUSED', 'the source does not tell this user which transactions are prepared', {
      fix: 'GRANT XA_RECOVER_ADMIN ON *.* TO the user of source.url.',
      cause: error,
    });
  });
  if (prepared === undefined) return;
  throw new MigrateError('SOURCE.LOCKED', 'a transaction is prepared and not ended (XA RECOVER)', {
    fix: 'XA COMMIT or XA ROLLBACK it; the run tries again.',
  });
}

/** The table locks that the run needs, or where the user may not take those, the lock on everything, or none. */
async function lock(holder: MysqlSession, tables: readonly Table[]): Promise<SnapshotMeans | undefined> {
  const statement = `LOCK TABLES ${tables.map((table) => `${quoteTable(table)} READ`).join(', ')}`;
  try {
    await persist(() => holder.query(statement));
    return 'table-locks';
  } catch (error) {
    if (!DENIED.has(serverErrno(error) ?? 0)) throw error;
  }
  try {
    await persist(async () => {
      await refuseLongStatements(holder);
      await holder.query('FLUSH TABLES WITH READ LOCK');
    });
    return 'global-lock';
  } catch (error) {
    if (!DENIED.has(serverErrno(error) ?? 0)) throw error;
    return undefined;
  }
}

/** It waits for every statement, and everyone who writes waits for it. */
async function refuseLongStatements(holder: MysqlSession): Promise<void> {
  // Without the right to see the statements of others the list would look empty; this is refused then.
  await holder.query('SHOW ENGINE INNODB STATUS');
  // Of information_schema this list cannot be had while a statement has characters of four bytes.
  const sessions = await holder.query('SHOW PROCESSLIST');
  const long = sessions.filter(
    ([id, , , , command, seconds]) =>
      (command === 'Query' || command === 'Execute') && Number(seconds) >= 1 && Number(id) !== holder.id,
  );
  if (long.length === 0) return;
  const ids = long.map(([id]) => id).join(', ');
  throw new MigrateError('SOURCE.LOCKED', `statements run for more than a second in sessions ${ids}`);
}

/** Tries again while somebody holds a table. */
async function persist(take: () => Promise<unknown>): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await take();
      return;
    } catch (thrown) {
      const error = toMigrateError(thrown);
      if (error.code !== 'SOURCE.TRANSIENT') throw error;
      if (attempt < LOCK_ATTEMPTS) continue;
      throw new MigrateError('SOURCE.LOCKED', 'a table of the run is written or altered for too long to be locked', {
        fix: 'Look for long transactions in information_schema.INNODB_TRX; the run tries again.',
        cause: error,
      });
    }
  }
}

/**
 * MariaDB gives back the locks of a savepoint only to sessions that do not log. Where the user may not say so, a table that was
 * read can be altered only after the copy.
 */
async function stopLogging(session: MysqlSession): Promise<void> {
  await session.query('SET SESSION sql_log_bin = 0').catch((error: unknown) => {
    if (!DENIED.has(serverErrno(error) ?? 0)) throw error;
  });
}

async function begin(session: MysqlSession): Promise<void> {
  await session.query('START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY');
}

/** Begins the snapshots of all sessions. They differ when something was committed in between. */
async function meet(sessions: readonly MysqlSession[]): Promise<readonly LogEnd[]> {
  await Promise.all(sessions.map(begin));
  const ends: LogEnd[] = [];
  for (const session of sessions) ends.push(await snapshotEnd(session));
  return ends;
}

/**
 * The place in the log that a snapshot of MariaDB is exact at. The server keeps what it is about to tell in one place for all
 * sessions: who asks at the same moment may get another session's answer. It does not get the same wrong one three times.
 */
async function snapshotEnd(session: MysqlSession): Promise<LogEnd> {
  let found = await snapshotPlace(session);
  for (let same = 1; same < SAME_ANSWERS; ) {
    const again = await snapshotPlace(session);
    same = again.file === found.file && again.at === found.at ? same + 1 : 1;
    found = again;
  }
  const { file, at } = found;
  const [gtids] = await session.query(`SELECT BINLOG_GTID_POS(${quoteLiteral(file)}, ${at})`);
  return { file, at, gtids: (gtids?.[0] ?? '').replaceAll(/\s/g, '') };
}

async function snapshotPlace(session: MysqlSession): Promise<Pick<LogEnd, 'file' | 'at'>> {
  const rows = await session.query("SHOW STATUS LIKE 'binlog_snapshot_%'");
  const status = new Map(rows.map(([name, value]) => [name?.toLowerCase(), value ?? '']));
  const file = status.get('binlog_snapshot_file') ?? '';
  if (file === '') throw new MigrateError('SOURCE.REFUSED', 'the source writes no log (log_bin)');
  return { file, at: Number(status.get('binlog_snapshot_position')) };
}

class SharedStart implements MysqlStart {
  readonly at: Position;
  readonly settled?: Position;
  readonly means: SnapshotMeans;
  readonly lockMs: number;
  readonly lost: Promise<never>;
  readonly #rows: RowsOf;
  readonly #sessions: readonly MysqlSession[];
  readonly #free: MysqlSession[];

  constructor(
    { rows }: SnapshotOptions,
    sessions: readonly MysqlSession[],
    { at, settled, means, lockMs }: Omit<Moment, 'end' | 'settled'> & Pick<Start, 'at' | 'settled'>,
  ) {
    this.at = at;
    if (settled !== undefined) this.settled = settled;
    this.means = means;
    this.lockMs = lockMs;
    this.#rows = rows;
    this.#sessions = sessions;
    this.#free = [...sessions];
    this.lost = Promise.race(sessions.map(({ lost }) => lost));
    this.lost.catch(() => undefined);
  }

  async reader(): Promise<ChunkReader> {
    const session = this.#free.pop();
    if (session === undefined) throw new MigrateError('INTERNAL.BUG', 'every reader of the snapshot is in use');
    return new MysqlChunkReader(session, this.#rows, () => this.#free.push(session));
  }

  async close(): Promise<void> {
    for (const session of this.#sessions) session.close();
  }
}
