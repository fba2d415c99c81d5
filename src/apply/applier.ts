// Applies a change stream to the target: reads ahead into a bounded buffer, prepares one batch while the one before it
// is written, and acknowledges only what is durable. It never retries: any error ends it, and opening again from the
// checkpoints is the retry.

import { MigrateError } from '../lib/errors.ts';
import { failpoint } from '../lib/failpoint.ts';
import type { Position } from '../model/position.ts';
import type { TableId } from '../model/table.ts';
import type { Shard } from '../stream/change-stream.ts';
import { Batcher } from './batch.ts';
import { CommitPoints } from './commit-points.ts';
import { createDeferred } from './deferred.ts';
import { HotSpots } from './hot-spots.ts';
import { LagMeter, showLag } from './lag.ts';
import { floorOf, Lanes } from './lanes.ts';
import type { ApplierOptions } from './options.ts';
import { Overlap } from './overlap.ts';
import { type PreparedBatch, Preparer, touched } from './prepare.ts';
import type { ChangeObserver, Replication } from './replication.ts';
import { Router } from './router.ts';
import { Waiters } from './waiters.ts';

/** Positions without rows are written at most this often, unless someone waits for them. */
const IDLE_MOVE_MS = 1_000;
const CLOSE_MS = 5_000;
/** A heartbeat that cannot be written brings no news: without looking again the last lag would stay on show. */
const LAG_EVERY_MS = 250;

interface Opened {
  readonly lanes: Lanes;
  /** Of the run, those of other processes included. */
  readonly laneCount: number;
  readonly overlap: Overlap;
  readonly commitPoints: CommitPoints;
  readonly preparer: Preparer;
  readonly hotSpots: HotSpots;
  readonly shard: Shard;
}

