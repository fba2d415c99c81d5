// A status in words: one line, or one per fact.

import type { RunError } from '../journal/journal.ts';
import { copySecondsLeft, type StatusSnapshot } from '../observe/status.ts';

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
    `copied    ${copied(status)}`,
    ...conditionLines(status.conditions),
    `applied   ${count(status.stream.changes)} changes, ${lag(status)}`,
    `verified  ${count(status.verify.rowsCompared)} rows, ${status.verify.differences} differences, ${count(status.verify.pendingKeys)} keys pending`,
    ...(status.deadLetters.total === 0 ? [] : [lettersLine(status.deadLetters)]),
    ...(status.cutover.attempt === 0
      ? []
      : [`cutover   attempt ${status.cutover.attempt}, ${status.cutover.step ?? 'not started'}`]),
    ...(status.lastError === null ? [] : errorLines(status.lastError, `restarted ${status.restarts} times`)),
  ];
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

/** Tables that are not where all others are. */
function conditionLines(conditions: StatusSnapshot['conditions']): readonly string[] {
  const apart = Object.entries(conditions).filter(([, condition]) => condition !== 'following');
  return [...new Set(apart.map(([, condition]) => condition))].map((condition) => {
    const tables = apart.filter((entry) => entry[1] === condition).map(([table]) => table);
    const names = tables.slice(0, 5).join(', ');
    return `tables    ${condition}: ${names}${tables.length > 5 ? ` and ${count(tables.length - 5)} more` : ''}`;
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
  const { lagSeconds, lagBytes } = status.stream;
  if (lagSeconds === null) return 'lag unknown';
  return `lag ${lagSeconds.toFixed(1)} s${lagBytes === null ? '' : `, ${(lagBytes / 1e6).toFixed(1)} MB`}`;
}
