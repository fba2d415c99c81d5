// Looks after a slot from a session of its own while its log is read: the reading session cannot be asked, and it does
// not notice that its slot was invalidated, its publication altered or its server is shutting down.

import { MigrateError, toMigrateError } from '../../../lib/errors.ts';
import type { Position } from '../../../model/position.ts';
import type { Session } from '../connection.ts';
import { translateError } from '../errors.ts';
import { parseLsn } from './lsn.ts';
import { checkPublication } from './publication.ts';

export interface Watched {
  readonly slot: string;
  readonly publication: string;
}

export class SlotWatch {
  readonly #session: Session;
  readonly #watched: Watched;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(session: Session, watched: Watched) {
    this.#session = session;
    this.#watched = watched;
  }

  /**
   * Rejects with STREAM.GONE when the slot cannot deliver everything after `resume`: the server would start later, or
   * has a shorter log than the one the position is from, without a word.
   */
  async checkResume(resume: Position): Promise<void> {
    const { slot } = this.#watched;
    const row = await this.#session.one(
      `SELECT confirmed_flush_lsn::text AS confirmed, pg_current_wal_flush_lsn()::text AS "end", wal_status, plugin,
              database = current_database() AS here
       FROM pg_replication_slots WHERE slot_name = $1`,
      [slot],
    );
    const confirmed = row?.confirmed ?? undefined;
    if (row === undefined) {
      throw gone(
        `slot ${slot} does not exist (it was dropped, or the source failed over to a server without it)`,
        NO_SLOT,
      );
    }
    if (row.wal_status === 'lost') throw gone(`slot ${slot} was invalidated`);
    if (row.plugin !== 'pgoutput' || row.here !== 't' || confirmed === undefined) {
      throw gone(`slot ${slot} is not the one this run made`);
    }
    if (parseLsn(confirmed) > parseLsn(resume)) throw gone(`slot ${slot} stands at ${confirmed}, after ${resume}`);
    if (parseLsn(resume) > parseLsn(row.end ?? '')) {
      throw gone(`the log of the source ends at ${row.end}, before ${resume}: it was restored or it failed over`);
    }
    await checkPublication(this.#session, this.#watched.publication);
  }

  /** Rejects with STREAM.GONE when the slot or the publication is gone or altered. */
  async check(): Promise<void> {
    const { slot, publication } = this.#watched;
    const row = await this.#session.one('SELECT wal_status FROM pg_replication_slots WHERE slot_name = $1', [slot]);
    if (row === undefined) throw gone(`slot ${slot} was dropped`);
    if (row.wal_status === 'lost') throw gone(`slot ${slot} was invalidated`);
    await checkPublication(this.#session, publication);
  }

  /** Checks at every interval. `failed` is called once: the slot or publication is gone or altered, or this session broke. */
  start(intervalMs: number, failed: (error: MigrateError) => void): void {
    const fail = (error: MigrateError): void => {
      if (this.#closed) return;
      clearInterval(this.#timer);
      failed(error);
    };
    // A server that shuts down ends this session at once, but waits for a reader that has not confirmed everything.
    this.#session.client.once('end', () =>
      fail(
        translateError(
          this.#session.side,
          Object.assign(new Error('the session that watches the slot ended'), { code: 'ECONNRESET' }),
        ),
      ),
    );
    this.#timer = setInterval(() => {
      this.check().catch((error: unknown) => fail(toMigrateError(error)));
    }, intervalMs);
  }

  /** Bytes of log kept because of the slot; undefined when that is unknown. */
  async retainedBytes(): Promise<number | undefined> {
    const row = await this.#session.one(
      `SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::text AS bytes
       FROM pg_replication_slots WHERE slot_name = $1`,
      [this.#watched.slot],
    );
    const bytes = row?.bytes ?? undefined;
    return bytes === undefined ? undefined : Number(bytes);
  }

  /** Safe to call twice. */
  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#timer);
    await this.#session.close();
  }
}

const NO_SLOT =
  'The gap cannot be closed: abort with --drop and start again. Only a standby of PostgreSQL 17 or later with ' +
  'sync_replication_slots keeps the slot through a failover.';

function gone(message: string, fix?: string): MigrateError {
  return new MigrateError('STREAM.GONE', message, fix === undefined ? {} : { fix });
}
