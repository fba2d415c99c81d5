// The stages as a line of steps, each with how long it took.

import type { StageTimes, StatusSnapshot } from '../../observe/status.ts';
import { element, svg } from './dom.ts';
import { duration } from './format.ts';

type Stage = StageTimes['stage'];

const TITLES: Readonly<Record<Stage, string>> = {
  preflight: 'Preflight',
  schema: 'Schema',
  snapshot: 'Snapshot',
  'catch-up': 'Catch-up',
  verify: 'Verify',
  cutover: 'Cutover',
  open: 'Open',
  'foreign-keys': 'Foreign keys',
};
const MIGRATION: readonly Stage[] = [
  'preflight',
  'schema',
  'snapshot',
  'catch-up',
  'verify',
  'cutover',
  'foreign-keys',
];
const COPY: readonly Stage[] = ['preflight', 'schema', 'snapshot', 'catch-up', 'verify', 'open'];

export function isOver({ stage }: Pick<StatusSnapshot, 'stage'>): boolean {
  return stage === 'complete' || stage === 'copied' || stage === 'aborted';
}

/** `now`: by the clock of the runner, which the times are of. */
export function drawTimeline(list: HTMLElement, status: StatusSnapshot, now: number): void {
  const times = new Map(status.stages.map((entry) => [entry.stage, entry]));
  const stages = status.stage === 'copied' || times.has('open') ? COPY : MIGRATION;
  list.style.gridTemplateColumns = matchMedia('(max-width: 52rem)').matches
    ? ''
    : `repeat(${stages.length}, minmax(0, 1fr))`;
  list.replaceChildren(
    ...stages.map((stage) => {
      const entry = times.get(stage);
      const isNow = status.stage === stage;
      const isDone = !isNow && entry !== undefined && (entry.finishedAt !== null || isOver(status));
      const item = element(
        'li',
        { class: isNow ? 'now' : isDone ? 'done' : '', 'aria-current': isNow ? 'step' : undefined },
        ...(isDone
          ? [
              svg(
                'svg',
                { class: 'tick', viewBox: '0 0 12 10', 'aria-hidden': 'true' },
                svg('path', { d: 'M1.5 5.2 4.4 8 10.5 1.8' }),
              ),
            ]
          : []),
        element('b', {}, TITLES[stage]),
        element('span', {}, isNow || isDone ? tookText(entry, now, isNow) : 'to come'),
      );
      return item;
    }),
  );
}

function tookText(entry: StageTimes | undefined, now: number, isNow: boolean): string {
  if (entry === undefined) return isNow ? 'under way' : 'done';
  const ended = entry.finishedAt === null ? now : Date.parse(entry.finishedAt);
  const seconds = Math.max(0, ended - Date.parse(entry.startedAt)) / 1_000;
  return isNow ? `for ${duration(seconds)}` : duration(seconds);
}

export function stageTitle(stage: StatusSnapshot['stage']): string {
  if (stage in TITLES) return TITLES[stage as Stage];
  return stage === 'complete'
    ? 'Complete'
    : stage === 'copied'
      ? 'Copied'
      : stage === 'aborted'
        ? 'Aborted'
        : 'Starting';
}
