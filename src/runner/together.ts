// Lanes that are shared with workers, while the target is far behind: each process reads the whole log and writes its own lanes, so
// that the order of every key stays the source's. It ends as soon as the target is close behind, or when something needs all
// lanes in one hand; then the lease's epoch is raised, which takes them back. Everything else is done by who leads alone.

import { setTimeout as sleep } from 'node:timers/promises';
import { HeadLag } from '../apply/head-lag.ts';
import { showLag } from '../apply/lag.ts';
import { floorOf } from '../apply/lanes.ts';
import type { RunRecord } from '../journal/journal.ts';
import type { WorkerRecord } from '../journal/workers.ts';
import { MigrateError, toMigrateError } from '../lib/errors.ts';
import { failpoint } from '../lib/failpoint.ts';
import type { Workers } from '../stages/workers.ts';
import type { ChangeStream } from '../stream/change-stream.ts';
import type { Division } from './division.ts';
import type { Endpoints } from './endpoints.ts';
import { openApplier } from './open-applier.ts';
import type { Runner } from './runner.ts';

export interface SharedParts extends Pick<Endpoints, 'source' | 'target' | 'journal' | 'claim'> {
  readonly record: RunRecord;
  readonly division: Division;
  /** A new one at each call: a stream is opened once. */
  readonly stream: () => ChangeStream;
  readonly workers: Workers;
  readonly signal: AbortSignal;
}

const LOOK_MS = 250;

/** `close`: the target is close behind. `alone`: there is nobody to share with, or a table must change its lane. */
type End = 'close' | 'alone' | 'members';

/** Resolves when all lanes are ours again. */
export async function applyTogether(runner: Runner, parts: SharedParts): Promise<void> {
  // Of the keys that others write it is told nothing.
  runner.verification.startOver();
  for (let end: End = 'members'; end === 'members'; ) {
    const { alive } = parts.workers;
    const own = await parts.workers.share(parts.record.lanes, alive);
    // Not after an error: it may be that another runner took over. Whoever goes on raises the epoch first.
    end = await round(runner, parts, { own, members: alive });
    await parts.claim();
    await failpoint('lanes.taken_back');
  }
}

async function round(
  runner: Runner,
  parts: SharedParts,
  { own, members }: { readonly own: ReadonlySet<number>; readonly members: readonly WorkerRecord[] },
): Promise<End> {
  const { gate, request, status } = runner;
  const { division, journal, record, signal, source, target } = parts;
  if (members.length === 0) return 'alone';
  const stream = parts.stream();
  const applier = await openApplier({
    ...{ stream, source, target, journal, gate, status, signal },
    homeward: runner.homeward,
    aside: division.aside,
    share: own,
    limits: { ...request.plan.apply, lanes: record.lanes },
    log: request.log,
  });
  request.log.info('lanes are shared with workers until the target is close behind', {
    subject: members.map(({ name }) => name).join(', '),
  });
  const over = new AbortController();
  let following: Promise<unknown> = Promise.resolve();
  try {
    await applier.start();
    await failpoint('lanes.shared');
    const end = follow(runner, parts, { stream, members, signal: AbortSignal.any([signal, over.signal]) });
    following = end.catch(() => undefined);
    return await Promise.race([applier.failed, end]);
  } catch (error) {
    // It must be written by one lane: all lanes have to be in one hand for that.
    if (toMigrateError(error).code === 'APPLY.REROUTE') return 'alone';
    throw error;
  } finally {
    over.abort(new MigrateError('INTERRUPTED', 'the lanes are taken back'));
    await following;
    await applier.close();
    await stream.close();
  }
}

interface RoundParts {
  readonly stream: ChangeStream;
  readonly members: readonly WorkerRecord[];
  /** Aborted when the round is over. */
  readonly signal: AbortSignal;
}

/** Looks at how far everybody is, until the round is over. */
async function follow(
  { request, status }: Runner,
  parts: SharedParts,
  { stream, members, signal }: RoundParts,
): Promise<End> {
  const { covers } = stream;
  const { source, target, workers } = parts;
  const shared = idsOf(members);
  const lag = new HeadLag(covers);
  for (;;) {
    // Before it is asked: the head is no older than that.
    const atMs = performance.now();
    const head = await source.log.head();
    lag.look(head, atMs);
    // Brings every lane to answer with its checkpoint, also when nothing is written on the source.
    await source.log.mark('shared');
    await sleep(LOOK_MS, undefined, { signal });
    const floor = floorOf(
      (await target.reached()).map(({ position }) => position),
      covers,
    );
    const seconds = lag.seconds(floor, performance.now());
    showLag({ status, stream }, { seconds, head, applied: floor });
    if (seconds !== null && seconds * 1_000 <= request.plan.cutover.maxLag) return 'close';
    if (idsOf(workers.alive) !== shared) return 'members';
  }
}

function idsOf(workers: readonly WorkerRecord[]): string {
  return workers.map(({ id }) => id).join();
}

/**
 * True as soon as the target is so far behind while it catches up that the lanes should be shared, and somebody is there; false when
 * the apply has ended before.
 */
export async function farBehind(
  { gate, homeward, request, status }: Runner,
  {
    workers,
    journal,
    notBeforeMs,
    signal,
  }: Pick<SharedParts, 'workers' | 'journal' | 'signal'> & { readonly notBeforeMs: number },
): Promise<boolean> {
  const { shareAfter } = request.plan.apply;
  for (;;) {
    await sleep(LOOK_MS, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return false;
    const { stage, stream, waiting } = status.snapshot();
    if (stage !== 'catch-up' || waiting !== null || gate.reasonAt(stage) !== undefined || workers.alive.length === 0)
      continue;
    if ((stream.lagSeconds ?? 0) * 1_000 < shareAfter || performance.now() < notBeforeMs) continue;
    // What must change its lane can only do so while all lanes are in one hand.
    const tables = homeward.size === 0 ? [] : await journal.tables.list();
    if (!tables.some(({ id, spread }) => spread && homeward.has(id))) return true;
  }
}

/** Lanes can be shared at all: everybody can read the log, no table is apart, and no letters are kept, which one process counts. */
export function canShare(
  stream: ChangeStream,
  { division, record }: Pick<SharedParts, 'division' | 'record'>,
  onBadRow: string,
): boolean {
  return stream.isShareable && record.lanes > 1 && division.recopied.length === 0 && onBadRow === 'stop';
}
