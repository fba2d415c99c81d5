// A status in words: one line, or one per fact.

import type { RunError } from '../journal/journal.ts';
import type { EmptyValues } from '../model/empty-values.ts';
import {
  copySecondsLeft,
  type HotTable,
  type StatusSnapshot,
  type ThrottleStatus,
  type TopicStatus,
  type WorkerStatus,
} from '../observe/status.ts';
import { emptyValueLines } from '../report/empty-values.ts';

/** A worker speaks once a second. */
const SILENT_SHOWN = 3;
const MOST_TABLES = 5;

const count = (value: number): string => value.toLocaleString('en-US');

/** One line: what, how far, why it waits. */
export function statusLine(status: StatusSnapshot): string {
  const parts = [`${status.stage}`, ...stageFacts(status)];
  if (status.deadLetters.open > 0) parts.push(`${count(status.deadLetters.open)} dead letters open`);
  if (status.waiting !== null) parts.push(`waiting: ${status.waiting}`);
  if (status.lastError !== null) parts.push(`last error: ${errorText(status.lastError)}`);
  return `${status.run}: ${parts.join(' · ')}`;
}

function stageFacts(status: StatusSnapshot): readonly string[] {
  switch (status.stage) {
    case 'snapshot':
      return [copied(status)];
    case 'catch-up':
      return [`${count(status.stream.changes)} changes applied`, lag(status)];
    case 'verify':
      return [
        `${status.verify.chunksDone}/${status.verify.chunks} chunks`,
        `${count(status.verify.rowsCompared)} rows compared`,
        lag(status),
      ];
    case 'cutover':
      return [
        status.cutover.step ?? 'getting ready',
        lag(status),
        `${count(status.verify.pendingKeys)} keys to compare`,
      ];
    default:
      return [];
  }
}

/** One fact a line, the same facts at every stage. */
export function statusLines(status: StatusSnapshot): readonly string[] {
  return [
    `run       ${status.run}`,
    `stage     ${status.stage} since ${status.stageStartedAt}`,
    `writable  ${status.writable}`,
    `waiting   ${status.waiting ?? 'no'}`,
    ...healthLines(status.health),
    ...(isThrottled(status.throttle) ? throttleLines(status.throttle) : []),
    `copied    ${copied(status)}`,
    ...conditionLines(status.conditions),
    `applied   ${count(status.stream.changes)} changes, ${lag(status)}`,
    ...(status.stream.hot === null ? [] : [hotLine(status.stream.hot)]),
    `verified  ${count(status.verify.rowsCompared)} rows, ${status.verify.differences} differences, ${count(status.verify.pendingKeys)} keys pending`,
    ...emptyLines(status.verify.emptyValues),
    ...(status.deadLetters.total === 0 ? [] : [lettersLine(status.deadLetters)]),
    ...workerLines(status.workers),
    ...(status.cutover.attempt === 0
      ? []
      : [`cutover   attempt ${status.cutover.attempt}, ${status.cutover.step ?? 'not started'}`]),
    ...(status.lastError === null ? [] : errorLines(status.lastError, `restarted ${status.restarts} times`)),
  ];
}

function isThrottled(throttle: StatusSnapshot['throttle']): boolean {
  return Object.values(throttle).some(
    ({ rowsPerSecond, bytesPerSecond, share, pauseMs, asPlanned }) =>
      rowsPerSecond !== null || bytesPerSecond !== null || share < 1 || pauseMs > 0 || !asPlanned,
  );
}

export function throttleLines({ snapshot, apply }: StatusSnapshot['throttle']): readonly string[] {
  return [`throttle  copy: ${throttleText(snapshot)}`, `          apply: ${throttleText(apply)}`];
}

function throttleText(status: ThrottleStatus): string {
  const { rowsPerSecond, bytesPerSecond, share, pauseMs, waitedSeconds, asPlanned } = status;
  const facts = [
    ...(rowsPerSecond === null ? [] : [`${count(rowsPerSecond)} rows/s at most`]),
    ...(bytesPerSecond === null ? [] : [`${(bytesPerSecond / 1_048_576).toFixed(1)} MB/s at most`]),
    ...(share === 1 ? [] : [`batches of ${Math.round(share * 100)}%`]),
    ...(pauseMs === 0 ? [] : [`${Math.round(pauseMs)} ms between batches`]),
  ];
  const waited = waitedSeconds < 1 ? '' : `, waited ${Math.round(waitedSeconds)} s so far`;
  const by = asPlanned ? '' : ' (set by the operator)';
  return `${facts.length === 0 ? 'as fast as it goes' : facts.join(', ')}${by}${waited}`;
}

