// The four numbers that one looks for first, each with what explains it.

import type { StatusSnapshot } from '../../observe/status.ts';
import { element, progress } from './dom.ts';
import { bytes, count, duration, lagText, percent, short, UNKNOWN } from './format.ts';
import type { Point } from './series.ts';
import { isSlowed } from './speed.ts';
import { isOver } from './timeline.ts';

const SMALL_LAG_S = 2;
const TREND_MS = 20_000;

interface Fact {
  readonly name: string;
  readonly big: string;
  readonly unit?: string;
  readonly more: readonly string[];
  /** From 0 to 100. */
  readonly done?: number;
  readonly bad?: boolean;
}

export interface Rates {
  readonly copied: readonly Point[];
  readonly applied: readonly Point[];
  readonly lag: readonly Point[];
}

export function drawNumbers(list: HTMLElement, status: StatusSnapshot, rates: Rates): void {
  const facts = [
    copied(status),
    lag(status, rates.lag),
    pace(status, rates),
    verified(status),
    ...letters(status),
    ...freeze(status),
  ];
  list.replaceChildren(
    ...facts.map(({ name, big, unit, more, done, bad }) =>
      element(
        'div',
        { class: bad === true ? 'bad' : undefined },
        element('dt', {}, name),
        element('dd', { class: 'big' }, big, ...(unit === undefined ? [] : [element('small', {}, unit)])),
        ...(done === undefined ? [] : [element('dd', {}, progress(name, done))]),
        ...more.map((text) => element('dd', { class: 'sub' }, text)),
      ),
    ),
  );
}

function copied(status: StatusSnapshot): Fact {
  const { rows, rowsExpected, rowsBefore, seconds } = status.snapshot;
  const isCopied = status.stages.some(({ stage, finishedAt }) => stage === 'snapshot' && finishedAt !== null);
  const done = isCopied ? 100 : Math.min(99, percent(rows, rowsExpected));
  const now = rows - rowsBefore;
  const left = ((rowsExpected - rows) * seconds) / now;
  const goes = !isCopied && seconds > 1 && now > rowsExpected / 100 && left > 0;
  return {
    name: 'Rows copied',
    big: short(rows),
    unit: isCopied || rowsExpected === 0 ? '' : `of about ${short(rowsExpected)}`,
    done,
    more: [isCopied ? 'the copy is done' : goes ? `${done}%, about ${duration(Math.max(1, left))} left` : `${done}%`],
  };
}

function lag({ stream, stage }: StatusSnapshot, points: readonly Point[]): Fact {
  const { lagSeconds, lagBytes, retainedBytes, topic, hot } = stream;
  const more = [
    ...lagTrend(points),
    ...(lagBytes === null ? [] : [`${bytes(lagBytes)} of log to read`]),
    ...(topic?.messages == null ? [] : [`${short(topic.messages)} messages in the topic`]),
    ...(hot === null ? [] : [`${hot.table} keeps one lane busy`]),
    ...(retainedBytes === null ? [] : [`the source keeps ${bytes(retainedBytes)}`]),
  ];
  const none = isOver({ stage }) ? 'nothing is followed any more' : 'not measured yet';
  return {
    name: 'Lag',
    big: lagSeconds === null ? UNKNOWN : lagText(lagSeconds),
    more: lagSeconds === null ? [none] : more,
  };
}

/** Which way it goes, and how long until there is none; nothing while it is small. */
export function lagTrend(points: readonly Point[]): readonly string[] {
  const last = points.at(-1);
  if (last === undefined || last.value === null || last.value < SMALL_LAG_S) return [];
  const before = points.find(({ at, value }) => value !== null && at >= last.at - TREND_MS);
  if (before === undefined || before.value === null || last.at - before.at < TREND_MS / 2) return [];
  const shrinks = (before.value - last.value) / ((last.at - before.at) / 1_000);
  if (shrinks > 0.02) return [`shrinking, about ${duration(last.value / shrinks)} left`];
  return shrinks < -0.02 ? ['growing'] : [];
}

function pace(status: StatusSnapshot, { copied: rows, applied }: Rates): Fact {
  const [read, written] = [rows.at(-1)?.value ?? 0, applied.at(-1)?.value ?? 0];
  const isOld = isOver(status);
  return {
    name: 'Throughput',
    big: isOld ? UNKNOWN : short(read + written),
    unit: isOld ? '' : 'rows/s',
    more: [
      ...(!isOld && Object.values(status.throttle).some(isSlowed) ? ['slowed down, see Speed'] : []),
      `${short(status.stream.changes)} changes applied`,
      `in ${short(status.stream.batches)} batches`,
    ],
  };
}

function verified({ verify }: StatusSnapshot): Fact {
  const { rowsCompared, differences, pendingKeys, chunks, chunksDone } = verify;
  const found = differences === 0 ? 'no differences' : `${count(differences)} differences`;
  return {
    name: 'Rows verified',
    big: short(rowsCompared),
    ...(chunks === 0 ? {} : { done: percent(chunksDone, chunks) }),
    more: [
      rowsCompared === 0 ? 'not begun' : found,
      ...(pendingKeys === 0 ? [] : [`${count(pendingKeys)} keys pending`]),
    ],
    bad: differences > 0,
  };
}

function letters({ deadLetters }: StatusSnapshot): readonly Fact[] {
  const { open, waived, total } = deadLetters;
  if (total === 0) return [];
  const more = [`${count(total)} in all, ${count(waived)} waived`];
  return [{ name: 'Dead letters open', big: count(open), more, bad: open > 0 }];
}

function freeze({ cutover, permission }: StatusSnapshot): readonly Fact[] {
  if (cutover.writePauseMs === null) return [];
  const more = [`budget ${duration(permission.budgetMs / 1_000)}`];
  return [{ name: 'Write pause', big: duration(cutover.writePauseMs / 1_000), more }];
}
