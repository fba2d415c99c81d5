// A stream of which the source is asked something before it can be opened.

import type { Finding } from '../../model/finding.ts';
import type { Covers, Position } from '../../model/position.ts';
import type { Backlog, ChangeStream, Shard, ShardId } from '../change-stream.ts';
import { coversWith, parsePlace } from './position.ts';

export interface PreparedStreamOptions {
  /** Of the source's own positions. */
  readonly covers: Covers;
  /** Makes the stream; `from` is where it will begin. */
  readonly prepare: (from: Position) => Promise<ChangeStream>;
}

export class PreparedStream implements ChangeStream {
  readonly isShareable = true;
  readonly covers: Covers;
  readonly #prepare: PreparedStreamOptions['prepare'];
  #stream: ChangeStream | undefined;
  #closed = false;

  constructor({ covers, prepare }: PreparedStreamOptions) {
    this.covers = coversWith(covers);
    this.#prepare = prepare;
  }

  /** What it needs is checked with the source. */
  async check(): Promise<readonly Finding[]> {
    return [];
  }

  async *open(resume: (shard: ShardId) => Promise<Position>, signal: AbortSignal): AsyncIterable<Shard> {
    const from = await resume('log');
    signal.throwIfAborted();
    const stream = await this.#prepare(from);
    this.#stream = stream;
    if (this.#closed) await stream.close();
    yield* stream.open(async () => from, signal);
  }

  isWhole(position: Position): boolean {
    return parsePlace(position).ordinal === 0;
  }

  /** 0 before it is open. */
  distance(from: Position, to: Position): number {
    return this.#stream?.distance(from, to) ?? 0;
  }

  async retainedBytes(): Promise<number | undefined> {
    return this.#stream?.retainedBytes();
  }

  backlog(applied: Position): Backlog | undefined {
    return this.#stream?.backlog?.(applied);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#stream?.close();
  }
}
