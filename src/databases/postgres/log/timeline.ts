// The line of history that the source's log is on. A standby that is promoted, or a backup that is restored, goes on with
// a line of its own, and its log has positions that the old one had too, with other changes at them.

import { MigrateError } from '../../../lib/errors.ts';
import type { Position } from '../../../model/position.ts';
import type { PostgresServer, Session } from '../connection.ts';
import { formatLsn, ordinalOf, parseLsn } from './lsn.ts';

/** A line of history that ended, and where. */
interface Ended {
  readonly timeline: string;
  readonly end: bigint;
}

/**
 * The line of history that the server is on. Rejects with STREAM.GONE when the log no longer contains everything that
 * `reached` covers, which was read on the line `since` ('' before anything was read).
 */
export async function continueTimeline(
  server: PostgresServer,
  since: string,
  reached: readonly Position[],
): Promise<string> {
  const session = await server.session({ purpose: 'timeline', replication: true });
  try {
    const system = await session.one('IDENTIFY_SYSTEM');
    const timeline = system?.timeline ?? '';
    if (since !== '' && since !== timeline) await refuseLostTail(session, { since, timeline, reached });
    return timeline;
  } finally {
    await session.close();
  }
}

async function refuseLostTail(
  session: Session,
  { since, timeline, reached }: { since: string; timeline: string; reached: readonly Position[] },
): Promise<void> {
  const file = await session.one(`TIMELINE_HISTORY ${Number(timeline)}`);
  const line = readHistory(file?.content ?? '').find((one) => one.timeline === since);
  const moved = `the source is on timeline ${timeline} of its history, this run read timeline ${since}`;
  if (line === undefined) throw new MigrateError('STREAM.GONE', `${moved}, which is not a part of it`);
  const beyond = reached.find((position) => isBeyond(position, line.end));
  if (beyond === undefined) return;
  throw new MigrateError(
    'STREAM.GONE',
    `${moved}, which ends at ${formatLsn(line.end)}: the run stands at ${beyond}, so the source lost what it had carried`,
  );
}

/** A commit record that begins where the line ends was never a part of it: neither was any piece of its transaction. */
export function isBeyond(position: Position, end: bigint): boolean {
  const lsn = parseLsn(position);
  return lsn > end || (lsn === end && ordinalOf(position) > 0);
}

/** Lines of `timeline <tab> end <tab> reason`. */
export function readHistory(content: string): readonly Ended[] {
  return [...content.matchAll(/^\s*(\d+)\s+([0-9A-F]+\/[0-9A-F]+)/gim)].map((match) => ({
    timeline: match[1] ?? '',
    end: parseLsn(match[2] ?? ''),
  }));
}
