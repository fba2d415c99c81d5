// What of a status is worth telling somebody who does not watch.

import { pauseReason } from '../model/pause.ts';
import type { StatusSnapshot } from '../observe/status.ts';
import type { NEWS } from '../plan/notify.ts';
import { READY } from '../stages/permission.ts';

export type NewsKind = (typeof NEWS)[number];

export interface News {
  readonly run: string;
  readonly event: NewsKind;
  readonly stage: StatusSnapshot['stage'];
  /** ISO 8601, UTC. */
  readonly at: string;
  /** One sentence for people. */
  readonly text: string;
}

/** Compares each status with the one before. It is asked at every change, so it only looks at a few fields. */
export class NewsDesk {
  readonly #begun = new Set<string>();
  #stage: string | undefined;
  #held: string | undefined;
  #error: string | undefined;
  #wasReady = false;

  look(status: StatusSnapshot): readonly News[] {
    const told: News[] = [];
    const tell = (event: NewsKind, text: string): void => {
      const at = new Date().toISOString();
      told.push({ run: status.run, event, stage: status.stage, at, text: `${status.run}: ${text}` });
    };
    if (status.stage !== this.#stage) this.#enter(status, tell);
    this.#hold(heldBy(status), tell);
    const error = status.lastError ?? undefined;
    // Who has stopped the process knows.
    if (error !== undefined && error.code !== this.#error && error.code !== 'INTERRUPTED')
      tell('error', `${error.code}: ${error.message} ${error.fix}`);
    this.#error = error?.code;
    if (!this.#wasReady && status.waiting?.startsWith(READY) === true) {
      this.#wasReady = true;
      tell('ready', status.waiting);
    }
    return told;
  }

  /** A stage that is begun again after an error is no news. */
  #enter({ stage, writable }: StatusSnapshot, tell: (event: NewsKind, text: string) => void): void {
    this.#stage = stage;
    this.#wasReady = false;
    if (this.#begun.has(stage) || stage === 'starting') return;
    this.#begun.add(stage);
    if (stage === 'complete') tell('done', `complete, the applications write to the ${writable}`);
    else if (stage === 'copied') tell('done', 'copied, the target is open and the source stays in use');
    else tell('stage', `stage ${stage} begins`);
  }

  #hold(held: string | undefined, tell: (event: NewsKind, text: string) => void): void {
    // The reading in a reason moves all the time.
    const isNew = (held === undefined) !== (this.#held === undefined);
    this.#held = held;
    if (isNew) tell('paused', held ?? 'goes on');
  }
}

function heldBy({ paused, health }: StatusSnapshot): string | undefined {
  const [part] = paused;
  if (part !== undefined) return pauseReason(part);
  return health.probes.find(({ state, holds }) => state !== 'well' && holds.length > 0)?.reason;
}
