// What stands beside the run: how well the servers are, and the further processes that help.

import type { ProbeStatus, StatusSnapshot, WorkerStatus } from '../../observe/status.ts';
import { byId, element } from './dom.ts';
import { count, short } from './format.ts';

export function drawHealth({ health }: StatusSnapshot): void {
  const probes = health.probes.toSorted((a, b) => Number(a.state === 'well') - Number(b.state === 'well'));
  byId('health', HTMLElement).hidden = probes.length === 0;
  byId('probes', HTMLElement).replaceChildren(...probes.map(probeItem));
}

function probeItem({ state, reason, holds, cure }: ProbeStatus): HTMLElement {
  const held = state === 'well' ? '' : holds.length === 0 ? 'holds nothing' : `holds ${holds.join(', ')}. ${cure}`;
  return element(
    'li',
    { class: state },
    element('span', { class: `state ${state}` }, state),
    element('span', {}, reason),
    ...(held === '' ? [] : [element('span', { class: 'sub' }, held)]),
  );
}

export function drawWorkers({ workers }: StatusSnapshot): void {
  byId('workers', HTMLElement).hidden = workers.length === 0;
  byId('worker-list', HTMLElement).replaceChildren(...workers.map(workerItem));
}

function workerItem({ name, doing, rows, changes, silentSeconds }: WorkerStatus): HTMLElement {
  const silence = silentSeconds < 10 ? '' : `, silent for ${count(silentSeconds)} s`;
  const done = `${doing}: ${short(rows)} rows copied, ${short(changes)} changes applied${silence}`;
  return element('li', {}, element('b', {}, name), element('span', { class: 'sub' }, done));
}
