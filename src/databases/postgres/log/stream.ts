// The change stream of a PostgreSQL database: one shard, `log`, read through a replication slot.

import { MigrateError } from '../../../lib/errors.ts';
import type { Finding } from '../../../model/finding.ts';
import type { Position } from '../../../model/position.ts';
import type { Table } from '../../../model/table.ts';
import type { ChangeStream, Shard, ShardId } from '../../../stream/change-stream.ts';
import { RunQueue } from '../../../stream/run-queue.ts';
import type { PostgresServer, Session } from '../connection.ts';
import { TransactionAssembler } from './assembler.ts';
import { covers, distance, ordinalOf } from './lsn.ts';
import { PgoutputDecoder } from './pgoutput.ts';
import { publishedRelations } from './publication.ts';
import { translateStreamError, WalReceiver } from './receiver.ts';
import { type CapturedTable, Relations, type ServerType } from './relations.ts';
import { isTaken, whenFree } from './slot.ts';
import { SlotWatch } from './slot-watch.ts';

export interface PostgresStreamOptions {
  readonly server: PostgresServer;
  readonly slot: string;
  readonly publication: string;
  readonly tables: readonly Table[];
  /** How long the source may send nothing while it is read. Default 60 s. */
  readonly networkTimeoutMs?: number;
  /** How often the source is told the position. Default 5 s, or a third of `networkTimeoutMs`. */
  readonly statusIntervalMs?: number;
  /** Bytes the server may use to put transactions together. Default: what the server has. */
  readonly decodingMemory?: number;
  /** How often slot and publication are looked at. Default 10 s. */
  readonly watchIntervalMs?: number;
  /**
   * True for one who only looks on: where another session reads from the slot, opening rejects with TUNE.NOT_NOW. By default that
   * session is ended: the slot is this run's alone, so that it is one the run left behind.
   */
  readonly givesWay?: boolean;
}

/** What one opening holds. */
interface Reading {
  readonly queue: RunQueue;
  readonly receiver: WalReceiver;
  readonly watch: SlotWatch;
}

const LOG_SHARD: ShardId = 'log';

export class PostgresStream implements ChangeStream {
  /** A slot has one reader. */
  readonly isShareable = false;
  readonly covers = covers;
  readonly distance = distance;
  readonly #options: PostgresStreamOptions;
  #reading: Reading | undefined;
  #failed = false;
  #closed = false;

  constructor(options: PostgresStreamOptions) {
    this.#options = options;
  }

