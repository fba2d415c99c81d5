// What the charts are drawn from: samples of the last quarter of an hour, the oldest dropped first.

import type { Sample } from '../history.ts';

const MOST = 900;
const SPAN_MS = 15 * 60_000;
/** Rates are taken over at least this long: batches come in bursts. */
const WINDOW_MS = 3_000;

export interface Point {
  readonly at: number;
  readonly value: number | null;
}

export interface Series {
  readonly lag: readonly Point[];
  readonly copied: readonly Point[];
  readonly applied: readonly Point[];
}

export class Samples {
  #samples: Sample[] = [];

  /** Begins anew with what the server has kept, unless more is known here. */
  replace(history: readonly Sample[]): void {
    const first = history[0]?.at ?? Number.POSITIVE_INFINITY;
    this.#samples = [...this.#samples.filter(({ at }) => at < first), ...history];
    this.#trim();
  }

  add(sample: Sample): void {
    const last = this.#samples.at(-1);
    // A clock that was set back begins a new line.
    if (last !== undefined && sample.at <= last.at) this.#samples = [];
    this.#samples.push(sample);
    this.#trim();
  }

  #trim(): void {
    const newest = this.#samples.at(-1)?.at ?? 0;
    const from = this.#samples.findIndex(({ at }) => at >= newest - SPAN_MS);
    this.#samples = this.#samples.slice(Math.max(from, 0));
    // Every other one of the older half: the newest keep their detail.
    if (this.#samples.length > MOST) this.#samples = this.#samples.filter((_, i) => i > MOST / 2 || i % 2 === 0);
  }

  get series(): Series {
    return {
      lag: this.#samples.map(({ at, lagSeconds }) => ({ at, value: lagSeconds })),
      copied: rates(this.#samples, ({ rows }) => rows),
      applied: rates(this.#samples, ({ changes }) => changes),
    };
  }
}

/** Per second. Null where the counter went back: another process, or a table that is copied again. */
function rates(samples: readonly Sample[], read: (sample: Sample) => number): readonly Point[] {
  const points: Point[] = [];
  let from = 0;
  for (const [index, sample] of samples.entries()) {
    while (from + 1 < index && (samples[from + 1]?.at ?? 0) <= sample.at - WINDOW_MS) from++;
    const before = samples[from];
    if (before === undefined || before === sample) continue;
    const risen = read(sample) - read(before);
    points.push({ at: sample.at, value: risen < 0 ? null : (risen * 1_000) / (sample.at - before.at) });
  }
  return points;
}

/** How fast each table is copied, to tell how long it takes. */
export class Paces {
  readonly #seen = new Map<string, { at: number; rows: number; rate: number | null }>();

  /** Rows a second, smoothed; null until enough was seen. */
  of(table: string, rows: number, at: number): number | null {
    const seen = this.#seen.get(table);
    if (seen === undefined || rows < seen.rows) {
      this.#seen.set(table, { at, rows, rate: null });
      return null;
    }
    if (at - seen.at >= WINDOW_MS) {
      const now = ((rows - seen.rows) * 1_000) / (at - seen.at);
      const rate = seen.rate === null ? now : seen.rate * 0.7 + now * 0.3;
      this.#seen.set(table, { at, rows, rate });
      return rate;
    }
    return seen.rate;
  }
}
