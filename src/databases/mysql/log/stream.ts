// The change stream of a MySQL or MariaDB database: one shard, `log`, read from the binary log.

import type { Connection } from 'mysql2';
import { MigrateError } from '../../../lib/errors.ts';
import type { Finding } from '../../../model/finding.ts';
import type { Position } from '../../../model/position.ts';
import type { Table } from '../../../model/table.ts';
import type { ChangeStream, Shard, ShardId } from '../../../stream/change-stream.ts';
import { RunQueue } from '../../../stream/run-queue.ts';
import { BinlogDump } from './dump.ts';
import { LogWatch } from './log-watch.ts';
import { BinlogParser } from './parser.ts';
import { beginOf, covers, fileNumber, isOther, isWhole, parsePlace } from './position.ts';
import { readFacts, type SourceFacts } from './source-facts.ts';
import { LoggedTables } from './tables.ts';
import { takenOver } from './takeover.ts';
import { TransactionAssembler } from './transactions.ts';

export interface MysqlStreamOptions {
  /** A new connection of mysql2, logged in, that nobody else uses. Its errors are SOURCE.*. */
  readonly connect: (purpose: string) => Promise<Connection>;
  /** The run: its markers are delivered. */
  readonly run: string;
  /** Names the reader: of two of one name the last one reads on. Default: the run. */
  readonly reader?: string;
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
const NETWORK_TIMEOUT_MS = 60_000;
/** The first event of a file stands behind four bytes that tell what it is. */
const FILE_START = 4;
/** From here on the protocol has no number for a place. */
const FAR = 2 ** 32;

export class MysqlStream implements ChangeStream {
  readonly isShareable = true;
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
    yield { id: LOG_SHARD, changes: reading.queue.runs(), ack: () => undefined };
  }

  /** Files that were never seen count as empty: they are at the other end of a log that is read for the first time. */
  distance(from: Position, to: Position): number {
    const begin = parsePlace(from);
    const end = parsePlace(to);
    // Of what another server took over nobody knows where it lies: everything in front counts.
    if (isOther(begin, end)) return covers(from, to) ? 0 : end.at + this.#bytesBetween(0, end.file);
    if (begin.file === end.file) return Math.max(0, end.at - begin.at);
    if (begin.file > end.file) return 0;
    return Math.max(0, end.at - begin.at + this.#bytesBetween(begin.file, end.file));
  }

  /** In the files from one number to the one before the other. */
  #bytesBetween(from: number, to: number): number {
    let bytes = 0;
    for (const [name, size] of this.#fileBytes) {
      const number = fileNumber(name);
      if (number >= from && number < to) bytes += size;
    }
    return bytes;
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

  /** Everything until the log is asked for has one time limit: a session notices nothing of a silent network. */
  async #start(from: Position): Promise<Reading> {
    const { connect, networkTimeoutMs = NETWORK_TIMEOUT_MS } = this.#options;
    const opened: Connection[] = [];
    let timer: NodeJS.Timeout | undefined;
    const silence = new Promise<never>((_, reject) => {
      const error = new MigrateError(
        'STREAM.SILENT',
        `the source did not begin to send its log in ${networkTimeoutMs} ms`,
      );
      timer = setTimeout(() => reject(error), networkTimeoutMs);
    });
    const open = async (purpose: string): Promise<Connection> => {
      const connection = await connect(purpose);
      opened.push(connection);
      return connection;
    };
    try {
      return await Promise.race([this.#begin(from, open), silence]);
    } catch (error) {
      for (const connection of opened) connection.destroy();
      throw translated(error);
    } finally {
      clearTimeout(timer);
    }
  }

  async #begin(from: Position, connect: MysqlStreamOptions['connect']): Promise<Reading> {
    const asking = await connect('log watch');
    const { watchIntervalMs = 10_000, networkTimeoutMs = NETWORK_TIMEOUT_MS, tables } = this.#options;
    const watch = new LogWatch(asking);
    const place = parsePlace(from);
    const found = await takenOver(asking, place);
    const begin = found === undefined ? beginOf(place) : { name: found, at: FILE_START };
    this.#fileBytes = await watch.check(begin);
    if (found === undefined) this.#fileBytes = await watch.check(place);
    const facts = await readFacts(asking, tables);
    const { queue, dump, assembler } = this.#connect(await connect('log'), facts, from, found);
    await dump.start(begin.name, begin.at < FAR ? begin.at : FILE_START);
    watch.start(watchIntervalMs, networkTimeoutMs, {
      reached: () => assembler.reached,
      looked: (files) => {
        this.#fileBytes = files;
      },
      failed: (error) => dump.fail(error),
    });
    return { queue, dump, watch };
  }

  #connect(
    connection: Connection,
    { isMariadb, caseSensitive, charsetOf, captured }: SourceFacts,
    resume: Position,
    found: string | undefined,
  ): { queue: RunQueue; dump: BinlogDump; assembler: TransactionAssembler } {
    const { run, reader = run, networkTimeoutMs = NETWORK_TIMEOUT_MS } = this.#options;
    const queue = new RunQueue({ full: () => dump.pause(), drained: () => dump.resume() });
    const tables = new LoggedTables({ captured, charsetOf, isMariadb, caseSensitive });
    const assembler = new TransactionAssembler({ queue, tables, run, isMariadb, resume, takenOver: found });
    const parser = new BinlogParser();
    const dump = new BinlogDump({
      connection,
      networkTimeoutMs,
      reader,
      handler: {
        event: (bytes, start, end) => assembler.event(parser.parse(bytes, start, end)),
        payload: () => ({
          checksum: parser.checksum,
          begin: (place) => assembler.payload(place),
          event: (bytes, start, end) => assembler.inner(parser.parse(bytes, start, end, true)),
        }),
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
