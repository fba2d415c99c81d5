// A start without a lock, for accounts that are given none: readers see everything up to a place in the log, some of what comes
// after it, and nothing after a second place.

import { MigrateError } from '../../lib/errors.ts';
import type { Table } from '../../model/table.ts';
import type { MysqlSession } from './connection.ts';
import { type LogEnd, logEnd } from './log/head.ts';
import { fileNumber } from './log/position.ts';

export interface Bounds {
  /** Every reader sees all up to here. */
  readonly end: LogEnd;
  /** No reader sees anything after it. */
  readonly settled: LogEnd;
}

export interface Unlocked {
  readonly holder: MysqlSession;
  /** Rejects while a transaction is prepared and not ended. */
  readonly refusePrepared: () => Promise<void>;
  /** Commits something that is logged. */
  readonly commit: () => Promise<void>;
  /** Begins the snapshots. */
  readonly begin: () => Promise<unknown>;
}

/**
 * What stands in the log of MySQL may not be visible yet, for as long as its commit takes. But commits become visible in the order
 * of the log: once one that was begun after the end was read is done, everything up to that end is visible.
 */
export async function makeBounds({ holder, refusePrepared, commit, begin }: Unlocked): Promise<Bounds> {
  const [row] = await holder.query('SELECT @@GLOBAL.binlog_order_commits');
  if (row?.[0] !== '1') throw unlockable('its commits become visible out of order (binlog_order_commits is OFF)');
  await refusePrepared();
  const end = await logEnd(holder.connection);
  await commit();
  await refusePrepared();
  await begin();
  // The numbers of what is visible are told only once its commit has ended.
  await commit();
  return { end, settled: await logEnd(holder.connection) };
}

/** Of readers that each know what they are exact at, at least one. */
export function boundsOf(ends: readonly LogEnd[]): Bounds {
  const [end, ...others] = ends.toSorted(
    (one, other) => fileNumber(one.file) - fileNumber(other.file) || one.at - other.at,
  );
  if (end === undefined) throw new MigrateError('INTERNAL.BUG', 'a snapshot without readers');
  return { end, settled: others.at(-1) ?? end };
}

/** Of a row that is found by all its values nobody can tell whether a snapshot has it already. */
export function refuseKeyless(tables: readonly Table[]): void {
  const keyless = tables.filter(({ identity }) => identity === 'row').map(({ id }) => id);
  if (keyless.length > 0) throw unlockable(`these have no key: ${keyless.join(', ')}`);
}

function unlockable(why: string): MigrateError {
  return new MigrateError(
    'SOURCE.REFUSED',
    `the source lets this user lock neither its tables nor everything, and ${why}`,
    { fix: 'GRANT LOCK TABLES, SELECT ON the databases of the run TO the user of source.url.' },
  );
}
