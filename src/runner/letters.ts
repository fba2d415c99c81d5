// What an operator asks for dead letters: carried out while the apply stands still, by the process that works on the run or,
// where there is none, by the one that asks.

import type { Applier } from '../apply/applier.ts';
import type { DeadLetters } from '../apply/dead-letters.ts';
import { type RetryReport, retryLetters } from '../apply/retry-letters.ts';
import type { LetterRequest } from '../control/controls.ts';
import type { LettersView } from '../control/letter-view.ts';
import { renamedTarget } from '../convert/renamed-target.ts';
import type { Target } from '../databases/target.ts';
import type { DeadLetter } from '../journal/dead-letters.ts';
import type { Journal, RunRecord } from '../journal/journal.ts';
import { noRun } from '../journal/no-run.ts';
import { MigrateError } from '../lib/errors.ts';
import type { Key } from '../model/change.ts';
import type { Table } from '../model/table.ts';
import type { Plan } from '../plan/plan.ts';
import { letterCommandText } from './command-text.ts';
import type { OpenEndpoints } from './endpoints.ts';

export interface LetterParts {
  readonly journal: Journal;
  readonly target: Pick<Target, 'lane'>;
  readonly tables: readonly Table[];
  /** Told of every key before it is written. */
  readonly changed: (table: Table, key: Key) => void;
}

export interface LettersAnswer extends RetryReport {
  readonly waived: readonly number[];
}

/** Carries out requests while every lane of a running apply stands at one position. */
export function letterDesk(
  parts: LetterParts & {
    readonly applier: Pick<Applier, 'atBarrier'>;
    readonly deadLetters: Pick<DeadLetters, 'load'>;
  },
): (request: LetterRequest) => Promise<LettersAnswer> {
  return (request) =>
    parts.applier.atBarrier(async () => {
      try {
        return await settle(parts, request);
      } finally {
        await parts.deadLetters.load();
      }
    });
}

/** Takes the lease for a moment. */
export async function settleLetters(plan: Plan, request: LetterRequest, open: OpenEndpoints): Promise<LettersAnswer> {
  const endpoints = await open(plan, { lock: true, takeover: false, onWaiting: () => undefined });
  try {
    const { journal, record, target } = endpoints;
    if (record === undefined) throw noRun(plan.name);
    if (record.outcome !== 'running' || (await journal.cutovers.latest())?.phase === 'committed') {
      throw new MigrateError('RUN.COMPLETE', `run ${plan.name} has ended or has cut over`);
    }
    await endpoints.claim();
    // What a lane may still be committing belongs to the letters.
    await target.checkpoints();
    const { catalog } = record;
    const tables = catalog.tables.map(({ table }) => table);
    return await settle({ journal, target: renamedTarget(target, catalog), tables, changed: () => undefined }, request);
  } finally {
    await endpoints.close();
  }
}

/** Reads only. `rows`: of which letters the values are wanted. */
export async function readLetters(
  plan: Plan,
  wanted: (letter: DeadLetter) => boolean,
  open: OpenEndpoints,
): Promise<LettersView> {
  const endpoints = await open(plan, { lock: false, takeover: false, onWaiting: () => undefined });
  try {
    const { journal, record } = endpoints;
    if (record === undefined) throw noRun(plan.name);
    return await viewLetters(journal, record, wanted);
  } finally {
    await endpoints.close();
  }
}

/** `wanted`: of which letters the values are read. */
export async function viewLetters(
  journal: Pick<Journal, 'deadLetters'>,
  { catalog }: Pick<RunRecord, 'catalog'>,
  wanted: (letter: DeadLetter) => boolean,
): Promise<LettersView> {
  const letters = await journal.deadLetters.list();
  const rows = await journal.deadLetters.rows(letters.filter(wanted).map(({ id }) => id));
  return { letters, rows, tables: catalog.tables.map(({ table }) => table) };
}

async function settle(parts: LetterParts, request: LetterRequest): Promise<LettersAnswer> {
  const { journal } = parts;
  if (request.verb === 'retry') {
    const tolerant = ((await journal.load())?.settled ?? null) !== null;
    const report = await retryLetters({ ...parts, journal: journal.deadLetters, tolerant, by: request.by }, request);
    const result = `${report.replayed.length} replayed, ${report.refused.flatMap(({ ids }) => ids).length} refused`;
    await journal.audit({ by: request.by, command: letterCommandText(request), result });
    return { ...report, waived: [] };
  }
  const { ids, by, reason } = request;
  const open = new Set((await journal.deadLetters.list(['open'])).map(({ id }) => id));
  const missing = ids.filter((id) => !open.has(id));
  if (missing.length > 0)
    throw new MigrateError('USAGE.ARGUMENT', `no dead letter is open with id ${missing.join(', ')}`);
  await journal.deadLetters.waive(ids, by, reason);
  await journal.audit({ by, command: letterCommandText(request), result: `waived, because: ${reason}` });
  return { replayed: [], refused: [], waived: ids };
}
