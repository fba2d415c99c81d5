// One attempt as the journal knows it, with the time each step took.

import type { CutoverJournal, CutoverRecord } from '../journal/journal.ts';
import type { RunStatus } from '../observe/status.ts';

export class Attempt {
  readonly #journal: CutoverJournal;
  readonly #status: RunStatus;
  #record: CutoverRecord;
  #steps: CutoverRecord['steps'];
  #frozenAt: number | undefined;

  constructor(journal: CutoverJournal, status: RunStatus, record: CutoverRecord) {
    this.#journal = journal;
    this.#status = status;
    this.#record = record;
    this.#steps = record.steps;
    status.update((value) => {
      value.cutover.attempt = record.attempt;
      value.cutover.frozenAt = record.frozenAt ?? null;
    });
  }

  static next(journal: CutoverJournal, status: RunStatus, latest: CutoverRecord | undefined): Attempt {
    const attempt = (latest?.attempt ?? 0) + 1;
    return new Attempt(journal, status, {
      attempt,
      phase: 'freezing',
      switches: [],
      writePauseMs: null,
      steps: [],
      reason: null,
    });
  }

  get record(): CutoverRecord {
    return this.#record;
  }

  /** Journals the change; what the journal did not take does not hold here either. */
  async write(change: Partial<CutoverRecord>): Promise<void> {
    const record = { ...this.#record, steps: this.#steps, ...change };
    await this.#journal.write(record);
    this.#record = record;
  }

  /** The write pause begins. */
  async freeze(): Promise<void> {
    const frozenAt = new Date().toISOString();
    await this.write({ phase: 'freezing', frozenAt });
    this.#frozenAt = performance.now();
    this.#status.update((value) => {
      value.cutover.frozenAt = frozenAt;
    });
  }

  /** Since the source was closed, by another runner perhaps. */
  get pauseMs(): number | null {
    if (this.#frozenAt !== undefined) return Math.round(performance.now() - this.#frozenAt);
    const { frozenAt } = this.#record;
    return frozenAt === undefined ? null : Math.max(0, Date.now() - Date.parse(frozenAt));
  }

  /** Runs a step under its name. */
  async step<T>(name: string, work: () => Promise<T>): Promise<T> {
    this.#status.update((value) => {
      value.cutover.step = name;
    });
    const start = performance.now();
    try {
      return await work();
    } finally {
      this.#steps = [...this.#steps, { name, ms: Math.round(performance.now() - start) }];
    }
  }
}
