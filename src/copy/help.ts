// The copy as a further process takes part in it: at a pair of its own, of what it can claim.

import type { Source } from '../databases/source.ts';
import type { Target } from '../databases/target.ts';
import type { Passage } from '../health/gate.ts';
import type { Journal } from '../journal/journal.ts';
import type { Position } from '../model/position.ts';
import type { Table } from '../model/table.ts';
import type { RunStatus } from '../observe/status.ts';
import type { Plan } from '../plan/plan.ts';
import { whileHeld } from './age.ts';
import { copyTables } from './copier.ts';
import { type Claims, pendingTasks } from './queue.ts';

export interface HelpOptions {
  /** Of the run. What is not cut into chunks yet, and what an operator asked something for, is left to whoever leads. */
  readonly tables: readonly Table[];
  readonly journal: {
    readonly tables: Pick<Journal['tables'], 'list'>;
    readonly states: Pick<Journal['states'], 'list'>;
  };
  /** As the run's record has it. */
  readonly settled: Position | null;
  readonly source: { readonly log: Pick<Source['log'], 'pair'> };
  readonly target: Pick<Target, 'loader' | 'traits'>;
  readonly claims: Claims;
  readonly plan: { readonly snapshot: Pick<Plan['snapshot'], 'chunkRows' | 'maxAge' | 'readers'> };
  readonly gate: Passage;
  readonly status: RunStatus;
  readonly signal: AbortSignal;
}

/**
 * `done`: nothing is left to claim. `one-moment`: a table may hold only rows of one moment, which is that of whoever leads.
 * `inexact`: no exact pair can be made; what another one is settled by is for whoever leads to journal.
 */
export type HelpResult = 'done' | 'one-moment' | 'inexact';

/**
 * Copies what it can claim. When it rejects, chunks may be left that it has claimed, and whoever leads waits for them: then the
 * worker must leave and join anew.
 */
export async function helpCopy(options: HelpOptions): Promise<HelpResult> {
  const { journal, settled, source, target, plan, signal } = options;
  if (target.traits.oneMomentPerTable) return 'one-moment';
  // Who leads could make none, with the same rights.
  if (settled !== null) return 'inexact';
  const asked = new Set((await journal.states.list()).map(({ table }) => table));
  const progress = await journal.tables.list();
  const cut = new Set(progress.filter(({ chunks }) => chunks.length > 0).map(({ id }) => id));
  const tables = options.tables.filter(({ id }) => cut.has(id) && !asked.has(id));
  // Not for nothing: a pair holds back the source, and may hold up its writers for a moment.
  if (pendingTasks(tables, progress).every(({ chunk }) => chunk.claimed !== undefined)) return 'done';
  const start = await source.log.pair();
  if (start.settled !== undefined) {
    await start.close();
    return 'inexact';
  }
  const { maxAge, readers } = plan.snapshot;
  await whileHeld(start, { maxAge, signal }, (held) =>
    copyTables({ ...options, tables, progress, start, readers, signal: held }),
  );
  return 'done';
}
