// The chunks that one process copies. Several processes of a run share the copy, so a chunk is claimed before it is copied: in
// handfuls, because thousands of small tables must not cost a round trip each, and ahead, because nobody may wait for the answer.

import type { TableProgress } from '../journal/journal.ts';
import type { ChunkName } from '../journal/workers.ts';
import { MigrateError } from '../lib/errors.ts';
import type { Chunk } from '../model/chunk.ts';
import type { Table } from '../model/table.ts';

// What is claimed and not begun cannot be copied by another process: it must stay little, and least of all at the end.
const LARGEST_HANDFUL = 16;
const HANDFULS_PER_READER = 4;

export interface Task {
  readonly table: Table;
  readonly chunk: Chunk;
}

/** Claims chunks for this process. */
export interface Claims {
  /** Those of the chunks that nobody has copied or claimed, in the order given. */
  claim(chunks: readonly ChunkName[]): Promise<readonly ChunkName[]>;
}

/** Where no other process may copy. */
export const SOLE: Claims = { claim: async (chunks) => chunks };

/** The chunks to copy, those of the largest tables first, so that none of them is left for one reader at the end. */
export function pendingTasks(tables: readonly Table[], progress: readonly TableProgress[]): readonly Task[] {
  const chunksOf = new Map(progress.map(({ id, chunks }) => [id, chunks]));
  const largestFirst = tables.toSorted((a, b) => b.byteEstimate - a.byteEstimate);
  return largestFirst.flatMap((table) => {
    const chunks = chunksOf.get(table.id) ?? [];
    // Without chunks nothing of the table would be copied, and it would look complete.
    if (chunks.length === 0) throw new MigrateError('INTERNAL.BUG', `${table.id} has no chunks`);
    return chunks.filter(({ at }) => at === null).map((chunk) => ({ table, chunk }));
  });
}

/** Hands out tasks in their order, as far as they could be claimed. */
export class TaskQueue {
  readonly #tasks: readonly Task[];
  readonly #claims: Claims;
  readonly #readers: number;
  #asked = 0;
  readonly #claimed: Task[] = [];
  /** Stays when it was rejected: then every reader is told. */
  #asking: Promise<void> | undefined;

  constructor(tasks: readonly Task[], claims: Claims, readers: number) {
    this.#tasks = tasks;
    this.#claims = claims;
    this.#readers = readers;
  }

  /** The next task, for whichever reader asks; undefined when there is none left. Rejects with what a claim failed with. */
  async next(): Promise<Task | undefined> {
    while (this.#claimed.length === 0) {
      const asking = this.#ask();
      if (asking === undefined) return undefined;
      await asking;
    }
    const task = this.#claimed.shift();
    if (this.#claimed.length === 0) void this.#ask();
    return task;
  }

  /** Undefined when everything was asked for. */
  #ask(): Promise<void> | undefined {
    if (this.#asking !== undefined) return this.#asking;
    const left = this.#tasks.length - this.#asked;
    if (left === 0) return undefined;
    const size = Math.max(1, Math.min(LARGEST_HANDFUL, Math.floor(left / (HANDFULS_PER_READER * this.#readers))));
    const handful = this.#tasks.slice(this.#asked, this.#asked + size);
    this.#asked += size;
    const asking = this.#claim(handful);
    // Told to who asks for the next task.
    asking.catch(() => undefined);
    this.#asking = asking;
    return asking;
  }

  async #claim(handful: readonly Task[]): Promise<void> {
    const names = handful.map(({ table, chunk }) => ({ table: table.id, ordinal: chunk.ordinal }));
    const given = new Set((await this.#claims.claim(names)).map(({ table, ordinal }) => `${ordinal} ${table}`));
    this.#claimed.push(...handful.filter(({ table, chunk }) => given.has(`${chunk.ordinal} ${table.id}`)));
    this.#asking = undefined;
  }
}
