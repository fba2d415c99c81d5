// Compares the contents of both sides while writes go on.

import type { Applier } from '../apply/applier.ts';
import type { DeadLetters } from '../apply/dead-letters.ts';
import type { Source } from '../databases/source.ts';
import type { Target } from '../databases/target.ts';
import type { RunGate } from '../health/run-gate.ts';
import type { Journal } from '../journal/journal.ts';
import type { Table } from '../model/table.ts';
import type { RunStatus } from '../observe/status.ts';
import type { Plan } from '../plan/plan.ts';
import { compareTables, type LiveVerifyContext, type VerifyResult } from '../verify/compare.ts';
import { differencesError } from '../verify/differences.ts';
import { settleLive } from '../verify/settle.ts';
import type { Verification } from '../verify/verification.ts';
import type { Stage } from './stage.ts';

export interface VerifyParts {
  readonly source: Source;
  readonly target: Target;
  readonly journal: Journal;
  /** The tables to compare. */
  readonly carried: readonly Table[];
  readonly applier: Applier;
  readonly verification: Verification;
  readonly deadLetters: DeadLetters;
  readonly plan: Pick<Plan, 'verify'>;
  readonly gate: Pick<RunGate, 'verify' | 'passAll'>;
  readonly status: RunStatus;
  readonly signal: AbortSignal;
}

export function verifyStage(parts: VerifyParts): Stage {
  return {
    name: 'verify',
    always: true,
    run: async () => {
      const { verification, applier } = parts;
      const context = await verifyContext(parts);
      verification.begin(applier);
      if (!verification.complete) {
        await keepVerified(parts, await compareTables(context));
        verification.completed();
      }
      await keepVerified(parts, await settleLive(context));
      return { rowsCompared: verification.rowsCompared, differences: 0, emptyValues: verification.emptyCounts.list() };
    },
  };
}

export async function verifyContext(parts: VerifyParts): Promise<LiveVerifyContext> {
  const { applier, carried, deadLetters, gate, journal, verification, plan, signal, source, status, target } = parts;
  return {
    source: source.digests,
    target: target.digests,
    log: source.log,
    tables: carried,
    progress: await journal.tables.list(),
    limits: plan.verify,
    replication: applier,
    pending: verification.pending,
    emptyCounts: verification.emptyCounts,
    excluded: (table, key) => deadLetters.excludes(table, key),
    status,
    gate: gate.verify,
    signal,
  };
}

/** Counts what was equal. Of differences the journal keeps the keys, on the target, where the data belongs; the error names tables. */
export async function keepVerified({ journal, verification }: VerifyParts, found: VerifyResult): Promise<void> {
  if (found.differences.length > 0) {
    await journal.stages.note('verify', { differences: found.differences });
    throw differencesError(found.differences);
  }
  verification.compared(found.rowsCompared);
}
