// Exact pairs of position and snapshot. A snapshot cannot be shared between sessions, so all readers begin theirs at one
// moment in which no captured table changes, and the position is read in the same moment.

import { MigrateError, toMigrateError } from '../../lib/errors.ts';
import type { Position } from '../../model/position.ts';
import type { Table } from '../../model/table.ts';
import type { ChunkReader, Start } from '../source.ts';
import type { MysqlServer, MysqlSession } from './connection.ts';
import { serverErrno } from './errors.ts';
import { type LogEnd, logEnd, positionOf } from './log/head.ts';
import { MysqlChunkReader } from './reader.ts';
import type { RowsOf } from './rows.ts';
import { quoteTable } from './sql.ts';

/** How the readers came to see one moment. */
export type SnapshotMeans = 'table-locks' | 'global-lock' | 'server-pair';

/** A pair, and what it cost the source. Every means is exact. */
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
}

/** A lock that is not there after a second is given up: everyone who writes queues behind it. */
const LOCK_TIMEOUT_S = 1;
const LOCK_ATTEMPTS = 10;
/** How often readers of MariaDB begin again to meet in one moment without a lock. */
const MEETINGS = 3;
const DENIED = new Set([1044, 1142, 1227]);
const NO_RIGHT_TO_RECOVER = 1401;

/** Rejects with SOURCE.LOCKED while somebody holds a table, and with SOURCE.REFUSED when the user may not lock. */
export async function openStart(options: SnapshotOptions, tables: readonly Table[]): Promise<MysqlStart> {
  const { server, readers } = options;
  const holder = await server.session();
  const sessions: MysqlSession[] = [];
  try {
    for (let count = 0; count < readers; count++) sessions.push(await server.session());
    const moment = await makeMoment(holder, sessions, tables);
    // Without the lock: it reads the begin of a log file.
    const at = await positionOf(moment.end, () => server.connect());
    return new SharedStart(options, sessions, { ...moment, at });
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
  readonly means: SnapshotMeans;
  readonly lockMs: number;
}

async function makeMoment(
  holder: MysqlSession,
  sessions: readonly MysqlSession[],
  tables: readonly Table[],
): Promise<Moment> {
  const [version] = await holder.query('SELECT VERSION()');
  const isMariadb = /mariadb/i.test(version?.[0] ?? '');
  if (isMariadb) await Promise.all(sessions.map(stopLogging));
  for (let meeting = 0; isMariadb && meeting < MEETINGS; meeting++) {
    await refusePrepared(holder);
    const end = await meet(sessions);
    await refusePrepared(holder);
    if (end !== undefined) return { end, means: 'server-pair', lockMs: 0 };
  }
  await holder.query(`SET SESSION lock_wait_timeout = ${LOCK_TIMEOUT_S}`);
  const means = await lock(holder, tables);
  const lockedAt = performance.now();
  await refusePrepared(holder);
  await Promise.all(sessions.map(begin));
  // On MariaDB the log's end runs ahead of what can be seen, where other tables are written.
  const end = isMariadb ? await snapshotEnd(sessions[0]) : await logEnd(holder.connection);
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

/** The table locks that the run needs, or where the user may not take those, the lock on everything. */
async function lock(holder: MysqlSession, tables: readonly Table[]): Promise<SnapshotMeans> {
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
    throw new MigrateError('SOURCE.REFUSED', 'the source lets this user lock neither its tables nor everything', {
      fix: 'GRANT LOCK TABLES, SELECT ON the databases of the run TO the user of source.url.',
      cause: error,
    });
  }
}

/** It waits for every statement, and everyone who writes waits for it. */
async function refuseLongStatements(holder: MysqlSession): Promise<void> {
  // Without the right to see the statements of others the list would look empty; this is refused then.
  await holder.query('SELECT 1 FROM information_schema.INNODB_TRX LIMIT 1');
  const long = await holder.query(
    `SELECT id FROM information_schema.PROCESSLIST
     WHERE command IN ('Query', 'Execute') AND time >= 1 AND id <> CONNECTION_ID()`,
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

/** Begins the snapshots of all sessions; undefined when something was committed in between. */
async function meet(sessions: readonly MysqlSession[]): Promise<LogEnd | undefined> {
  await Promise.all(sessions.map(begin));
  const ends = await Promise.all(sessions.map(snapshotEnd));
  const [first] = ends;
  const isOne = ends.every(({ file, at }) => file === first?.file && at === first.at);
  return isOne ? first : undefined;
}

/** The place in the log that a snapshot of MariaDB is exact at. */
async function snapshotEnd(session: MysqlSession | undefined): Promise<LogEnd> {
  const rows = (await session?.query("SHOW STATUS LIKE 'binlog_snapshot_%'")) ?? [];
  const status = new Map(rows.map(([name, value]) => [name?.toLowerCase(), value ?? '']));
  const file = status.get('binlog_snapshot_file') ?? '';
  if (session === undefined || file === '') {
    throw new MigrateError('SOURCE.REFUSED', 'the source writes no log (log_bin)');
  }
  const at = Number(status.get('binlog_snapshot_position'));
  const [gtids] = await session.query(`SELECT BINLOG_GTID_POS('${file.replaceAll("'", "''")}', ${at})`);
  return { file, at, gtids: (gtids?.[0] ?? '').replaceAll(/\s/g, '') };
}

class SharedStart implements MysqlStart {
  readonly at: Position;
  readonly means: SnapshotMeans;
  readonly lockMs: number;
  readonly lost: Promise<never>;
  readonly #rows: RowsOf;
  readonly #sessions: readonly MysqlSession[];
  readonly #free: MysqlSession[];

  constructor(
    { rows }: SnapshotOptions,
    sessions: readonly MysqlSession[],
    { at, means, lockMs }: Omit<Moment, 'end'> & { readonly at: Position },
  ) {
    this.at = at;
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