function healthLines({ probes, leftOut }: StatusSnapshot['health']): readonly string[] {
  if (probes.length === 0) return [];
  const unwell = probes.filter(({ state }) => state !== 'well');
  const unread = leftOut.map((reason) => `health    not read: ${reason}`);
  if (unwell.length === 0) return [`health    well: ${probes.length} readings within their limits`, ...unread];
  const lines = unwell.flatMap(({ reason, state, holds, cure }) => {
    if (state === 'recovering') return [`health    ${reason} (well again, not yet for long enough)`];
    return [`health    ${reason}${holds.length === 0 ? ' (holds nothing)' : ''}`, `cure      ${cure}`];
  });
  return [...lines, ...unread];
}

export function emptyLines(emptyValues: readonly EmptyValues[]): readonly string[] {
  const lines = emptyValueLines(emptyValues);
  const more = lines.length > MOST_TABLES ? [`empty     and of ${count(lines.length - MOST_TABLES)} more tables`] : [];
  return [...lines.slice(0, MOST_TABLES).map((line) => `empty     ${line}`), ...more];
}

/** The further processes of a run, with what each has done. */
export function workerLines(workers: readonly WorkerStatus[]): readonly string[] {
  return workers.map(({ name, doing, silentSeconds, chunks, rows, changes }) => {
    const silent = silentSeconds < SILENT_SHOWN ? '' : `, silent for ${Math.round(silentSeconds)} s`;
    return `worker    ${name} ${doing}${silent}: ${count(chunks)} chunks with ${count(rows)} rows copied, ${count(changes)} changes applied`;
  });
}

export function errorText({ code, message }: RunError): string {
  return `${code}: ${message}`;
}

export function errorLines(error: RunError & { readonly at: string }, more?: string): readonly string[] {
  const when = more === undefined ? error.at : `${error.at}, ${more}`;
  return [`error     ${errorText(error)}`, `when      ${when}`, `cure      ${error.fix}`];
}

export function lettersLine({ open, waived, total }: StatusSnapshot['deadLetters']): string {
  return `refused   ${count(total)} dead letters, ${count(open)} of them open, ${count(waived)} waived`;
}

function hotLine({ table, lane, share, changes, why }: HotTable): string {
  const part = `${Math.round(share * 100)}% of the changes of the last minute (${count(changes)})`;
  return `hot       ${table} has ${part}, all in lane ${lane}: ${why}`;
}

/** Tables that are not where all others are. */
function conditionLines(conditions: StatusSnapshot['conditions']): readonly string[] {
  const apart = Object.entries(conditions).filter(([, condition]) => condition !== 'following');
  return [...new Set(apart.map(([, condition]) => condition))].map((condition) => {
    const tables = apart.filter((entry) => entry[1] === condition).map(([table]) => table);
    const names = tables.slice(0, MOST_TABLES).join(', ');
    return `tables    ${condition}: ${names}${tables.length > MOST_TABLES ? ` and ${count(tables.length - MOST_TABLES)} more` : ''}`;
  });
}

function copied(status: StatusSnapshot): string {
  const { rows, rowsBefore, rowsExpected, bytes, seconds } = status.snapshot;
  const now = rows - rowsBefore;
  const percent =
    rowsExpected > 0
      ? ` of about ${count(rowsExpected)} (${Math.min(100, Math.floor((rows / rowsExpected) * 100))}%)`
      : '';
  // Of what an earlier process copied only the rows are known.
  const size = rowsBefore > 0 ? '' : `, ${(bytes / 1e6).toFixed(0)} MB`;
  const rate = seconds > 0 && now > 0 ? `, ${count(Math.round(now / seconds))} rows/s` : '';
  const left = copySecondsLeft(status);
  const eta = left === null ? '' : `, ${etaText(left)} left`;
  return `${count(rows)} rows${percent}${size}${rate}${eta}`;
}

function etaText(seconds: number): string {
  return seconds < 90 ? `${Math.ceil(seconds)} s` : `${Math.ceil(seconds / 60)} min`;
}

function lag(status: StatusSnapshot): string {
  const { lagSeconds, lagBytes, topic } = status.stream;
  if (lagSeconds === null) return 'lag unknown';
  const bytes = lagBytes === null ? '' : `, ${(lagBytes / 1e6).toFixed(1)} MB`;
  return `lag ${lagSeconds.toFixed(1)} s${bytes}${topic === null ? '' : ` (${lagParts(topic)})`}`;
}

function lagParts({ messages, toSeconds, fromSeconds }: TopicStatus): string {
  const parts =
    toSeconds === null || fromSeconds === null
      ? 'its parts are unknown'
      : `${toSeconds.toFixed(1)} s to the topic, ${fromSeconds.toFixed(1)} s from it`;
  return messages === null ? parts : `${parts}, ${count(messages)} messages in it`;
}
