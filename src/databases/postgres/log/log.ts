// The source's side of the change stream on PostgreSQL: the slot that keeps the log, the publication that selects the
// tables, the identities by which it names their rows, the snapshots that are exact at a position, and the markers.

import { MigrateError } from '../../../lib/errors.ts';
import { failpoint } from '../../../lib/failpoint.ts';
import type { Position } from '../../../model/position.ts';
import type { Table } from '../../../model/table.ts';
import type { ChunkReader, SourceLog, Start } from '../../source.ts';
import type { PostgresServer, Session } from '../connection.ts';
import { KeptSession } from '../kept-session.ts';
import { CREATE_BLOCKERS } from '../lock-holders.ts';
import { whenLocked } from '../locked.ts';
import { type IdentityOptions, restoreIdentities, setIdentities } from '../replica-identity.ts';
import { type CopyFormat, openChunkReader } from '../snapshot.ts';
import { MARKER_PREFIX } from './pgoutput.ts';
import { checkPublication, createPublication, dropPublication, extendPublication } from './publication.ts';
import { type CreatedSlot, createSlot, dropSlot, temporaryName } from './slot.ts';

export interface PostgresLogOptions {
  readonly server: PostgresServer;
  /** Lower-case letters, digits and underscores; carries the run's id, because whoever holds it is ended. */
  readonly slot: string;
  readonly publication: string;
  /** Proves, inside a transaction, that this runner may still write: one that was replaced must not remove its successor's slot. */
  readonly prove: (session: Session) => Promise<void>;
  /** The run's name: whose replica identities are recorded under it. */
  readonly run: () => string;
  /** The form in which a table's rows are read. Default: binary where both sides read that alike. */
  readonly formatOf?: (table: Table) => CopyFormat;
  /** Told what pinning or a snapshot waits for, and null when it no longer does. */
  readonly onWaiting?: (reason: string | null) => void;
  /** How often to look for that transaction. Default 2 s. */
  readonly waitingPollMs?: number;
}

export class PostgresLog implements SourceLog {
  readonly #options: PostgresLogOptions;
  readonly #kept: KeptSession;

  constructor(options: PostgresLogOptions) {
    if (!/^[a-z0-9_]{1,63}$/.test(options.slot)) {
      throw new MigrateError('INTERNAL.BUG', `not a name for a replication slot: ${options.slot}`);
    }
    this.#options = options;
    this.#kept = new KeptSession(options.server, { purpose: 'mark' });
  }

  async pin(tables: readonly Table[]): Promise<Start> {
    const { server, slot, publication } = this.#options;
    await failpoint('log.before_pin');
    await server.with('pin', async (session) => {
      await dropSlot(session, slot, this.#options.prove);
      await setIdentities(this.#identities, tables);
      await failpoint('identity.set');
      // Before the slot: the log is decoded with the catalog of its time, in which the publication must exist.
      await dropPublication(session, publication, this.#proven);
      await createPublication(session, publication, tables, this.#proven);
    });
    const start = await this.#start(slot, false);
    await failpoint('log.pinned');
    return start;
  }

  async publish(tables: readonly Table[]): Promise<void> {
    // First: a published table that the log cannot name the rows of would refuse the application's updates.
    await setIdentities(this.#identities, tables);
    await failpoint('table.publishing');
    const { server, publication } = this.#options;
    await server.with('publish', async (session) => {
      for (const table of tables)
        await whenLocked(
          this.#identities,
          session,
          { table: table.id, modes: CREATE_BLOCKERS, refused: `${table.id} cannot be published` },
          () => extendPublication(session, publication, table),
        );
    });
    await failpoint('table.published');
  }

  async pair(): Promise<Start> {
    return this.#start(temporaryName(this.#options.slot), true);
  }

  async mark(content: string): Promise<void> {
    await this.#kept.use(async (session) => {
      await session.query(`SELECT pg_logical_emit_message(true, $1, $2)`, [MARKER_PREFIX, content]);
      // After the marker: what was altered later did not leave out anything before it.
      await checkPublication(session, this.#options.publication);
    });
  }

  async head(): Promise<Position> {
    return this.#kept.use(async (session) => {
      // The message makes the log go on past the position, and its commit makes the server write it out: a position at the
      // very end of an idle log may be met only when something else is logged.
      const row = await session.one(
        `SELECT pg_current_wal_insert_lsn()::text AS head, pg_logical_emit_message(true, $1, '')`,
        [`${MARKER_PREFIX}-head`],
      );
      return row?.head as Position;
    });
  }

  async release(): Promise<void> {
    const { server, slot, publication } = this.#options;
    await server.with('release', async (session) => {
      await dropSlot(session, slot, this.#options.prove);
      await dropPublication(session, publication, this.#proven);
    });
    await failpoint('identity.restoring');
    await restoreIdentities(this.#identities);
  }

  get #identities(): IdentityOptions {
    const { server, run, prove, onWaiting } = this.#options;
    return { server, run: run(), prove, ...(onWaiting === undefined ? {} : { onWaiting }) };
  }

  readonly #proven = (session: Session, work: () => Promise<void>): Promise<void> =>
    session.transaction(async () => {
      await this.#options.prove(session);
      await work();
    });

  async #start(name: string, temporary: boolean): Promise<Start> {
    const created = await createSlot({
      server: this.#options.server,
      name,
      temporary,
      onWaiting: this.#options.onWaiting ?? (() => undefined),
      waitingPollMs: this.#options.waitingPollMs ?? 2_000,
    });
    return new ExportedStart(this.#options, created);
  }
}

/** The snapshot that came with a slot, held by the connection that made the slot. */
class ExportedStart implements Start {
  readonly at: Position;
  readonly lost: Promise<never>;
  readonly #options: Pick<PostgresLogOptions, 'server' | 'formatOf'>;
  readonly #created: CreatedSlot;
  #closed = false;

  constructor(options: Pick<PostgresLogOptions, 'server' | 'formatOf'>, created: CreatedSlot) {
    this.at = created.at;
    this.#options = options;
    this.#created = created;
    this.lost = new Promise<never>((_, reject) => {
      created.session.client.once('end', () => {
        if (this.#closed) return;
        reject(new MigrateError('SNAPSHOT.LOST', `the connection that held the snapshot at ${created.at} broke`));
      });
    });
    // Whoever does not wait for it must not end the process by it.
    this.lost.catch(() => undefined);
  }

  reader(): Promise<ChunkReader> {
    const { server, formatOf } = this.#options;
    return openChunkReader(server, this.#created.snapshotName, formatOf);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#created.session.close();
  }
}
