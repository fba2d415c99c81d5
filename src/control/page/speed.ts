// How fast the copy and the apply may be, and the pace that the run has found by itself.

import type { StatusSnapshot, ThrottleStatus } from '../../observe/status.ts';
import { byId, element } from './dom.ts';
import { count, duration } from './format.ts';

const MEGABYTE = 1_048_576;

export function drawSpeed({ throttle }: StatusSnapshot): void {
  const lines = [
    ['Copy', throttle.snapshot],
    ['Apply', throttle.apply],
  ] as const;
  byId('speeds', HTMLElement).replaceChildren(
    ...lines.map(([name, status]) =>
      element(
        'li',
        {},
        element('span', { class: isSlowed(status) ? 'state waiting' : 'state' }, isSlowed(status) ? 'slowed' : 'free'),
        element('b', {}, name),
        element('span', { class: 'sub' }, speedText(status)),
      ),
    ),
  );
}

export function isSlowed({ rowsPerSecond, bytesPerSecond, share, pauseMs }: ThrottleStatus): boolean {
  return rowsPerSecond !== null || bytesPerSecond !== null || share < 1 || pauseMs > 0;
}

export function speedText(status: ThrottleStatus): string {
  const { rowsPerSecond, bytesPerSecond, share, pauseMs, waitedSeconds, asPlanned } = status;
  const facts = [
    ...(rowsPerSecond === null ? [] : [`${count(rowsPerSecond)} rows/s at most`]),
    ...(bytesPerSecond === null ? [] : [`${(bytesPerSecond / MEGABYTE).toFixed(1)} MB/s at most`]),
    ...(share === 1 ? [] : [`batches of ${Math.round(share * 100)}%, which the target takes in time`]),
    ...(pauseMs === 0 ? [] : [`${Math.round(pauseMs)} ms between batches`]),
  ];
  const by = asPlanned ? '' : ' (set by the operator)';
  const waited = waitedSeconds < 1 ? '' : `; waited ${duration(waitedSeconds)} so far`;
  return `${facts.length === 0 ? 'as fast as it goes' : facts.join(', ')}${by}${waited}`;
}
