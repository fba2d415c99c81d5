// The applier of a process of the run, put together: of the one that leads, with all lanes or a share of them, and of a worker.

import { Applier } from '../apply/applier.ts';
import type { ApplierOptions } from '../apply/options.ts';
import type { RunGate } from '../health/run-gate.ts';
import type { Journal } from '../journal/journal.ts';

export interface ApplierParts extends Omit<ApplierOptions, 'journal' | 'tables' | 'settled' | 'gate'> {
  readonly journal: Pick<Journal, 'tables' | 'load'>;
  /** Whose apply holds it and slows it down. */
  readonly gate: Pick<RunGate, 'apply'>;
}

/** Not started. Knows what the journal says now: since the attempt began more may have been copied. */
export async function openApplier({ journal, gate, limits, ...parts }: ApplierParts): Promise<Applier> {
  return new Applier({
    ...parts,
    journal: journal.tables,
    tables: await journal.tables.list(),
    // Behind the tables: it is journalled before what it settles is copied.
    settled: (await journal.load())?.settled ?? null,
    gate: gate.apply,
    limits: gate.apply.limited(limits),
  });
}
