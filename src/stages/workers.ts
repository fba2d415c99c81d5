// The further processes of a run, as seen by the one that leads: who lives, and what they are given. What they are given holds for the
// epoch of the lease, so it is taken back by raising that.

import {
  FORGOTTEN_SECONDS,
  SILENT_SECONDS,
  type WorkerId,
  type WorkerJournal,
  type WorkerRecord,
} from '../journal/workers.ts';
import type { Log } from '../observe/log.ts';
import type { RunStatus } from '../observe/status.ts';

export interface WorkersOptions {
  readonly journal: WorkerJournal;
  readonly epoch: () => number;
  readonly status: RunStatus;
  readonly log: Log;
}

export class Workers {
  readonly #options: WorkersOptions;
  #known: ReadonlyMap<WorkerId, WorkerRecord> = new Map();
  #inviting = 0;

  constructor(options: WorkersOptions) {
    this.#options = options;
  }

  /** Those that live, as of the last look. */
  get alive(): readonly WorkerRecord[] {
    return [...this.#known.values()].filter(({ silentSeconds }) => silentSeconds < SILENT_SECONDS);
  }

  /** Asked once a second. */
  readonly look = async (): Promise<void> => {
    const { journal, epoch, log, status } = this.#options;
    const records = await this.#remaining(await journal.list());
    const before = this.#known;
    this.#known = new Map(records.map((record) => [record.id, record]));
    for (const { id, name } of records) if (!before.has(id)) log.info('a worker works on the run', { subject: name });
    for (const { id, name } of before.values()) {
      if (!this.#known.has(id)) log.info('a worker has left the run', { subject: name });
    }
    status.update((value) => {
      value.workers = records.map((record) => ({
        ...record,
        lanes: record.epoch === epoch() ? [...record.lanes] : [],
      }));
    });
    if (this.#inviting > 0) await this.#invite();
  };

  async #remaining(records: readonly WorkerRecord[]): Promise<readonly WorkerRecord[]> {
    const gone = records.filter(({ silentSeconds }) => silentSeconds > FORGOTTEN_SECONDS);
    if (gone.length > 0) await this.#options.journal.remove(gone.map(({ id }) => id));
    return records.filter((record) => !gone.includes(record));
  }

  /** While `work` goes on, workers may claim chunks. */
  async whileInviting<T>(work: () => Promise<T>): Promise<T> {
    this.#inviting++;
    try {
      return await work();
    } finally {
      this.#inviting--;
    }
  }

  /** Divides lanes 0 to `lanes` - 1 among this process and `members`; resolves with our own. Lane 0 is always ours. */
  async share(lanes: number, members: readonly WorkerRecord[]): Promise<ReadonlySet<number>> {
    const given = new Map<WorkerId, number[]>(members.map(({ id }) => [id, []]));
    const own = new Set<number>();
    for (let lane = 0; lane < lanes; lane++) {
      const worker = members[(lane % (members.length + 1)) - 1];
      if (worker === undefined) own.add(lane);
      else given.get(worker.id)?.push(lane);
    }
    await this.#options.journal.share(given);
    return own;
  }

  async #invite(): Promise<void> {
    const { journal, epoch } = this.#options;
    if (this.alive.every((worker) => worker.epoch === epoch())) return;
    // Those that are silent, too: one that copies chunks and was uninvited would leave them half done, and yet claimed.
    await journal.share(new Map([...this.#known.keys()].map((id) => [id, []])));
  }
}
