// The last quarter of an hour in a few numbers, so that a page that is opened late has its charts at once.

import type { StatusSnapshot } from '../observe/status.ts';

const PERIOD_MS = 2_000;
const MOST = 450;

/** One moment of a run, as the charts need it. */
export interface Sample {
  /** Milliseconds since 1970, by the runner's clock. */
  readonly at: number;
  readonly lagSeconds: number | null;
  /** Rows copied so far, over all processes. */
  readonly rows: number;
  /** Row changes applied so far, over all processes. */
  readonly changes: number;
}

export function sampleOf({ stream, snapshot }: Pick<StatusSnapshot, 'stream' | 'snapshot'>, at: number): Sample {
  return { at, lagSeconds: stream.lagSeconds, rows: snapshot.rows, changes: stream.changes };
}

export class History {
  readonly #samples: Sample[] = [];
  readonly #timer: NodeJS.Timeout;

  constructor(read: () => StatusSnapshot) {
    this.#timer = setInterval(() => this.#take(sampleOf(read(), Date.now())), PERIOD_MS);
    this.#timer.unref();
  }

  #take(sample: Sample): void {
    this.#samples.push(sample);
    if (this.#samples.length > MOST) this.#samples.shift();
  }

  get samples(): readonly Sample[] {
    return this.#samples;
  }

  close(): void {
    clearInterval(this.#timer);
  }
}
