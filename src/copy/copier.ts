// Copies every chunk that is not done, as far as no other process has claimed it. Each pipeline owns one reader and two loaders and
// takes the next chunk of the queue. The first failure stops all and is rethrown when the last has stopped; what was committed stays.

import type { ChunkBytes, ChunkReader, Start } from '../databases/source.ts';
import type { Loader, Target } from '../databases/target.ts';
import type { Passage } from '../health/gate.ts';
import type { TableProgress } from '../journal/journal.ts';
import { Closer } from '../lib/closer.ts';
import { MigrateError } from '../lib/errors.ts';
import { failpoint } from '../lib/failpoint.ts';
import type { Table } from '../model/table.ts';
import type { RunStatus } from '../observe/status.ts';
import { showCopied } from './copied.ts';
import { type Claims, pendingTasks, SOLE, type Task, TaskQueue } from './queue.ts';

export interface CopyOptions {
  readonly tables: readonly Table[];
  /** Of every table, planned. */
  readonly progress: readonly TableProgress[];
  readonly start: Start;
  readonly target: Pick<Target, 'loader'>;
  /** Asked before chunks are copied. Default: no other process copies these tables. */
  readonly claims?: Claims;
  /** How many chunks are copied at the same time; each takes one connection to the source and two to the target. */
  readonly readers: number;
  readonly gate: Passage;
  readonly status: RunStatus;
  readonly signal: AbortSignal;
}

/**
 * Resolves when all is copied that could be claimed. Rejects with SNAPSHOT.LOST when the snapshot goes: the rest is then copied
 * from a new one.
 */
export async function copyTables(options: CopyOptions): Promise<void> {
  const tasks = pendingTasks(options.tables, options.progress);
  showCopied(options);
  if (tasks.length === 0) return;
  const abort = new AbortController();
  const stop = (reason: unknown): void => abort.abort(reason);
  const interrupt = (): void => stop(options.signal.reason);
  options.signal.addEventListener('abort', interrupt, { once: true });
  if (options.signal.aborted) interrupt();
  options.start.lost.catch((error: unknown) => stop(snapshotLost(error)));
  const queue = new TaskQueue(tasks, options.claims ?? SOLE, options.readers);
  const count = Math.min(options.readers, tasks.length);
  const shared = { ...options, abort, clock: clock(options.status) };
  const pipelines = Array.from({ length: count }, () => work(shared, queue).catch(stop));
  await Promise.all(pipelines);
  options.signal.removeEventListener('abort', interrupt);
  abort.signal.throwIfAborted();
}

interface Shared extends CopyOptions {
  readonly abort: AbortController;
  /** Brings the seconds in the status up to date. */
  readonly clock: () => void;
}

interface Pipeline extends Shared {
  readonly reader: ChunkReader;
}

/**
 * One reader and two loaders that take turns: while one still writes and commits a chunk, the next chunk is read into the
 * other. Otherwise both servers would be idle for every commit.
 */
async function work(options: Shared, queue: TaskQueue): Promise<void> {
  const { abort } = options;
  const closer = new Closer();
  let loading = Promise.resolve();
  let before = Promise.resolve();
  try {
    abort.signal.throwIfAborted();
    const reader = await closer.open(options.start.reader());
    let loader = await closer.open(options.target.loader());
    let other = await closer.open(options.target.loader());
    const pipeline = { ...options, reader };
    for (let task = await queue.next(); task !== undefined; task = await queue.next()) {
      await before;
      await options.gate.pass(abort.signal);
      abort.signal.throwIfAborted();
      const { readerFree, done } = copyChunk(pipeline, loader, task);
      [before, loading] = [loading, done];
      [loader, other] = [other, loader];
      await readerFree;
    }
  } finally {
    await Promise.all([before, loading]);
    await closer.close().catch(() => undefined);
  }
}

/** Begins one chunk. `done` never rejects: a failure aborts all of them. */
function copyChunk(
  pipeline: Pipeline,
  loader: Loader,
  task: Task,
): { readonly readerFree: Promise<void>; readonly done: Promise<void> } {
  const { signal } = pipeline.abort;
  const sinceMs = performance.now();
  let bytes = 0;
  const read = pipeline.reader.read(task.table, task.chunk.range, (count) => {
    bytes += count;
    pipeline.status.copied(task.table.id, 0, count);
    pipeline.clock();
  });
  const closed = new Promise<void>((resolve) => read.bytes.once('close', resolve));
  // A failure before the loader takes the stream is kept in the stream, and must not end the process.
  read.bytes.on('error', () => undefined);
  const stop = (): void => {
    read.bytes.destroy(signal.reason);
  };
  signal.addEventListener('abort', stop, { once: true });
  const done = loadChunk(pipeline, { loader, task, read })
    .then((rows) => pipeline.gate.spent?.({ rows, bytes, sinceMs }))
    .catch((error: unknown) => pipeline.abort.abort(error))
    .finally(() => {
      signal.removeEventListener('abort', stop);
      read.bytes.destroy();
    });
  // A stream that was cut leaves the reader unusable; its load then fails and stops them all.
  return { readerFree: closed.then(() => (read.bytes.readableEnded ? undefined : done)), done };
}

async function loadChunk(
  { start, status }: Pipeline,
  { loader, task, read }: { readonly loader: Loader; readonly task: Task; readonly read: ChunkBytes },
): Promise<number> {
  await failpoint('chunk.read');
  const rows = await loader.load(task.table, task.chunk, start.at, read);
  status.copied(task.table.id, rows, 0);
  status.update(({ tables }) => {
    const entry = tables[task.table.id];
    if (entry !== undefined) entry.chunksDone++;
  });
  return rows;
}

function clock(status: RunStatus): () => void {
  const before = status.snapshot().snapshot.seconds;
  const began = performance.now();
  return () =>
    status.update((value) => {
      value.snapshot.seconds = before + (performance.now() - began) / 1_000;
    });
}

function snapshotLost(error: unknown): MigrateError {
  if (error instanceof MigrateError && error.code === 'SNAPSHOT.LOST') return error;
  return new MigrateError('SNAPSHOT.LOST', 'the connection that held the snapshot broke', { cause: error });
}
