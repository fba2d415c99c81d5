// A change stream of transactions that are in memory: it has no end, as a log has none.

import type { Transaction } from '../model/change.ts';
import type { Finding } from '../model/finding.ts';
import type { Covers, Position } from '../model/position.ts';
import type { ChangeStream, Shard, ShardId } from '../stream/change-stream.ts';
import type { Sample } from './tune-sample.ts';

/** About what a reader of a log hands over at once. */
const RUN = 100;

export class SampleStream implements ChangeStream {
  readonly isShareable = true;
  readonly covers: Covers;
  readonly isWhole: (position: Position) => boolean;
  readonly #transactions: readonly Transaction[];

  /** `log`: where the sample was read. */
  constructor({ transactions }: Sample, log: Pick<ChangeStream, 'covers' | 'isWhole'>) {
    this.#transactions = transactions;
    this.covers = log.covers;
    this.isWhole = (position) => log.isWhole(position);
  }

  async check(): Promise<readonly Finding[]> {
    return [];
  }

  async *open(_resume: (shard: ShardId) => Promise<Position>, signal: AbortSignal): AsyncIterable<Shard> {
    yield { id: 'log', changes: this.#runs(signal), ack: () => undefined };
  }

  distance(): number {
    return 0;
  }

  async retainedBytes(): Promise<undefined> {
    return undefined;
  }

  async close(): Promise<void> {
    // Nothing is open.
  }

  async *#runs(signal: AbortSignal): AsyncGenerator<readonly Transaction[]> {
    for (let from = 0; from < this.#transactions.length; from += RUN) {
      if (signal.aborted) return;
      yield this.#transactions.slice(from, from + RUN);
    }
    if (signal.aborted) return;
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  }
}
