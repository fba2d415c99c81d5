// How far all lanes of a run are behind, whoever writes them. Markers tell a process of its own lanes only; what tells of all is the
// age of the newest look at the source's log that every checkpoint has passed.

import type { Covers, Position } from '../model/position.ts';

interface Look {
  readonly head: Position;
  readonly atMs: number;
}

/** Older looks are thinned out: the lag is over-estimated by as much. */
const MAX_LOOKS = 1_000;

export class HeadLag {
  readonly #covers: Covers;
  /** Oldest first; the first of them has been passed, once one has. */
  #looks: Look[] = [];
  #isPassed = false;

  constructor(covers: Covers) {
    this.#covers = covers;
  }

  /** The end of the source's log, as it was at a moment of a monotonic clock. */
  look(head: Position, atMs: number): void {
    if (this.#looks.length >= MAX_LOOKS) this.#looks = this.#looks.filter((_, index) => index % 2 === 0);
    this.#looks.push({ head, atMs });
  }

  /** `floor` is what all checkpoints have reached. Null while that is before the first look. */
  seconds(floor: Position, nowMs: number): number | null {
    const passed = this.#looks.findLastIndex(({ head }) => this.#covers(floor, head));
    if (passed >= 0) {
      this.#looks.splice(0, passed);
      this.#isPassed = true;
    }
    const [oldest] = this.#looks;
    return oldest === undefined || !this.#isPassed ? null : (nowMs - oldest.atMs) / 1_000;
  }
}
