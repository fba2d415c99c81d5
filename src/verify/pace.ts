// How the two sides of a comparison are read so that the reads can be compared: one after the other with the apply
// in between while writes go on, or side by side when nothing moves.

import type { Replication } from '../apply/replication.ts';
import type { SourceLog } from '../databases/source.ts';

export interface Pace {
  /** True when nothing writes on either side: one inequality is a difference. */
  readonly atRest: boolean;
  /** Reads both sides; what the source read shows has reached the target before the target is read. */
  both<T>(source: () => Promise<T>, target: () => Promise<T>): Promise<readonly [T, T]>;
}

/** The source is fenced and drained, and stays so until the signal says otherwise. */
export function paceAtRest(signal: AbortSignal): Pace {
  return {
    atRest: true,
    both: (source, target) => {
      signal.throwIfAborted();
      return Promise.all([source(), target()]);
    },
  };
}

/** Writes may go on and nothing is known of how they come to the target: only what an unchanged source shows counts. */
export function paceOfStrangers(signal: AbortSignal): Pace {
  return {
    atRest: false,
    both: async (source, target) => {
      signal.throwIfAborted();
      const first = await source();
      signal.throwIfAborted();
      return [first, await target()];
    },
  };
}

export interface LivePaceOptions {
  readonly log: Pick<SourceLog, 'mark'>;
  readonly replication: Replication;
  readonly signal: AbortSignal;
}

/** Writes go on: between the two reads a marker written after the first must have come through the stream. */
export class LivePace implements Pace {
  readonly atRest = false;
  readonly #options: LivePaceOptions;
  readonly #prefix = `verify ${crypto.randomUUID()}`;
  #marks = 0;
  #current: Promise<void> = Promise.resolve();
  #next: Promise<void> | undefined;

  constructor(options: LivePaceOptions) {
    this.#options = options;
  }

  async both<T>(source: () => Promise<T>, target: () => Promise<T>): Promise<readonly [T, T]> {
    const first = await source();
    await this.#caughtUp();
    return [first, await target()];
  }

  // One marker serves everyone who waits when it is written. Who comes later needs the next one: the marker under way
  // may stand before what their read saw.
  #caughtUp(): Promise<void> {
    this.#next ??= this.#current
      .catch(() => undefined)
      .then(() => {
        this.#next = undefined;
        this.#current = this.#mark();
        return this.#current;
      });
    return this.#next;
  }

  async #mark(): Promise<void> {
    const { log, replication, signal } = this.#options;
    signal.throwIfAborted();
    const content = `${this.#prefix} ${++this.#marks}`;
    let abort = (): void => undefined;
    const aborted = new Promise<never>((_, reject) => {
      abort = () => reject(signal.reason);
    });
    signal.addEventListener('abort', abort, { once: true });
    try {
      // Met first: the marker may be through before the writer hears that it was written.
      const through = Promise.all([replication.met(content), log.mark(content)]);
      await Promise.race([through, replication.failed, aborted]);
    } finally {
      signal.removeEventListener('abort', abort);
    }
  }
}
