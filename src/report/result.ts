// The result of a run: the last line of `--json`, and the summary for people.

import type { DeadLetter } from '../journal/dead-letters.ts';
import type { CutoverRecord, RunRecord, StageRecord } from '../journal/journal.ts';
import type { TableStateRecord } from '../journal/table-states.ts';
import type { EmptyValues } from '../model/empty-values.ts';
import { emptyValueLines, emptyValuesOf } from './empty-values.ts';
import { type ForeignKeysResult, foreignKeysResult, notValidLines } from './foreign-keys.ts';
import { hasWaivers, type Waivers, waiverLines, waiversOf } from './waivers.ts';

export interface RunResult {
  readonly result: 'complete' | 'complete with waivers';
  readonly run: string;
  readonly snapshot: { readonly rows: number; readonly seconds: number };
  readonly stream: { readonly changes: number; readonly splitTransactions: number };
  readonly verify: {
    readonly rowsCompared: number;
    readonly differences: number;
    /** Empty values of the source that are something else on the target, when their rows were compared. */
    readonly emptyValues: readonly EmptyValues[];
  };
  readonly cutover: {
    /** Null when a process died in between and no one can tell. */
    readonly writePauseMs: number | null;
    readonly attempts: number;
    readonly steps: Readonly<Record<string, number>>;
  };
  readonly foreignKeys: ForeignKeysResult;
  readonly waivers: Waivers;
  /** How to go back; nothing yet, and the report says so. */
  readonly wayBack: 'none';
  readonly next: readonly { readonly command: string; readonly why: string }[];
}

export interface ResultInput {
  readonly record: RunRecord;
  readonly stages: readonly StageRecord[];
  readonly cutover: CutoverRecord | undefined;
  readonly changesApplied: number;
  readonly splitTransactions: number;
  readonly states: readonly TableStateRecord[];
  readonly letters: readonly DeadLetter[];
}

/** Reads everything from the journal, so that a run resumed by another process reports the same. */
export function runResult({
  record,
  stages,
  cutover,
  changesApplied,
  splitTransactions,
  states,
  letters,
}: ResultInput): RunResult {
  const resultOf = (stage: string): Readonly<Record<string, unknown>> =>
    stages.find((entry) => entry.stage === stage)?.result ?? {};
  const number = (value: unknown): number => (typeof value === 'number' ? value : 0);
  const snapshot = resultOf('snapshot');
  const copied = stages.find((entry) => entry.stage === 'snapshot');
  const verify = resultOf('verify');
  const settled = resultOf('cutover');
  const waivers = waiversOf(record, states, letters);
  return {
    result: hasWaivers(waivers) ? 'complete with waivers' : 'complete',
    run: record.name,
    snapshot: { rows: number(snapshot.rows), seconds: secondsBetween(copied?.startedAt, copied?.finishedAt) },
    stream: { changes: changesApplied, splitTransactions },
    verify: {
      rowsCompared: number(verify.rowsCompared) + number(settled.rowsCompared),
      differences: number(verify.differences) + number(settled.differences),
      emptyValues: emptyValuesOf(stages),
    },
    cutover: {
      writePauseMs: cutover?.writePauseMs ?? null,
      attempts: cutover?.attempt ?? 0,
      steps: Object.fromEntries((cutover?.steps ?? []).map((step) => [step.name, step.ms])),
    },
    foreignKeys: foreignKeysResult(resultOf('foreign-keys')),
    waivers,
    wayBack: 'none',
    next: [
      {
        command: 'point every remaining application at the target',
        why: 'the source stays closed to writes on the migrated tables; there is no way back (reverse: off)',
      },
    ],
  };
}

/** From the first start to the end, interruptions included. */
function secondsBetween(from: string | undefined, to: string | null | undefined): number {
  return from === undefined || to === undefined || to === null ? 0 : (Date.parse(to) - Date.parse(from)) / 1000;
}

/** The summary for people. */
export function resultLines(result: RunResult): readonly string[] {
  const count = (value: number): string => value.toLocaleString('en-US');
  return [
    `${result.result}: ${result.run} now lives on the target`,
    `  rows copied      ${count(result.snapshot.rows)} in ${result.snapshot.seconds.toFixed(1)} s`,
    `  changes applied  ${count(result.stream.changes)}`,
    `  rows compared    ${count(result.verify.rowsCompared)}, ${count(result.verify.differences)} differences`,
    ...emptyValueLines(result.verify.emptyValues).map((line) => `  empty values     ${line}`),
    `  write pause      ${result.cutover.writePauseMs === null ? 'unknown' : `${result.cutover.writePauseMs.toFixed(0)} ms`}`,
    ...notValidLines(result.foreignKeys),
    ...waiverLines(result.waivers),
    '  way back         no way back (reverse: off)',
    ...result.next.map((step) => `Next: ${step.command} (${step.why})`),
  ];
}
