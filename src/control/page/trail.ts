// The audit trail: the latest of who has asked what, and what came of it.

import type { AuditRecord } from '../../journal/audit.ts';
import { read } from './connection.ts';
import { byId, element } from './dom.ts';
import { moment } from './format.ts';

const MOST = 12;
const PERIOD_MS = 15_000;

let askedAt = Number.NEGATIVE_INFINITY;

/** Asks for it now and then: somebody else may have asked something, too. */
export function drawTrail(): void {
  if (performance.now() - askedAt > PERIOD_MS) loadTrail();
}

export function loadTrail(): void {
  askedAt = performance.now();
  void load();
}

async function load(): Promise<void> {
  const found = (await read('/audit')) as { readonly entries: readonly AuditRecord[] } | undefined;
  if (found === undefined) return;
  byId('trail', HTMLElement).hidden = found.entries.length === 0;
  byId('trail-list', HTMLElement).replaceChildren(
    ...found.entries
      .slice(0, MOST)
      .map(({ at, by, command, result }) =>
        element(
          'li',
          {},
          element('time', { datetime: at, class: 'sub' }, moment(Date.parse(at))),
          element('b', {}, command),
          element('span', { class: 'sub' }, `${result} · ${by}`),
        ),
      ),
  );
}
