// What the tests of the log share: a source database with a log, and a reader that takes what arrives.

import pg from 'pg';
import { PostgresServer } from '../../src/databases/postgres/connection.ts';
import { PostgresLog, type PostgresLogOptions } from '../../src/databases/postgres/log/log.ts';
import { PostgresStream, type PostgresStreamOptions } from '../../src/databases/postgres/log/stream.ts';
import { COPIED_AS_TEXT } from '../../src/databases/postgres/types.ts';
import type { Change, Transaction } from '../../src/model/change.ts';
import type { Position } from '../../src/model/position.ts';
import type { Table } from '../../src/model/table.ts';
import type { ChangeStream } from '../../src/stream/change-stream.ts';
import { openPair } from '../fleet/databases.ts';
import { tableOf as plainTable } from './copy-fixture.ts';

export interface LogFixture {
  readonly url: string;
  readonly server: PostgresServer;
  readonly slot: string;
  /** A session that writes. */
  readonly db: pg.Client;
  client(): Promise<pg.Client>;
  log(options?: Partial<PostgresLogOptions>): PostgresLog;
  /** Reads the log from a position; closed with the fixture. */
  read(from: Position, tables: readonly Table[], options?: Partial<PostgresStreamOptions>): Promise<LogReader>;
  /** Waits until the server has heard this often from the reader of the slot. */
  heard(times: number): Promise<void>;
  close(): Promise<void>;
}

/** Copied as text, which the tests can read. */
export function tableOf(
  name: string,
  columns: readonly (readonly [string, string])[],
  key: readonly number[] = [0],
): Table {
  return plainTable(
    name,
    columns.map(([column, type]) => [column, type, { handling: [COPIED_AS_TEXT] }]),
    key,
  );
}

/** `url`: of a database to use instead of a fresh one; what it says of TLS holds for the run's own connections. */
export async function openLogFixture(url?: string): Promise<LogFixture> {
  const pair = url === undefined ? await openPair() : undefined;
  const sourceUrl = url ?? pair?.sourceUrl ?? '';
  const server = new PostgresServer('source', sourceUrl, 'test');
  const slot = `migrate_${new URL(sourceUrl).pathname.slice(1)}`;
  const clients: pg.Client[] = [];
  const readers: LogReader[] = [];
  const client = async (): Promise<pg.Client> => {
    const opened = new pg.Client({ connectionString: sourceUrl.replace(/\?.*/, '') });
    opened.on('error', () => undefined);
    await opened.connect();
    clients.push(opened);
    return opened;
  };
  const db = await client();
  return {
    url: sourceUrl,
    server,
    slot,
    db,
    heard: async (times) => {
      const replies = new Set<string>();
      while (replies.size < times) {
        const { rows } = await db.query<{ reply: string }>(
          `SELECT reply_time::text AS reply FROM pg_stat_replication r
           JOIN pg_replication_slots s ON s.active_pid = r.pid WHERE s.slot_name = $1`,
          [slot],
        );
        if (rows[0] === undefined) throw new Error('nobody reads from the slot');
        replies.add(rows[0].reply);
      }
    },
    client,
    log: (options = {}) =>
      new PostgresLog({ server, slot, publication: slot, run: () => 'test', prove: async () => undefined, ...options }),
    read: async (from, tables, options = {}) => {
      const reader = await LogReader.open(
        new PostgresStream({ server, slot, publication: slot, tables, statusIntervalMs: 50, ...options }),
        from,
      );
      readers.push(reader);
      return reader;
    },
    close: async () => {
      await Promise.all(readers.map((reader) => reader.close()));
      await Promise.all(clients.map((one) => one.end()));
      await server.close();
      await pair?.close();
    },
  };
}

export class LogReader {
  readonly stream: ChangeStream;
  readonly taken: Transaction[] = [];
  readonly abort: AbortController;
  readonly ack: (position: Position) => void;
  readonly #runs: AsyncIterator<readonly Transaction[]>;

  private constructor(
    stream: ChangeStream,
    abort: AbortController,
    shard: { changes: AsyncIterable<readonly Transaction[]>; ack(position: Position): void },
  ) {
    this.stream = stream;
    this.abort = abort;
    this.ack = (position) => shard.ack(position);
    this.#runs = shard.changes[Symbol.asyncIterator]();
  }

  static async open(stream: ChangeStream, from: Position): Promise<LogReader> {
    const abort = new AbortController();
    try {
      for await (const shard of stream.open(async () => from, abort.signal)) return new LogReader(stream, abort, shard);
    } catch (error) {
      await stream.close();
      throw error;
    }
    throw new Error('the stream has no shard');
  }

  /** The next run, or undefined at the end. */
  async next(): Promise<readonly Transaction[] | undefined> {
    const { done, value } = await this.#runs.next();
    if (done === true) return undefined;
    this.taken.push(...value);
    return value;
  }

  /** Takes runs until a transaction satisfies the condition. */
  async until(condition: (transaction: Transaction) => boolean): Promise<Transaction> {
    const before = this.taken.find(condition);
    if (before !== undefined) return before;
    for (;;) {
      const run = await this.next();
      if (run === undefined) throw new Error('the log ended early');
      const found = run.find(condition);
      if (found !== undefined) return found;
    }
  }

  untilMarker(content: string): Promise<Transaction> {
    return this.until(({ changes }) => changes.some((change) => change.op === 'marker' && change.content === content));
  }

  /** What ended the stream. */
  async failure(): Promise<unknown> {
    try {
      while ((await this.next()) !== undefined);
    } catch (error) {
      return error;
    }
    throw new Error('the stream ended without an error');
  }

  /** Everything taken, without markers. */
  get changes(): readonly Change[] {
    return this.taken.flatMap(({ changes }) => changes).filter((change) => change.op !== 'marker');
  }

  close(): Promise<void> {
    return this.stream.close();
  }
}
