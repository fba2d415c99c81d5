// migrate status --watch: what a live process says, again and again.

import { setTimeout as sleep } from 'node:timers/promises';
import type { StatusSnapshot } from '../observe/status.ts';
import type { Io } from './io.ts';
import { showProgress } from './progress.ts';

const PERIOD_MS = 1_000;

export interface Watched {
  /** Undefined when no process answers any more. */
  readonly ask: () => Promise<StatusSnapshot | undefined>;
  /** Told of every answer; without it they are drawn in place, or written as a line now and then. */
  readonly told?: (status: StatusSnapshot) => void;
}

/** Resolves when the process has ended. */
export async function watchStatus(io: Io, first: StatusSnapshot, { ask, told }: Watched): Promise<void> {
  let latest = first;
  const progress = showProgress(io, told !== undefined);
  progress.follow(() => latest);
  try {
    for (;;) {
      await sleep(PERIOD_MS, undefined, { signal: io.signal });
      const status = await ask();
      if (status === undefined) return;
      latest = status;
      told?.(status);
    }
  } finally {
    progress.stop();
  }
}
