// Looks after the source's log files from a connection of its own: the one that reads is told nothing when they are removed
// under it.

import type { Connection } from 'mysql2';
import { MigrateError } from '../../../lib/errors.ts';
import type { Place } from './position.ts';
import { askTexts } from './source-facts.ts';

/** Sizes in bytes by name, oldest first. */
export type LogFiles = ReadonlyMap<string, number>;

export interface Watcher {
  /** What was read so far. */
  readonly reached: () => Pick<Place, 'name' | 'at'>;
  readonly looked: (files: LogFiles) => void;
  /** The log is gone, or cannot be looked at. Called once. */
  readonly failed: (error: MigrateError) => void;
}

const UNANSWERED = 'the source cannot be asked for its log files';

export class LogWatch {
  readonly #connection: Connection;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(connection: Connection) {
    this.#connection = connection;
    // What ends it ends the reading too, or shows at the next look.
    connection.on('error', () => undefined);
  }

  /** Rejects with STREAM.GONE when the log does not reach to the place or no longer begins before it. */
  async check({ name, at }: Pick<Place, 'name' | 'at'>): Promise<LogFiles> {
    const rows = await askTexts(this.#connection, 'SHOW BINARY LOGS').catch((cause: unknown) => {
      throw new MigrateError('SOURCE.REFUSED', 'the source does not list its log files: is log_bin on?', {
        cause,
        fix: 'GRANT REPLICATION CLIENT (MariaDB: BINLOG MONITOR) ON *.* TO the user of source.url.',
      });
    });
    const files = new Map(rows.map(([file, size]) => [file ?? '', Number(size)]));
    const size = files.get(name);
    if (size === undefined) {
      const first = files.keys().next().value;
      throw new MigrateError(
        'STREAM.GONE',
        `the source no longer has ${name} of its log, which now begins with ${first}`,
        {
          fix: 'It was purged or reset. The gap cannot be closed: abort with --drop and start again. Keep logs longer before: SET GLOBAL binlog_expire_logs_seconds.',
        },
      );
    }
    if (size < at) {
      throw new MigrateError(
        'STREAM.GONE',
        `${name} of the source ends at ${size}, before ${at}: its log was reset, or it was restored or failed over`,
      );
    }
    return files;
  }

  /** `timeoutMs`: how long the source may take to answer. */
  start(intervalMs: number, timeoutMs: number, watcher: Watcher): void {
    let askedAt: number | undefined;
    const failed = (error: MigrateError): void => {
      if (this.#closed) return;
      clearInterval(this.#timer);
      watcher.failed(error);
    };
    this.#timer = setInterval(() => {
      if (askedAt !== undefined) {
        if (performance.now() - askedAt > timeoutMs) failed(new MigrateError('STREAM.SILENT', UNANSWERED));
        return;
      }
      askedAt = performance.now();
      // Before the question: what is read meanwhile may be newer than the answer.
      const reached = watcher.reached();
      this.check(reached).then(
        (files) => {
          askedAt = undefined;
          watcher.looked(files);
        },
        (error: unknown) => {
          const isGone = error instanceof MigrateError && error.code === 'STREAM.GONE';
          failed(isGone ? error : new MigrateError('SOURCE.CONNECTION', UNANSWERED, { cause: error }));
        },
      );
    }, intervalMs);
  }

  /** Safe to call twice. */
  close(): void {
    this.#closed = true;
    clearInterval(this.#timer);
    this.#connection.destroy();
  }
}
