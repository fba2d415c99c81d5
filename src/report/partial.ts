// The results of runs that were asked for less than a migration: a stop after a stage, or a copy.

import type { DeadLetter } from '../journal/dead-letters.ts';
import type { RunRecord, StageName, StageRecord } from '../journal/journal.ts';
import type { TableStateRecord } from '../journal/table-states.ts';
import { emptyValueLines, emptyValuesOf } from './empty-values.ts';
import { type ForeignKeysResult, foreignKeysResult, notValidLines } from './foreign-keys.ts';
import type { RunResult } from './result.ts';
import { hasWaivers, type Waivers, waiverLines, waiversOf } from './waivers.ts';

/** A run that stops here on purpose; the same command without `--until` goes on. */
export interface StoppedResult {
  readonly result: 'stopped';
  readonly run: string;
  /** The stage that is done. */
  readonly stage: StageName;
  readonly next: RunResult['next'];
}

/** A copy of the source as it was at one moment. The source stays in use, so this is no completed migration. */
export interface CopiedResult {
  readonly result: 'copied' | 'copied with waivers';
  readonly run: string;
  /** The moment: a position of the source's log. */
  readonly at: string | null;
  readonly snapshot: { readonly rows: number };
  readonly stream: { readonly changes: number };
  readonly verify: RunResult['verify'] & {
    /** Keys that the source changed while they were compared: they were applied, but not compared again. */
    readonly keysNotVerified: number;
    /** Tables of which that is so for too many keys to count. */
    readonly tablesNotVerified: number;
  };
  readonly foreignKeys: ForeignKeysResult;
  readonly waivers: Waivers;
  readonly next: RunResult['next'];
}

export type RunOutcome = RunResult | StoppedResult | CopiedResult;

export function stoppedResult(run: string, stage: StageName): StoppedResult {
  const next = [{ command: 'migrate run', why: 'goes on; until then the source keeps its log for this run' }];
  return { result: 'stopped', run, stage, next };
}

export interface CopiedInput {
  readonly record: RunRecord;
  readonly stages: readonly StageRecord[];
  readonly changesApplied: number;
  readonly states: readonly TableStateRecord[];
  readonly letters: readonly DeadLetter[];
}

/** From the journal alone, so that a second call tells the same. */
export function copiedResult({ record, stages, changesApplied, states, letters }: CopiedInput): CopiedResult {
  const of = (stage: StageName) => stages.find((entry) => entry.stage === stage)?.result ?? {};
  const number = (value: unknown): number => (typeof value === 'number' ? value : 0);
  const { at } = of('open');
  const waivers = waiversOf(record, states, letters);
  return {
    result: hasWaivers(waivers) ? 'copied with waivers' : 'copied',
    run: record.name,
    at: typeof at === 'string' ? at : null,
    snapshot: { rows: number(of('snapshot').rows) },
    stream: { changes: changesApplied },
    verify: {
      rowsCompared: number(of('verify').rowsCompared),
      differences: number(of('verify').differences),
      emptyValues: emptyValuesOf(stages),
      keysNotVerified: number(of('open').keysNotVerified),
      tablesNotVerified: number(of('open').tablesNotVerified),
    },
    foreignKeys: foreignKeysResult(of('open')),
    waivers,
    next: [
      {
        command: 'migrate run --only verify',
        why: 'compares both databases again; what the source has changed since then differs',
      },
    ],
  };
}

/** The summary for people. */
export function partialLines(result: StoppedResult | CopiedResult): readonly string[] {
  const next = result.next.map((step) => `Next: ${step.command} (${step.why})`);
  if (result.result === 'stopped') return [`stopped: ${result.run} has finished ${result.stage}`, ...next];
  const count = (value: number): string => value.toLocaleString('en-US');
  const { verify } = result;
  return [
    `${result.result}: the target has ${result.run} as it was at ${result.at ?? 'an unknown position'}; the source stays in use`,
    `  rows copied      ${count(result.snapshot.rows)}`,
    `  changes applied  ${count(result.stream.changes)}`,
    `  rows compared    ${count(verify.rowsCompared)}, ${count(verify.differences)} differences, ${count(verify.keysNotVerified)} keys and ${count(verify.tablesNotVerified)} tables not verified`,
    ...emptyValueLines(verify.emptyValues).map((line) => `  empty values     ${line}`),
    ...notValidLines(result.foreignKeys),
    ...waiverLines(result.waivers),
    ...next,
  ];
}
