// The apply of one attempt: put together, known to the operator and to the verification, and ended with the work beside it.

import type { Applier } from '../apply/applier.ts';
import { DeadLetters } from '../apply/dead-letters.ts';
import type { Key } from '../model/change.ts';
import type { Table } from '../model/table.ts';
import type { ChangeStream } from '../stream/change-stream.ts';
import type { Division } from './division.ts';
import type { Endpoints } from './endpoints.ts';
import { letterDesk } from './letters.ts';
import { openApplier } from './open-applier.ts';
import type { Runner } from './runner.ts';

export interface ApplyingParts extends Pick<Endpoints, 'source' | 'target' | 'journal' | 'lease'> {
  readonly stream: ChangeStream;
  readonly division: Division;
  readonly signal: AbortSignal;
}

export interface Applying {
  /** Not started. */
  readonly applier: Applier;
  readonly deadLetters: DeadLetters;
}

/** Closes the applier when `work` has settled, and settles as it did. */
export async function whileApplying<T>(
  { request, operator, gate, status, verification, homeward }: Runner,
  { source, target, journal, lease, stream, division, signal }: ApplyingParts,
  work: (applying: Applying) => Promise<T>,
): Promise<T> {
  const { aside, carried, renewed } = division;
  const limits = request.plan.apply;
  const deadLetters = new DeadLetters({ journal: journal.deadLetters, limits, status });
  const applier = await openApplier({
    ...{ stream, target, source, journal, gate, limits, status, signal },
    homeward,
    aside,
    deadLetters,
    log: request.log,
  });
  verification.follow(applier, lease.epoch);
  verification.renew(renewed, aside.tables);
  const changed = (table: Table, key: Key): void => verification.pending.changed(table, key);
  operator.serve(letterDesk({ journal, target, tables: carried, changed, applier, deadLetters }));
  try {
    return await work({ applier, deadLetters });
  } finally {
    operator.serve(undefined);
    await applier.close();
  }
}
