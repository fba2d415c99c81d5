// Whether the log is still the one that was read: a server whose log was reset, or whose data was restored, has places of the
// same names with other changes at them, or none.

import { MigrateError } from '../../lib/errors.ts';
import type { Position } from '../../model/position.ts';
import type { MysqlServer, MysqlSession } from './connection.ts';
import { readIdentity } from './identity.ts';
import { positionOf } from './log/head.ts';
import { covers, type Place, parsePlace } from './log/position.ts';

/**
 * The server is the same one: that is known before. Rejects with STREAM.GONE when the log does not contain everything that was
 * reached. Files that were removed because of their age are no concern here: whoever reads misses them.
 */
export async function continueLog(server: MysqlServer, reached: readonly Position[]): Promise<string> {
  const [first, ...rest] = reached;
  const newest = first && rest.reduce((one, other) => (covers(one, other) ? one : other), first);
  return server.use(async (session) => {
    if (newest !== undefined) {
      const place = parsePlace(newest);
      await refuseForeignFile(server, session, place);
      await refuseLostTransactions(session, place);
    }
    return readIdentity(session);
  });
}

async function refuseForeignFile(server: MysqlServer, session: MysqlSession, place: Place): Promise<void> {
  const files = new Map((await session.query('SHOW BINARY LOGS')).map(([name, size]) => [name ?? '', Number(size)]));
  const size = files.get(place.name);
  if (size === undefined) {
    const last = [...files.keys()].at(-1) ?? '';
    const isAhead = last === '' || parsePlace(`${last}:4`).file < place.file;
    if (isAhead) throw gone(`it ends with ${last}, and the run stands at ${place.name}`);
    return;
  }
  if (size < place.at) throw gone(`${place.name} ends at ${size}, and the run stands at ${place.at}`);
  const begin = parsePlace(await positionOf({ file: place.name, at: 4, gtids: '' }, () => server.connect()));
  if (place.born !== undefined && begin.born !== place.born) throw gone(`${place.name} is another file than it was`);
}

async function refuseLostTransactions(session: MysqlSession, { gtids }: Place): Promise<void> {
  if (gtids === '') return;
  if (gtids.includes(':')) {
    const [row] = await session.query(`SELECT GTID_SUBTRACT('${gtids}', @@global.gtid_executed)`);
    const missing = row?.[0] ?? '';
    if (missing !== '') throw gone(`it does not have the transactions ${missing.replaceAll(/\s/g, '')}`);
    return;
  }
  const [row] = await session.query('SELECT @@global.gtid_binlog_state');
  const state = new Map((row?.[0] ?? '').split(',').map((gtid) => splitGtid(gtid.trim())));
  for (const gtid of gtids.split(',')) {
    const [stream, sequence] = splitGtid(gtid);
    if ((state.get(stream) ?? 0n) < sequence) throw gone(`it does not have the transaction ${gtid}`);
  }
}

/** `0-1-77`: of one domain and server the 77th. */
function splitGtid(gtid: string): readonly [string, bigint] {
  const [domain = '', server = '', sequence = ''] = gtid.split('-');
  return [`${domain}-${server}`, BigInt(sequence)];
}

function gone(what: string): MigrateError {
  return new MigrateError('STREAM.GONE', `the log of the source does not contain what the run has carried: ${what}`, {
    fix: 'It was reset or restored. The gap cannot be closed: abort with --drop and start again.',
  });
}
