// Which rows are dead: the target refused a change of theirs, so that it and every later one is kept for a person to settle.
// Shared by the lanes of an apply; all that happens to one key happens in one lane.

import type { Refusals } from '../databases/target.ts';
import type { DeadLetterJournal, LetterKeys, LetterMoves, NewDeadLetter, Refusal } from '../journal/dead-letters.ts';
import { MigrateError } from '../lib/errors.ts';
import { type Key, keyText, type RowChange } from '../model/change.ts';
import type { Table, TableId } from '../model/table.ts';
import type { RunStatus } from '../observe/status.ts';
import { newKey, oldKey } from './keys.ts';
import { type RowsSegment, rowsSegment } from './segment.ts';

export interface DeadLetterLimits {
  /** `stop`: a row that is refused ends the apply; keys that are dead already stay so. */
  readonly onBadRow: 'stop' | 'deadLetter';
  /** Open letters at most. */
  readonly deadLetterLimit: number;
}

export interface DeadLettersOptions {
  readonly journal: Pick<DeadLetterJournal, 'list'>;
  readonly limits: DeadLetterLimits;
  readonly status: RunStatus;
}

/** `data exception`: the server was never asked. */
const UNHOLDABLE = '22000';

/** What is dead in one table. */
interface DeadTable {
  readonly keys: Set<string>;
  /** Letters, of batches in hand as well. */
  open: number;
  waived: number;
}

export class DeadLetters {
  readonly #options: DeadLettersOptions;
  readonly #tables = new Map<TableId, DeadTable>();
  #total = 0;

  constructor(options: DeadLettersOptions) {
    this.#options = options;
  }

  /** Letters that nobody has settled, those of batches in hand included. */
  get open(): number {
    return this.#sum('open');
  }

  get keepsRefused(): boolean {
    return this.#options.limits.onBadRow === 'deadLetter';
  }

  /** Reads the journal. Only while no lane has a transaction open: what is in hand is forgotten. */
  async load(): Promise<void> {
    const letters = await this.#options.journal.list();
    this.#tables.clear();
    this.#total = letters.length;
    for (const { table, state, ...keys } of letters) {
      // A waived change was left out for good, so that its row is not the source's: nothing can be applied to it.
      if (state === 'open' || state === 'waived') this.#bury(table, keys, state);
    }
    this.#report();
  }

  /** True for a key that is not what it is on the source, and for a table without a key as soon as one of its rows is. */
  excludes(table: Table, key: Key): boolean {
    const keys = this.#tables.get(table.id)?.keys;
    return keys !== undefined && (table.identity === 'row' || keys.has(keyText(key)));
  }

  /** What one lane keeps. */
  lane(): LaneLetters {
    return new LaneLetters(this);
  }

  hasDead(table: TableId): boolean {
    return this.#tables.has(table);
  }

  isDead(table: TableId, { key, newKey: moved }: LetterKeys): boolean {
    const keys = this.#tables.get(table)?.keys;
    return keys !== undefined && (keys.has(keyText(key)) || (moved !== null && keys.has(keyText(moved))));
  }

  /** Counts a letter and marks its keys. Throws APPLY.DEAD_LETTERS when it is one too many. */
  keep({ change, ...keys }: NewDeadLetter): void {
    const { deadLetterLimit } = this.#options.limits;
    const { open } = this;
    if (open >= deadLetterLimit) {
      throw new MigrateError(
        'APPLY.DEAD_LETTERS',
        `${change.table.id} has one more, and ${open} dead letters are open (apply.deadLetterLimit: ${deadLetterLimit})`,
      );
    }
    this.#bury(change.table.id, keys, 'open');
  }

  /** The table was emptied: its keys are alive. */
  emptied(table: TableId): void {
    this.#tables.delete(table);
  }

  /** This many letters were committed, and letters of emptied tables superseded. */
  committed(kept: number): void {
    this.#total += kept;
    this.#report();
  }

  #bury(table: TableId, { key, newKey: moved }: LetterKeys, state: 'open' | 'waived'): void {
    const dead = this.#tables.get(table) ?? { keys: new Set<string>(), open: 0, waived: 0 };
    this.#tables.set(table, dead);
    dead[state]++;
    dead.keys.add(keyText(key));
    if (moved !== null) dead.keys.add(keyText(moved));
  }

  #sum(state: 'open' | 'waived'): number {
    let sum = 0;
    for (const dead of this.#tables.values()) sum += dead[state];
    return sum;
  }

  #report(): void {
    this.#options.status.update((value) => {
      value.deadLetters = { open: this.open, waived: this.#sum('waived'), total: this.#total };
    });
  }
}

/** The letters of the transaction that one lane has open. */
export class LaneLetters implements Refusals {
  readonly #all: DeadLetters;
  #kept: NewDeadLetter[] = [];
  readonly #emptied = new Set<TableId>();

  constructor(all: DeadLetters) {
    this.#all = all;
  }

  /** To be given to a replay; undefined when a refused row stops the run. */
  get refusals(): Refusals | undefined {
    return this.#all.keepsRefused ? this : undefined;
  }

  /** The segment without the changes that the target cannot hold, and those of dead keys: these are kept. */
  withoutDead(segment: RowsSegment): RowsSegment {
    if (!segment.changes.some(({ table, refused }) => refused !== undefined || this.#all.hasDead(table.id))) {
      return segment;
    }
    const alive = segment.changes.filter((change) => !this.holds(change) && !this.#lacks(change));
    return alive.length === segment.changes.length ? segment : rowsSegment(alive, segment.keyChunks);
  }

  holds(change: RowChange): boolean {
    if (!this.#all.isDead(change.table.id, keysOf(change))) return false;
    this.#keep(change, null);
    return true;
  }

  #lacks(change: RowChange): boolean {
    if (change.refused === undefined) return false;
    this.#keep(change, { sqlState: UNHOLDABLE, constraint: null, column: change.refused.column });
    return true;
  }

  refuse(change: RowChange, refusal: Refusal): void {
    this.#keep(change, refusal);
  }

  /** Letters of a table that is emptied have nothing left to be applied to. */
  emptied(table: TableId): void {
    if (!this.#all.hasDead(table)) return;
    this.#kept = this.#kept.filter(({ change }) => change.table.id !== table);
    this.#emptied.add(table);
    this.#all.emptied(table);
  }

  /** What goes with the commit; undefined when there is nothing. */
  get moves(): LetterMoves | undefined {
    if (this.#kept.length === 0 && this.#emptied.size === 0) return undefined;
    return { kept: this.#kept, emptied: [...this.#emptied], replayed: [] };
  }

  committed(): void {
    if (this.moves !== undefined) this.#all.committed(this.#kept.length);
    this.#kept = [];
    this.#emptied.clear();
  }

  #keep(change: RowChange, refusal: Refusal | null): void {
    const letter = { change, ...keysOf(change), refusal };
    this.#all.keep(letter);
    this.#kept.push(letter);
  }
}

function keysOf(change: RowChange): LetterKeys {
  const [before, after] = [oldKey(change), newKey(change)];
  const key = before ?? after;
  if (key === undefined) throw new MigrateError('INTERNAL.BUG', `a change of ${change.table.id} has no key`);
  return {
    key,
    newKey: before === undefined || after === undefined || keyText(before) === keyText(after) ? null : after,
  };
}
