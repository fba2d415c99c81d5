// The results of runs that were asked for less than a migration: a stop after a stage, or a copy.

import type { RunRecord, StageName, StageRecord } from '../journal/journal.ts';
import { type ForeignKeysResult, foreignKeysResult, notValidLines } from './foreign-keys.ts';
import type { RunResult } from './result.ts';

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
  readonly result: 'copied';
  readonly run: string;
  /** The moment: a position of the source's log. */
  readonly at: string | null;
  readonly snapshot: { readonly rows: number };
  readonly stream: { readonly changes: number };
  readonly verify: {
    readonly rowsCompared: number;
    readonly differences: number;
    /** Keys that the source changed while they were compared: they were applied, but not compared again. */
    readonly keysNotVerified: number;
    /** Tables of which that is so for too many keys to count. */
    readonly tablesNotVerified: number;
  };
  readonly foreignKeys: ForeignKeysResult;
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
}

/** From the journal alone, so that a second call tells the same. */
export function copiedResult({ record, stages, changesApplied }: CopiedInput): CopiedResult {
  const of = (stage: StageName) => stages.find((entry) => entry.stage === stage)?.result ?? {};
  const number = (value: unknown): number => (typeof value === 'number' ? value : 0);
  const { at } = of('open');
  return {
    result: 'copied',
    run: record.name,
    at: typeof at === 'string' ? at : null,
    snapshot: { rows: number(of('snapshot').rows) },
    stream: { changes: changesApplied },
    verify: {
      rowsCompared: number(of('verify').rowsCompared),
      differences: number(of('verify').differences),
      keysNotVerified: number(of('open').keysNotVerified),
      tablesNotVerified: number(of('open').tablesNotVerified),
    },
    foreignKeys: foreignKeysResult(of('open')),
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
    `copied: the target has ${result.run} as it was at ${result.at ?? 'an unknown position'}; the source stays in use`,
    `  rows copied      ${count(result.snapshot.rows)}`,
    `  changes applied  ${count(result.stream.changes)}`,
    `  rows compared    ${count(verify.rowsCompared)}, ${count(verify.differences)} differences, ${count(verify.keysNotVerified)} keys and ${count(verify.tablesNotVerified)} tables not verified`,
    ...notValidLines(result.foreignKeys),
    ...next,
  ];
}
