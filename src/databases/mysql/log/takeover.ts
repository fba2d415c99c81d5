// Reading on after another server took over from the one that was read. Its files are others, but transactions keep their
// numbers: the log is read from a file on in front of which it has nothing that was not applied.

import type { Connection } from 'mysql2';
import { MigrateError } from '../../../lib/errors.ts';
import { includesAll } from './gtid-set.ts';
import { logEnd } from './head.ts';
import type { Place } from './position.ts';
import { askTexts } from './source-facts.ts';

/**
 * The name of the file to begin with, or undefined when the place is to be found by its file. Rejects with STREAM.GONE when the
 * server lacks transactions of the place, no longer has those after it, or may have committed in another order.
 */
export async function takenOver(session: Connection, place: Place): Promise<string | undefined> {
  const [row] = await askTexts(session, 'SELECT @@server_id');
  const isOther = place.server !== undefined && place.server !== Number(row?.[0]);
  // What is half applied, and what was prepared, is known by its place only.
  if (!isOther || place.gtids === '' || place.ordinal > 0 || place.prepared.length > 0) return undefined;
  if (!(await hasAll(session, place.gtids))) throw gone('it lacks transactions that were read');
  await refuseOtherOrder(session, place);
  const files = await askTexts(session, 'SHOW BINARY LOGS');
  for (const [file] of files.toReversed()) {
    const before = await transactionsBefore(session, file ?? '');
    if (before !== undefined && includesAll(place.gtids, before)) return file ?? '';
  }
  throw gone('it no longer has what followed');
}

/** In MariaDB a server may have gone on from an earlier transaction with the same number: each server's last one tells. */
async function hasAll(session: Connection, gtids: string): Promise<boolean> {
  if (gtids.includes(':')) return includesAll((await logEnd(session)).gtids, gtids);
  const [row] = await askTexts(session, 'SELECT @@gtid_binlog_state');
  const last = new Map((row?.[0] ?? '').split(',').map(splitGtid));
  return gtids.split(',').every((gtid) => {
    const [server, sequence] = splitGtid(gtid);
    return (last.get(server) ?? 0n) >= sequence;
  });
}

/** `0-1-77`: the 77th of its domain, from server 1. */
function splitGtid(gtid: string): readonly [string, bigint] {
  const [domain = '', server = '', sequence = ''] = gtid.trim().split('-');
  return [`${domain}-${server}`, BigInt(sequence)];
}

/** Which transactions the files before contain. */
async function transactionsBefore(session: Connection, file: string): Promise<string | undefined> {
  const events = await askTexts(session, 'SHOW BINLOG EVENTS IN ? LIMIT 3', [file]);
  const list = events.find(([, , type]) => type === 'Previous_gtids' || type === 'Gtid_list');
  return list?.[5]?.replaceAll(/[[\]\s]/g, '');
}

/** What has been copied later than it was read is told apart by the order of commits. */
async function refuseOtherOrder(session: Connection, { gtids }: Place): Promise<void> {
  const names = ['replica_preserve_commit_order', 'replica_parallel_workers'];
  const settings = new Map(
    (await askTexts(session, 'SHOW VARIABLES WHERE Variable_name IN (?)', [names])) as [string, string][],
  );
  const isUnordered = settings.get('replica_preserve_commit_order') === 'OFF';
  if (isUnordered && Number(settings.get('replica_parallel_workers')) > 1)
    throw gone('it may have applied transactions in another order (replica_preserve_commit_order is OFF)');
  if (!gtids.includes(':') && gtids.includes(','))
    throw gone('it may have applied transactions of several domains in another order');
}

function gone(why: string): MigrateError {
  return new MigrateError('STREAM.GONE', `another server took over from the source, and ${why}`, {
    fix: 'The gap cannot be closed: abort with --drop and start again.',
  });
}
