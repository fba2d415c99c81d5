// The status as server-sent events, twice a second. A watcher begins with a whole status; then it gets what changed. One that
// reads too slowly misses events and gets a whole status when it has caught up, so nothing piles up for it.

import type { StatusSnapshot } from '../observe/status.ts';
import type { Sample } from './history.ts';

const PERIOD_MS = 500;
/** More browsers than people who watch: whoever opens still more has to close one. */
const MOST_WATCHERS = 32;
/** Of one that takes nothing any more. */
const PATIENCE_MS = 60_000;

interface Watcher {
  readonly controller: ReadableStreamDefaultController<Uint8Array>;
  /** It missed something, or has nothing yet. */
  behind: boolean;
  /** When it last had room. */
  readyAt: number;
}

export interface FeedOptions {
  readonly read: () => StatusSnapshot;
  readonly history: () => readonly Sample[];
  /** Takes secrets out of a text. */
  readonly scrub: (text: string) => string;
}

export class StatusFeed {
  readonly #options: FeedOptions;
  readonly #watchers = new Set<Watcher>();
  /** What watchers have of each table, as JSON. */
  #tables = new Map<string, string>();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: FeedOptions) {
    this.#options = options;
  }

  get watchers(): number {
    return this.#watchers.size;
  }

  /** Undefined when there are too many watchers. The stream ends with the feed. */
  watch(): ReadableStream<Uint8Array> | undefined {
    if (this.#watchers.size >= MOST_WATCHERS) return undefined;
    let watcher: Watcher;
    return new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          watcher = { controller, behind: true, readyAt: performance.now() };
          this.#watchers.add(watcher);
          this.#timer ??= setInterval(() => this.tick(), PERIOD_MS).unref();
          this.tick();
        },
        cancel: () => this.#forget(watcher),
      },
      { highWaterMark: 1 },
    );
  }

  /** Sends what has changed to all who have room. */
  tick(): void {
    const { tables, conditions, ...rest } = this.#options.read();
    const before = this.#tables;
    this.#tables = new Map(Object.entries(tables).map(([id, table]) => [id, JSON.stringify([table, conditions[id]])]));
    const gone = [...before.keys()].some((id) => !this.#tables.has(id));
    const changed = Object.keys(tables).filter((id) => this.#tables.get(id) !== before.get(id));
    const picked = <T>(all: Readonly<Record<string, T>>): Readonly<Record<string, T>> =>
      Object.fromEntries(changed.flatMap((id) => (all[id] === undefined ? [] : [[id, all[id]]])));
    const shared = { ...rest, at: Date.now() };
    const whole = this.#event('status', () => ({ ...shared, tables, conditions, history: this.#options.history() }));
    const change = this.#event('change', () => ({
      ...shared,
      tables: picked(tables),
      conditions: picked(conditions),
    }));
    for (const watcher of [...this.#watchers]) this.#send(watcher, watcher.behind || gone ? whole : change);
  }

  #send(watcher: Watcher, event: () => Uint8Array): void {
    const now = performance.now();
    if ((watcher.controller.desiredSize ?? 0) > 0) {
      watcher.controller.enqueue(event());
      watcher.behind = false;
      watcher.readyAt = now;
    } else {
      watcher.behind = true;
      if (now - watcher.readyAt > PATIENCE_MS) this.#end(watcher);
    }
  }

  /** Written once, for all who get it, when the first one does. */
  #event(name: string, data: () => object): () => Uint8Array {
    let bytes: Uint8Array | undefined;
    return () => {
      bytes ??= new TextEncoder().encode(`event: ${name}\ndata: ${this.#options.scrub(JSON.stringify(data()))}\n\n`);
      return bytes;
    };
  }

  #end(watcher: Watcher): void {
    this.#forget(watcher);
    watcher.controller.close();
  }

  #forget(watcher: Watcher): void {
    this.#watchers.delete(watcher);
    if (this.#watchers.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#tables.clear();
  }

  /** Tells everybody how it stands, and ends their streams. */
  close(): void {
    if (this.#watchers.size > 0) this.tick();
    for (const watcher of [...this.#watchers]) this.#end(watcher);
  }
}
