// What a run did, as the journal tells it: the certificate of a finished run, or how far a running one has come. Described
// in docs/report.md. Neither secrets nor values of cells are in it.

import { createHash } from 'node:crypto';
import type { DeadLetter } from '../journal/dead-letters.ts';
import type { CutoverRecord, RunRecord, StageRecord, TableProgress } from '../journal/journal.ts';
import type { TableStateRecord } from '../journal/table-states.ts';
import type { EmptyValues } from '../model/empty-values.ts';
import type { Finding } from '../model/finding.ts';
import { emptyValuesOf } from './empty-values.ts';
import { type ForeignKeysResult, foreignKeysResult } from './foreign-keys.ts';
import { type Waivers, waiversOf } from './waivers.ts';

/** Raised when a field changes its meaning or goes. */
export const CERTIFICATE_FORMAT = 1;

export interface CertificateInput {
  readonly record: RunRecord;
  readonly stages: readonly StageRecord[];
  readonly tables: readonly TableProgress[];
  readonly cutover: CutoverRecord | undefined;
  readonly changesApplied: number;
  readonly splitTransactions: number;
  readonly states: readonly TableStateRecord[];
  readonly letters: readonly DeadLetter[];
}

export interface CertifiedTable {
  readonly table: string;
  readonly rowsCopied: number;
  /** Chunks that are copied, and all; null while they are not planned. */
  readonly chunksDone: number;
  readonly chunks: number | null;
  /** Single rows that were read again because a chunk had been read at another moment. */
  readonly rowsReadAgain: number;
  /** The columns that its rows are found by; empty when they are found by all their values. */
  readonly key: readonly string[];
}

export interface Certificate {
  readonly format: number;
  readonly run: string;
  readonly id: string;
  readonly outcome: RunRecord['outcome'];
  readonly createdAt: string;
  readonly plan: Readonly<Record<string, string>>;
  readonly source: { readonly identity: string; readonly version: string | null };
  readonly target: { readonly identity: string; readonly version: string | null };
  readonly findings: readonly Finding[];
  readonly tables: readonly CertifiedTable[];
  readonly notCarried: readonly string[];
  readonly totals: {
    readonly tables: number;
    readonly rowsCopied: number;
    readonly changesApplied: number;
    readonly splitTransactions: number;
  };
  /** Of the source's log: where the run began. */
  readonly startPosition: string | null;
  readonly stages: readonly {
    readonly stage: string;
    readonly startedAt: string;
    readonly finishedAt: string | null;
    readonly seconds: number | null;
  }[];
  readonly verification: {
    readonly finishedAt: string | null;
    /** While writes went on, and in the freeze. */
    readonly rowsCompared: number;
    readonly rowsComparedInFreeze: number;
    readonly differences: number;
    /** Empty values of the source that are something else on the target, when their rows were compared. */
    readonly emptyValues: readonly EmptyValues[];
  };
  readonly cutover: {
    readonly attempts: number;
    readonly phase: CutoverRecord['phase'];
    readonly frozenAt: string | null;
    readonly writePauseMs: number | null;
    readonly steps: readonly { readonly name: string; readonly ms: number }[];
    readonly switches: readonly { readonly name: string; readonly state: string }[];
    readonly reason: string | null;
  } | null;
  readonly foreignKeys: ForeignKeysResult;
  /** What is not on the target, and who took the responsibility for it. */
  readonly waivers: Waivers;
}

export function certificate(input: CertificateInput): Certificate {
  const { record, stages, tables, cutover, changesApplied, splitTransactions, states, letters } = input;
  const result = (stage: string) => stages.find((entry) => entry.stage === stage)?.result ?? {};
  const { findings, servers } = result('preflight');
  const versions = (isRecord(servers) ? servers : {}) as Readonly<Record<string, unknown>>;
  const certified = tables.map((table) => certifiedTable(table, record));
  return {
    format: CERTIFICATE_FORMAT,
    run: record.name,
    id: record.id,
    outcome: record.outcome,
    createdAt: record.createdAt,
    plan: record.planFields,
    source: { identity: record.sourceIdentity, version: text(versions.source) },
    target: { identity: record.targetIdentity, version: text(versions.target) },
    findings: Array.isArray(findings) ? (findings as readonly Finding[]) : [],
    tables: certified,
    notCarried: record.catalog.notCarried,
    totals: {
      tables: certified.length,
      rowsCopied: certified.reduce((sum, { rowsCopied }) => sum + rowsCopied, 0),
      changesApplied,
      splitTransactions,
    },
    startPosition: record.startPosition,
    stages: stages.map(({ stage, startedAt, finishedAt }) => ({
      stage,
      startedAt,
      finishedAt,
      seconds: finishedAt === null ? null : rounded((Date.parse(finishedAt) - Date.parse(startedAt)) / 1_000),
    })),
    verification: verification(stages),
    cutover: cutover === undefined ? null : certifiedCutover(cutover),
    foreignKeys: foreignKeysResult(
      result('foreign-keys').validated === undefined ? result('open') : result('foreign-keys'),
    ),
    waivers: waiversOf(record, states, letters),
  };
}

/** Over the text that JSON.stringify makes of it, in hex: another program can compute it again. */
export function fingerprintOf(body: Certificate): string {
  return createHash('sha256').update(JSON.stringify(body)).digest('hex');
}

function certifiedTable({ id, chunks, keyChunks, bounds }: TableProgress, { catalog }: RunRecord): CertifiedTable {
  const table = catalog.tables.find((definition) => definition.table.id === id)?.table;
  const done = chunks.filter(({ at }) => at !== null);
  return {
    table: id,
    rowsCopied: done.reduce((sum, { rows }) => sum + rows, 0),
    chunksDone: done.length,
    chunks: bounds === null ? null : chunks.length,
    rowsReadAgain: keyChunks.length,
    key: table?.identity === 'key' ? table.key.map((index) => table.columns[index]?.name ?? '') : [],
  };
}

/** Differences are counted, not told: their keys are values of cells. */
function verification(stages: readonly StageRecord[]): Certificate['verification'] {
  const verify = stages.find(({ stage }) => stage === 'verify');
  const settled = stages.find(({ stage }) => stage === 'cutover');
  const found = verify?.result.differences;
  return {
    finishedAt: verify?.finishedAt ?? null,
    rowsCompared: number(verify?.result.rowsCompared),
    rowsComparedInFreeze: number(settled?.result.rowsCompared),
    differences: Array.isArray(found) ? found.length : number(found),
    emptyValues: emptyValuesOf(stages),
  };
}

function certifiedCutover({ attempt, phase, frozenAt, writePauseMs, steps, switches, reason }: CutoverRecord) {
  return {
    attempts: attempt,
    phase,
    frozenAt: frozenAt ?? null,
    writePauseMs: writePauseMs === null ? null : rounded(writePauseMs),
    steps: steps.map(({ name, ms }) => ({ name, ms: rounded(ms) })),
    switches: switches.map(({ name, state }) => ({ name, state })),
    reason,
  };
}

function isRecord(value: unknown): boolean {
  return typeof value === 'object' && value !== null;
}

function text(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

function number(value: unknown): number {
  return typeof value === 'number' ? value : 0;
}

function rounded(value: number): number {
  return Math.round(value * 1_000) / 1_000;
}