  get #networkTimeoutMs(): number {
    return this.#options.networkTimeoutMs ?? 60_000;
  }

  /** What the log needs of the source is checked with the source. */
  async check(): Promise<readonly Finding[]> {
    return [];
  }

  async *open(resume: (shard: ShardId) => Promise<Position>, signal: AbortSignal): AsyncIterable<Shard> {
    if (this.#reading !== undefined || this.#closed)
      throw new MigrateError('INTERNAL.BUG', 'the stream was opened before');
    const from = await resume(LOG_SHARD);
    signal.throwIfAborted();
    const reading = await this.#start(from);
    this.#reading = reading;
    const abort = (): void => {
      reading.queue.end();
      void this.#stop();
    };
    signal.addEventListener('abort', abort, { once: true });
    if (signal.aborted || this.#closed) abort();
    yield {
      id: LOG_SHARD,
      changes: reading.queue.runs(),
      ack: (position) => reading.receiver.confirm(position),
    };
  }

  isWhole(position: Position): boolean {
    return ordinalOf(position) === 0;
  }

  async retainedBytes(): Promise<number | undefined> {
    try {
      return this.#failed ? undefined : await this.#reading?.watch.retainedBytes();
    } catch (error) {
      // Whoever only looks must not end what was read before the end of the stream and is still being applied.
      if (this.#failed) return undefined;
      throw error;
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#reading?.queue.end();
    await this.#stop();
  }

  async #start(from: Position): Promise<Reading> {
    const { server, slot, publication, decodingMemory } = this.#options;
    const asking = await server.session({ purpose: 'log watch' });
    const watch = new SlotWatch(asking, { slot, publication });
    let session: Session | undefined;
    try {
      await watch.checkResume(from);
      const relations = new Relations(
        await readTypes(asking, this.#options.tables),
        await publishedRelations(asking, publication),
      );
      session = await server.session({
        purpose: 'log',
        replication: true,
        settings: {
          // Warnings tell of changes that are left out.
          client_min_messages: 'warning',
          // While it passes over a large transaction that is not for us, the server says something at half this time only.
          wal_sender_timeout: `${this.#networkTimeoutMs}ms`,
          ...(decodingMemory === undefined
            ? {}
            : { logical_decoding_work_mem: `${Math.floor(decodingMemory / 1024)}kB` }),
        },
      });
      const { queue, receiver } = this.#connect(session, relations, from);
      const begin = (): Promise<void> => receiver.start(slot, publication, from);
      const begun = this.#options.givesWay === true ? begin() : whenFree(asking, slot, begin);
      await begun.catch((error: unknown) => {
        throw this.#options.givesWay === true && isTaken(error) ? inUse(slot) : translateStreamError(asking, error);
      });
      watch.start(this.#options.watchIntervalMs ?? 10_000, (error) => receiver.fail(error));
      return { queue, receiver, watch };
    } catch (error) {
      await Promise.all([session?.close(), watch.close()]);
      throw error;
    }
  }

  #connect(session: Session, relations: Relations, from: Position): Pick<Reading, 'queue' | 'receiver'> {
    const queue = new RunQueue({ full: () => receiver.pause(), drained: () => receiver.resume() });
    const assembler = new TransactionAssembler(queue, from);
    const decoder = new PgoutputDecoder(relations, assembler);
    const receiver = new WalReceiver({
      session,
      // Every status asks for an answer: several must fit in the time after which silence means a lost network.
      statusIntervalMs: this.#options.statusIntervalMs ?? Math.min(5_000, this.#networkTimeoutMs / 3),
      networkTimeoutMs: this.#networkTimeoutMs,
      handler: {
        data: (bytes, start, end) => decoder.decode(bytes, start, end),
        keepalive: (walEnd) => assembler.keepalive(walEnd),
        failed: (error) => {
          this.#failed = true;
          queue.fail(error);
          // The server need not wait until the consumer has come to the error.
          void this.#stop();
        },
      },
    });
    return { queue, receiver };
  }

  async #stop(): Promise<void> {
    const reading = this.#reading;
    if (reading === undefined) return;
    await Promise.all([reading.receiver.stop(), reading.watch.close()]);
  }
}

function inUse(slot: string): MigrateError {
  return new MigrateError('TUNE.NOT_NOW', `the run is at work: it reads from slot ${slot}, and a slot has one reader`, {
    fix: 'Stop the run (Ctrl-C), tune, and start it again: it goes on where it stopped. With stream.via: debezium a run need not be stopped.',
  });
}

/** The types of the tables' columns as the server numbers them. */
async function readTypes(session: Session, tables: readonly Table[]): Promise<readonly CapturedTable[]> {
  const names = [...new Set(tables.flatMap((table) => table.columns.map((column) => column.type)))];
  const version = await session.one(`SELECT current_setting('server_version_num') AS version`);
  // Before PostgreSQL 17 the server could not read a length or precision from the name of a type.
  const modifier = Number(version?.version) >= 170_000 ? 'to_regtypemod(name)' : 'NULL';
  const rows = await session.query(
    `SELECT name, to_regtype(name)::oid::text AS oid, ${modifier}::text AS modifier FROM unnest($1::text[]) AS name`,
    [names],
  );
  const types = new Map<string, ServerType>();
  for (const row of rows) {
    const modifierText = row.modifier ?? undefined;
    types.set(row.name ?? '', {
      oid: Number(row.oid ?? 0),
      modifier: modifierText === undefined ? undefined : Number(modifierText),
    });
  }
  const typeOf = (name: string): ServerType => types.get(name) ?? { oid: 0, modifier: undefined };
  return tables.map((table) => ({ table, types: table.columns.map((column) => typeOf(column.type)) }));
}
