// The change stream of a MySQL or MariaDB database: one shard, `log`, read from the binary log.

import type { Connection } from 'mysql2';
import { MigrateError } from '../../../lib/errors.ts';
import type { Transaction } from '../../../model/change.ts';
import type { Finding } from '../../../model/finding.ts';
import type { Position } from '../../../model/position.ts';
import type { Table } from '../../../model/table.ts';
import type { ChangeStream, Shard, ShardId } from '../../../stream/change-stream.ts';
import { RunQueue } from '../../../stream/run-queue.ts';
import { BinlogDump } from './dump.ts';
import { LogWatch } from './log-watch.ts';
import { BinlogParser } from './parser.ts';
import { covers, isWhole, parsePlace } from './position.ts';
import { readFacts, type SourceFacts } from './source-facts.ts';
import { LoggedTables } from './tables.ts';
import { TransactionAssembler } from './transactions.ts';

export interface MysqlStreamOptions {
  /** A new connection of mysql2, logged in, that nobody else uses. Its errors are SOURCE.*. */
  readonly connect: (purpose: string) => Promise<Connection>;
  /** The run: its markers are delivered, and it has one reader, the last one. */
  readonly run: string;
  readonly tables: readonly Table[];
  /** How long the source may send nothing while it is read. Default 60 s. */
  readonly networkTimeoutMs?: number;
  /** How often the list of log files is looked at. Default 10 s. */
  readonly watchIntervalMs?: number;
}

/** What one opening holds. */
interface Reading {
  readonly queue: RunQueue;
  readonly dump: BinlogDump;
  readonly watch: LogWatch;
}

const LOG_SHARD: ShardId = 'log';
/** The first event of a file stands behind four bytes that tell what it is. */
const FILE_START = 4;
/** From here on the protocol has no number for a place. */
const FAR = 2 ** 32;

export class MysqlStream implements ChangeStream {
  readonly covers = covers;
  readonly isWhole = isWhole;
  readonly #options: MysqlStreamOptions;
  /** By the name of a log file. */
  #fileBytes: ReadonlyMap<string, number> = new Map();
  #reading: Reading | undefined;
  #closed = false;

  constructor(options: MysqlStreamOptions) {
    this.#options = options;
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
      this.#stop();
    };
    signal.addEventListener('abort', abort, { once: true });
    if (signal.aborted || this.#closed) abort();
    // The source keeps its log by time and is told nothing.
    yield { id: LOG_SHARD, changes: runs(reading.queue), ack: () => undefined };
  }

  /** Files that were never seen count as empty: they are at the other end of a log that is read for the first time. */
  distance(from: Position, to: Position): number {
    const begin = parsePlace(from);
    const end = parsePlace(to);
    if (begin.file === end.file) return Math.max(0, end.at - begin.at);
    if (begin.file > end.file) return 0;
    let bytes = end.at - begin.at;
    for (const [name, size] of this.#fileBytes) {
      const number = Number(name.slice(name.lastIndexOf('.') + 1));
      if (number >= begin.file && number < end.file) bytes += size;
    }
    return Math.max(0, bytes);
  }

  /** The source holds nothing back for a reader. */
  async retainedBytes(): Promise<number | undefined> {
    return undefined;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#reading?.queue.end();
    this.#stop();
  }

  async #start(from: Position): Promise<Reading> {
    const asking = await this.#options.connect('log watch');
    const watch = new LogWatch(asking);
    let reading: Connection | undefined;
    try {
      const place = parsePlace(from);
      this.#fileBytes = await watch.check(place);
      const facts = await readFacts(asking, this.#options.tables);
      reading = await this.#options.connect('log');
      const { queue, dump, assembler } = this.#connect(reading, facts, from);
      await dump.start(place.name, place.at < FAR ? place.at : FILE_START);
      watch.start(this.#options.watchIntervalMs ?? 10_000, {
        reached: () => assembler.reached,
        looked: (files) => {
          this.#fileBytes = files;
        },
        failed: (error) => dump.fail(error),
      });
      return { queue, dump, watch };
    } catch (error) {
      reading?.destroy();
      watch.close();
      throw translated(error);
    }
  }

  #connect(
    connection: Connection,
    { isMariadb, caseSensitive, charsetOf, captured }: SourceFacts,
    resume: Position,
  ): { queue: RunQueue; dump: BinlogDump; assembler: TransactionAssembler } {
    const { run, networkTimeoutMs = 60_000 } = this.#options;
    const queue = new RunQueue({ full: () => dump.pause(), drained: () => dump.resume() });
    const tables = new LoggedTables({ captured, charsetOf, isMariadb, caseSensitive });
    const assembler = new TransactionAssembler({ queue, tables, run, isMariadb, resume });
    const parser = new BinlogParser();
    const dump = new BinlogDump({
      connection,
      networkTimeoutMs,
      reader: run,
      handler: {
        event: (bytes, start, end) => assembler.event(parser.parse(bytes, start, end)),
        failed: (error) => {
          queue.fail(error);
          this.#stop();
        },
      },
    });
    return { queue, dump, assembler };
  }

  #stop(): void {
    this.#reading?.dump.stop();
    this.#reading?.watch.close();
  }
}

/** What the driver throws, without the server's words: they may hold values. */
function translated(error: unknown): unknown {
  if (error instanceof MigrateError || !(error instanceof Error) || !('code' in error)) return error;
  const isLost = !('fatal' in error) || error.fatal === true;
  return new MigrateError(
    isLost ? 'SOURCE.CONNECTION' : 'SOURCE.REFUSED',
    `the source answered ${error.code} before its log could be read`,
    { cause: error },
  );
}

async function* runs(queue: RunQueue): AsyncIterable<readonly Transaction[]> {
  for (;;) {
    const run = await queue.take();
    if (run === undefined) return;
    yield run;
  }
}
