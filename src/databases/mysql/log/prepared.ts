// Transactions that are committed in two phases (XA). Their changes are in the log when they are prepared, and what becomes of
// them comes later, perhaps after the server or this program was started anew: until then they are held, and every position
// says where they begin, so that they are read again.

import { MigrateError } from '../../../lib/errors.ts';
import type { Change } from '../../../model/change.ts';

/** Of all that are held together. */
const LARGEST_BYTES = 64 * 1024 * 1024;

export interface Held {
  /** The number of the log file in which it begins, and the place there. */
  readonly file: number;
  readonly at: number;
  readonly changes: readonly Change[];
  /** Of each change in the log. */
  readonly logged: readonly number[];
}

interface Draft extends Held {
  readonly changes: Change[];
  readonly logged: number[];
  bytes: number;
}

export class PreparedTransactions {
  readonly #prepared = new Map<string, Draft>();
  #open: { readonly xid: string; readonly draft: Draft } | undefined;
  #bytes = 0;
  #text = '';

  /** From here on changes belong to that transaction. */
  begin(xid: string, file: number, at: number): void {
    this.drop();
    this.#open = { xid, draft: { file, at, changes: [], logged: [], bytes: 0 } };
  }

  /** The transaction that is being read; undefined when it is an ordinary one. */
  get open(): Held | undefined {
    return this.#open?.draft;
  }

  /** `bytes`: in memory. */
  add(change: Change, logged: number, bytes: number): void {
    const draft = this.#open?.draft;
    if (draft === undefined) return;
    draft.changes.push(change);
    draft.logged.push(logged);
    draft.bytes += bytes;
    this.#bytes += bytes;
    if (this.#bytes <= LARGEST_BYTES) return;
    throw new MigrateError(
      'STREAM.FORMAT',
      `transactions that are committed with XA hold more than ${LARGEST_BYTES >> 20} MB of changes before their outcome is known`,
      {
        fix: 'Commit so large ones without XA, or end those that XA RECOVER lists; then abort with --drop and start again.',
      },
    );
  }

  /** The one that is being read is prepared now. */
  keep(): void {
    if (this.#open === undefined) return;
    this.#prepared.set(this.#open.xid, this.#open.draft);
    this.#open = undefined;
    this.#write();
  }

  /** The one that is being read is over. */
  drop(): void {
    this.#bytes -= this.#open?.draft.bytes ?? 0;
    this.#open = undefined;
  }

  find(xid: string): Held | undefined {
    return this.#prepared.get(xid);
  }

  /** Its outcome is known. */
  end(xid: string): void {
    this.#bytes -= this.#prepared.get(xid)?.bytes ?? 0;
    if (this.#prepared.delete(xid)) this.#write();
  }

  /** How many there are whose outcome is not known. */
  get size(): number {
    return this.#prepared.size;
  }

  /** Where those begin whose outcome is not known, as positions say it: `12:3456,13:4`; '' when there are none. */
  get text(): string {
    return this.#text;
  }

  #write(): void {
    this.#text = [...this.#prepared.values()].map(({ file, at }) => `${file}:${at}`).join(',');
  }
}
