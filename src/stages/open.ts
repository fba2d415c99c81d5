// Ends a run that only makes a copy: stops following the log at one position, opens the target there, and takes
// everything back from the source, which was never closed.

import type { Applier } from '../apply/applier.ts';
import type { DeadLetters } from '../apply/dead-letters.ts';
import type { Source } from '../databases/source.ts';
import type { Target } from '../databases/target.ts';
import type { Pulse } from '../health/pulse.ts';
import type { Journal, RunRecord } from '../journal/journal.ts';
import { MigrateError } from '../lib/errors.ts';
import { failpoint } from '../lib/failpoint.ts';
import type { Catalog } from '../model/catalog.ts';
import type { Position } from '../model/position.ts';
import type { Log } from '../observe/log.ts';
import type { Plan } from '../plan/plan.ts';
import type { Verification } from '../verify/verification.ts';
import { lettersObstacle } from './permission.ts';
import { selectionOf } from './selection.ts';
import type { Stage } from './stage.ts';

export interface OpenParts {
  readonly source: Source;
  readonly target: Target;
  readonly journal: Journal;
  readonly catalog: Catalog;
  readonly applier: Applier;
  readonly verification: Verification;
  readonly deadLetters: DeadLetters;
  readonly pulse: Pulse;
  readonly plan: Pick<Plan, 'cutover'>;
  readonly record: RunRecord;
  readonly log: Log;
  /** Removes what a run keeps on a side, the right to write included. */
  readonly forget: (side: 'source') => Promise<void>;
}

export function openStage(parts: OpenParts): Stage {
  return {
    name: 'open',
    always: false,
    run: async () => {
      const { source, target, journal, catalog, applier, verification, pulse, plan, log, deadLetters } = parts;
      const at = await stopLevel(applier);
      if (deadLetters.open > 0) throw new MigrateError('CUTOVER.REFUSED', lettersObstacle(deadLetters.open));
      // The heartbeat would miss the apply, and later the publication, and take that for a fault.
      pulse.stop();
      await requireSameTables(parts);
      await target.sequences.advance(catalog, await source.sequences.read(catalog), plan.cutover.sequenceMargin);
      await target.foreignKeys.add(catalog);
      const checked = await target.foreignKeys.validate(catalog, (subject) => log.info('checking', { subject }));
      const { size, wholeTables, rows } = verification.pending;
      const result = { at, keysNotVerified: size, tablesNotVerified: wholeTables + rows.tables, ...checked };
      await journal.stages.note('open', result);
      // First: an open target without this record would be written to again by the next start.
      await journal.setOutcome('copied');
      await finishCopy(parts);
      return result;
    },
  };
}

/**
 * The log never told of a partition that was made meanwhile, nor of what a publication left out that somebody altered. Asked
 * after the position of the copy, so that whatever was altered before it shows.
 */
async function requireSameTables({ source, record }: OpenParts): Promise<void> {
  await source.log.mark('copied');
  if ((await source.fingerprint(selectionOf(record))) === record.fingerprint) return;
  throw new MigrateError('SCHEMA.CHANGED', 'the schema of the source is not the one this run carries');
}

/** What is left once the journal says `copied`. Idempotent, so that a killed run ends here. */
export async function finishCopy({
  source,
  target,
  forget,
}: Pick<OpenParts, 'source' | 'target' | 'forget'>): Promise<void> {
  await failpoint('cutover.switched');
  await target.fence.open();
  await failpoint('cutover.target_open');
  await target.fence.disarm();
  await failpoint('cleanup.before_release');
  await releaseSource(source);
  await forget('source');
}

/**
 * The fence opens first: whatever else fails, the applications can write. It comes off last, since that waits for whoever
 * reads the tables, and until the slot is gone the source keeps its log. An earlier attempt to cut over may have left one.
 */
export async function releaseSource({ fence, log }: Pick<Source, 'fence' | 'log'>): Promise<void> {
  await fence.open();
  await log.release();
  await fence.disarm();
}

/** Ends the apply while every lane stands at one position, and resolves with it: the target is the source's state there. */
async function stopLevel(applier: Applier): Promise<Position> {
  const level = new Promise<Position>((resolve, reject) => {
    const stopped = applier.atBarrier(async () => {
      const { position } = applier;
      if (position === undefined) throw new MigrateError('INTERNAL.BUG', 'the apply has no position');
      resolve(position);
      // Not awaited: it waits for this very work to end, and lets nothing begin after it.
      void applier.close();
    });
    stopped.catch(reject);
  });
  const position = await level;
  await applier.close();
  return position;
}
