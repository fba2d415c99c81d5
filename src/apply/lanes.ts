// The lanes of a run as one writer: they write concurrently and their checkpoints move together, each in the
// transaction of its rows.

import type { CheckpointMove, Lane, LaneCheckpoint, Target } from '../databases/target.ts';
import { MigrateError } from '../lib/errors.ts';
import { failpoint } from '../lib/failpoint.ts';
import type { Covers, Position } from '../model/position.ts';
import type { DeadLetters, LaneLetters } from './dead-letters.ts';
import type { LaneWork } from './prepare.ts';
import type { Segment } from './segment.ts';

interface LaneState {
  readonly index: number;
  readonly writer: Lane;
  /** Durable. */
  position: Position;
  /** A transaction is open, with this many changes in it; null when none is. */
  pending: number | null;
  /** Of the open transaction; absent where a row that is refused ends everything. */
  readonly letters: LaneLetters | undefined;
}

export class Lanes {
  readonly #lanes: readonly LaneState[];
  readonly #byIndex: ReadonlyMap<number, LaneState>;
  readonly #covers: Covers;

  private constructor(lanes: readonly LaneState[], covers: Covers) {
    this.#lanes = lanes;
    this.#byIndex = new Map(lanes.map((lane) => [lane.index, lane]));
    this.#covers = covers;
  }

  /** Opens a writer per checkpoint; there must be one. */
  static async open(
    target: Pick<Target, 'lane'>,
    checkpoints: readonly LaneCheckpoint[],
    covers: Covers,
    deadLetters?: DeadLetters,
  ): Promise<Lanes> {
    if (checkpoints.length === 0) throw new MigrateError('INTERNAL.BUG', 'the journal has no lane checkpoints');
    const lanes: LaneState[] = [];
    try {
      for (const { lane, position } of checkpoints) {
        const letters = deadLetters?.lane();
        lanes.push({ index: lane, writer: await target.lane(), position, pending: null, letters });
      }
    } catch (error) {
      await Promise.allSettled(lanes.map(({ writer }) => writer.close()));
      throw error;
    }
    return new Lanes(lanes, covers);
  }

  /** By lane. */
  get positions(): ReadonlyMap<number, Position> {
    return new Map(this.#lanes.map(({ index, position }) => [index, position]));
  }

  /** The position that every lane has reached. */
  get floor(): Position {
    return floorOf([...this.positions.values()], this.#covers);
  }

  /** True when no transaction is open and all lanes stand at one position. */
  get isLevel(): boolean {
    const { floor } = this;
    return !this.isOpen && this.#lanes.every(({ position }) => this.#covers(floor, position));
  }

  /** True when a transaction is open, waiting for more of a large source transaction. */
  get isOpen(): boolean {
    return this.#lanes.some(({ pending }) => pending !== null);
  }

  /** True when every lane is durably at or past the position. */
  passed(position: Position): boolean {
    return this.#lanes.every((lane) => this.#covers(lane.position, position));
  }

  /**
   * Writes, and commits at `position` unless it is undefined. All lanes have ended, well or not, when this settles;
   * after a failure some may have committed and others not: the checkpoints tell. `splits`: see CheckpointMove.
   */
  async write(work: readonly LaneWork[], position: Position | undefined, splits = 0): Promise<number> {
    const tasks = new Map<LaneState, LaneWork | undefined>();
    for (const lane of this.#lanes) if (lane.pending !== null) tasks.set(lane, undefined);
    for (const each of work) {
      const lane = this.#byIndex.get(each.lane);
      if (lane === undefined) throw new MigrateError('INTERNAL.BUG', `there is no lane ${each.lane}`);
      tasks.set(lane, each);
    }
    const riders = position === undefined ? [] : this.#behind(position).filter((lane) => !tasks.has(lane));
    const jobs = [...tasks].map(async ([lane, each], index) => {
      if (each !== undefined) await writeLane(lane, each);
      if (position === undefined) return 0;
      await failpoint('apply.mid');
      return this.#commit(lane, position, index === 0 ? [lane, ...riders] : [lane], splits);
    });
    return total(await Promise.allSettled(jobs));
  }

  /** Moves the checkpoints of all lanes that are behind, in one transaction without rows. */
  async move(position: Position): Promise<number> {
    const behind = this.#behind(position);
    const [first] = behind;
    if (first === undefined) return 0;
    await begin(first);
    return this.#commit(first, position, behind);
  }

  /** Safe to call twice. What is not committed is rolled back. */
  async close(): Promise<void> {
    await Promise.allSettled(this.#lanes.map(({ writer }) => writer.close()));
  }

  #behind(position: Position): readonly LaneState[] {
    return this.#lanes.filter((lane) => !this.#covers(lane.position, position));
  }

  async #commit(lane: LaneState, position: Position, moved: readonly LaneState[], splits = 0): Promise<number> {
    const moves: CheckpointMove[] = moved.map(({ index, position: from, pending }) => ({
      lane: index,
      from,
      position,
      changes: pending ?? 0,
      // One lane counts for all, so that what is read again after a crash is not counted again.
      splits: index === 0 ? splits : 0,
    }));
    await lane.writer.commit(moves, lane.letters?.moves);
    lane.letters?.committed();
    const changes = lane.pending ?? 0;
    lane.pending = null;
    for (const each of moved) each.position = position;
    return changes;
  }
}

/** The position that all have reached; there must be one. */
export function floorOf(positions: readonly Position[], covers: Covers): Position {
  return positions.reduce((floor, position) => (covers(floor, position) ? position : floor));
}

async function begin(lane: LaneState): Promise<void> {
  if (lane.pending !== null) return;
  await lane.writer.begin();
  lane.pending = 0;
}

async function writeLane(lane: LaneState, work: LaneWork): Promise<void> {
  await begin(lane);
  for (const segment of work.segments) await writeSegment(lane, segment);
  lane.pending = (lane.pending ?? 0) + work.changes;
}

async function writeSegment({ writer, letters }: LaneState, segment: Segment): Promise<void> {
  if (segment.kind === 'empty') {
    await writer.truncate(segment.tables);
    for (const { table } of segment.tables) letters?.emptied(table.id);
    return;
  }
  const { changes, keyChunks, sets } = letters?.withoutDead(segment) ?? segment;
  if (sets === undefined || !(await writer.attempt(sets))) {
    await writer.replay(changes, keyChunks, letters?.refusals);
  }
}

function total(results: readonly PromiseSettledResult<number>[]): number {
  let sum = 0;
  for (const result of results) {
    if (result.status === 'rejected') throw result.reason;
    sum += result.value;
  }
  return sum;
}