export class Applier implements Replication {
  readonly #options: ApplierOptions;
  readonly #batcher: Batcher;
  readonly #waiters = new Waiters();
  readonly #lag = new LagMeter();
  readonly #observers: ChangeObserver[] = [];
  readonly #failed = createDeferred<never>();
  readonly #halted = createDeferred<never>();
  readonly #stop = new AbortController();
  readonly #signal: AbortSignal;
  #barriers: (() => Promise<void>)[] = [];
  /** Markers met, of which something before them may not be durable yet. */
  #markers: string[] = [];
  #opened: Opened | undefined;
  #work: Promise<void> = Promise.resolve();
  /** What was read ends within a transaction: some of it may be on the target. */
  #isWithin = false;
  #head: Position | undefined;
  /** A position that was read but not yet written to the checkpoints, because no row came with it. */
  #idle: Position | undefined;
  #movedAtMs = 0;
  #idleTimer: NodeJS.Timeout | undefined;
  #lagTimer: NodeJS.Timeout | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: ApplierOptions) {
    this.#options = options;
    this.#batcher = new Batcher(options.limits);
    this.#signal = AbortSignal.any([options.signal, this.#stop.signal]);
  }

  /** Aborted when it has ended. */
  get signal(): AbortSignal {
    return this.#signal;
  }

  get failed(): Promise<never> {
    return this.#failed.promise;
  }

  /** Reads the checkpoints, opens the lanes and the stream, and begins. Rejects when one of them cannot be opened. */
  async start(): Promise<void> {
    const { stream, target, tables, settled = null, source, signal, deadLetters } = this.#options;
    signal.throwIfAborted();
    const checkpoints = await target.checkpoints();
    const { aside, share } = this.#options;
    const followed = tables.filter(({ id }) => !aside?.tables.has(id));
    const written = aside?.waits ? checkpoints.filter(({ lane }) => lane < aside.lanes) : checkpoints;
    // After the checkpoints: letters commit with them.
    await deadLetters?.load();
    const own = share === undefined ? written : written.filter(({ lane }) => share.has(lane));
    const lanes = await Lanes.open(target, own, stream.covers, deadLetters);
    const overlap = new Overlap({ tables: followed, settled, covers: stream.covers, ...source });
    const from = floorOf(
      (share === undefined ? checkpoints : own).map(({ position }) => position),
      stream.covers,
    );
    this.#isWithin = !stream.isWhole(from);
    const { covers } = stream;
    const opened = lanes.positions;
    const { homeward, limits } = this.#options;
    const { maxTransactionRows } = limits;
    const isWithin = this.#isWithin;
    const commitPoints = new CommitPoints({ covers, opened: [...opened.values()], isWithin, maxTransactionRows });
    const router = new Router(followed, aside?.lanes ?? written.length);
    const keepsRefused = deadLetters?.keepsRefused ?? false;
    const dropped = aside === undefined ? {} : { dropped: aside.tables };
    const routing = { router, homeward, shared: share !== undefined, ...dropped };
    const preparer = new Preparer({ covers, opened, overlap, commitPoints, keepsRefused, ...routing });
    try {
      // Not `for await`: leaving such a loop would close the stream.
      const shards = stream.open(async () => from, this.#signal)[Symbol.asyncIterator]();
      const first = await shards.next();
      if (first.done === true) throw new MigrateError('STREAM.SILENT', 'the stream ended before it began');
      const hotSpots = new HotSpots({ ...this.#options, lanes: opened.size, router });
      const laneCount = written.length;
      this.#opened = { lanes, laneCount, overlap, commitPoints, preparer, hotSpots, shard: first.value };
    } catch (error) {
      await lanes.close();
      throw error;
    }
    this.#lagTimer = setInterval(() => this.#reportLag(), LAG_EVERY_MS).unref();
    if (this.#stop.signal.aborted) clearInterval(this.#lagTimer);
    const abort = (): void => this.#fail(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    void this.#read(this.#opened.shard);
    this.#work = this.#run(this.#opened).catch((error: unknown) => {
      if (!this.#signal.aborted) this.#fail(error);
    });
    void this.#work.finally(() => signal.removeEventListener('abort', abort));
  }

  passed(position: Position): Promise<void> {
    if (this.#opened?.lanes.passed(position)) return Promise.resolve();
    const waiting = this.#waiters.passed(position);
    this.#batcher.nudge();
    return waiting;
  }

  met(marker: string): Promise<void> {
    return this.#waiters.met(marker);
  }

  async atBarrier<T>(work: () => Promise<T>): Promise<T> {
    const done = createDeferred<T>();
    this.#barriers.push(async () => {
      try {
        done.resolve(await work());
      } catch (error) {
        done.reject(error);
      }
    });
    this.#batcher.nudge();
    return Promise.race([done.promise, this.#halted.promise]);
  }

  observe(observer: ChangeObserver): void {
    this.#observers.push(observer);
  }

  /** True once every lane has passed the newest read of the copy: from then on the target is a past state of the source. */
  overlapOver(): boolean {
    if (this.#opened === undefined) return false;
    const { lanes, overlap } = this.#opened;
    return overlap.newest === undefined || lanes.passed(overlap.newest);
  }

  /** Resolves when the overlap is over. */
  async overlapPassed(): Promise<void> {
    for (let end = this.#opened?.overlap.newest; end !== undefined && !this.overlapOver(); ) {
      await this.passed(end);
      end = this.#opened?.overlap.newest;
    }
  }

  /** The position every lane has durably reached. */
  get position(): Position | undefined {
    return this.#opened?.lanes.floor;
  }

  /** Say so just before the marker `heartbeat:<id>` is written; `madeAtMs` is performance.now(). */
  noteHeartbeat(id: string, madeAtMs: number): void {
    this.#lag.note(id, madeAtMs);
    this.#reportLag();
  }

  /** The source's position now, for the lag in bytes. */
  setHead(position: Position): void {
    this.#head = position;
    this.#reportLag();
  }

  /** Stops reading, lets a running commit finish, closes the lanes. Whoever waits is rejected. Safe to call twice. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#halt(new MigrateError('INTERRUPTED', 'the apply was closed'));
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, CLOSE_MS);
    });
    await Promise.race([this.#work, late]);
    clearTimeout(timer);
    await this.#opened?.lanes.close();
  }

  #fail(reason: unknown): void {
    this.#failed.reject(reason);
    this.#halt(reason);
  }

  #halt(reason: unknown): void {
    clearTimeout(this.#idleTimer);
    clearInterval(this.#lagTimer);
    this.#waiters.fail(reason);
    this.#halted.reject(reason);
    this.#stop.abort(reason);
    this.#batcher.end();
    this.#reportLag();
  }

  async #read(shard: Shard): Promise<void> {
    try {
      for await (const run of shard.changes) {
        const rows = run.reduce((sum, { changes }) => sum + changes.length, 0);
        this.#options.status.update(({ stream }) => {
          stream.read += rows;
        });
        await this.#batcher.add(run);
        if (this.#signal.aborted) return;
      }
      if (!this.#signal.aborted) throw new MigrateError('STREAM.SILENT', 'the stream ended');
    } catch (error) {
      if (!this.#signal.aborted) this.#fail(error);
    }
  }

  /** Prepares one batch ahead of the one that is written. */
  async #run(opened: Opened): Promise<void> {
    let next = this.#next(opened, Promise.resolve());
    for (;;) {
      const batch = await next;
      if (batch === undefined) return;
      const written = createDeferred<void>();
      next = this.#next(opened, written.promise);
      next.catch(() => undefined);
      await this.#handle(opened, batch);
      if (this.#signal.aborted) return;
      written.resolve();
    }
  }

  async #next({ commitPoints, preparer }: Opened, writerFree: Promise<void>): Promise<PreparedBatch | undefined> {
    const batch = await this.#batcher.next(writerFree, ({ position }) => commitPoints.reachesCeiling(position));
    return batch === undefined ? undefined : preparer.prepare(batch);
  }

  async #handle(opened: Opened, batch: PreparedBatch): Promise<void> {
    const { lanes } = opened;
    const { commitAt } = batch;
    if (batch.sentHome.length > 0) await this.#sendHome(opened, batch.sentHome);
    this.#isWithin = batch.isWithin;
    if (batch.work.length > 0 || (lanes.isOpen && commitAt !== undefined)) await this.#write(opened, batch);
    else if (commitAt !== undefined) this.#idle = commitAt;
    this.#markers.push(...batch.markers);
    if (lanes.isOpen) return;
    await this.#moveIdle(opened);
    this.#refuseLanes(opened);
    if (this.#isWithin) return;
    this.#meet();
    if (lanes.isLevel) await this.#passBarriers();
  }

  async #sendHome(opened: Opened, tables: readonly TableId[]): Promise<void> {
    const { lanes } = opened;
    const { journal, log } = this.#options;
    const idle = this.#idle;
    if (idle !== undefined) await this.#settle(opened, idle, () => lanes.move(idle));
    // What a lane that is behind would read again would go to other lanes than before.
    if (!lanes.isLevel) throw new MigrateError('INTERNAL.BUG', 'tables change lanes while the lanes are apart');
    await journal.sendHome(tables);
    for (const table of tables) log.info('from now on one lane writes the table', { table });
  }

  #refuseLanes({ lanes, laneCount }: Opened): void {
    const { aside, limits, share } = this.#options;
    if (aside?.waits || share !== undefined || !lanes.isLevel) return;
    if (laneCount === limits.lanes && (aside === undefined || aside.lanes === laneCount)) return;
    throw new MigrateError('APPLY.LANES', `the run goes from ${laneCount} lanes to ${limits.lanes}`);
  }

  async #moveIdle(opened: Opened): Promise<void> {
    const idle = this.#idle;
    if (idle === undefined) return;
    // Who leads reads in the checkpoints how far the lanes of others are: a marker is what it asks with.
    const isAsked = this.#options.share !== undefined && this.#markers.length > 0;
    const isDue = isAsked || performance.now() - this.#movedAtMs >= IDLE_MOVE_MS;
    if (isDue || !this.#waiters.isEmpty) await this.#settle(opened, idle, () => opened.lanes.move(idle));
    else this.#idleTimer ??= setTimeout(() => this.#batcher.nudge(), IDLE_MOVE_MS);
  }

  async #write(opened: Opened, batch: PreparedBatch): Promise<void> {
    const { lanes, hotSpots } = opened;
    const { work, commitAt, firstPart } = batch;
    hotSpots.count(work, performance.now());
    // Never within a transaction: its locks would be held for as long as the gate is.
    if (!lanes.isOpen) await this.#options.gate.pass(this.#signal);
    await failpoint('apply.begin');
    for (const observer of this.#observers) {
      touched(
        work,
        (table, key) => observer.changed(table, key),
        (table) => observer.truncated(table),
      );
    }
    if (commitAt === undefined) {
      await this.#timed(batch, () => lanes.write(work, undefined));
      return;
    }
    const splits = firstPart === undefined ? 0 : 1;
    await this.#settle(opened, commitAt, () => this.#timed(batch, () => lanes.write(work, commitAt, splits)));
    if (firstPart !== undefined) this.#announceParts(commitAt, firstPart);
  }

  async #timed<T>({ size }: PreparedBatch, write: () => Promise<T>): Promise<T> {
    const began = performance.now();
    const result = await write();
    this.#options.gate.spent?.({ ...size, sinceMs: began });
    this.#options.status.update(({ stream }) => {
      stream.batches++;
      stream.writeSeconds += (performance.now() - began) / 1_000;
    });
    return result;
  }

  #announceParts(position: Position, rows: number): void {
    const { log, status } = this.#options;
    log.warn('a large transaction is committed in parts: readers of the target see it in part until its end', {
      position,
      rows,
    });
    status.update(({ stream }) => {
      stream.splitTransactions++;
    });
  }

  /** Makes `position` durable by `commit`, then tells everyone. */
  async #settle({ lanes, shard }: Opened, position: Position, commit: () => Promise<number>): Promise<void> {
    const changes = await commit();
    await failpoint('apply.after_commit');
    this.#idle = undefined;
    this.#movedAtMs = performance.now();
    clearTimeout(this.#idleTimer);
    this.#idleTimer = undefined;
    this.#options.status.update(({ stream }) => {
      stream.changes += changes;
      stream.movedAtMs = Date.now();
    });
    await failpoint('ack.before');
    // Where a transaction begins the source knows; where we are in it is our concern.
    const { aside, share, stream } = this.#options;
    const isOfAll = !aside?.waits && share === undefined;
    if (isOfAll && stream.isWhole(position)) shard.ack(position);
    await failpoint('ack.after');
    this.#waiters.settlePositions((waiting) => lanes.passed(waiting));
    this.#reportLag();
  }

  /** No transaction is open: what stands before the markers is durable, whether or not the checkpoints have moved past them. */
  #meet(): void {
    const markers = this.#markers;
    if (markers.length === 0) return;
    this.#markers = [];
    for (const marker of markers) {
      this.#waiters.settleMarker(marker);
      this.#lag.met(marker, performance.now());
    }
    this.#reportLag();
  }

  async #passBarriers(): Promise<void> {
    const barriers = this.#barriers;
    this.#barriers = [];
    for (const work of barriers) await work();
  }

  /** Unknown as soon as the apply has ended: nothing measures it any more. */
  #reportLag(): void {
    const now = performance.now();
    this.#opened?.hotSpots.look(now);
    // Of some lanes it says nothing of the run.
    if (this.#options.share !== undefined) return;
    const isOver = this.#stop.signal.aborted;
    // Not what was read without anything to write: a transaction that ends after it may have its bytes before it.
    const applied = isOver ? undefined : this.position;
    showLag(this.#options, { seconds: isOver ? null : this.#lag.seconds(now), head: this.#head, applied });
  }
}
