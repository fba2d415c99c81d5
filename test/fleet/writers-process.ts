// The process of the live writers: clients that commit, note what they were told, and move to the other database when
// theirs refuses. Shares no code with the product.

import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { shop } from './workloads/shop.ts';
import { torture } from './workloads/torture.ts';
import { ADD_TO_LEDGER, type Step, type Write, wrote } from './workloads/workload.ts';
import type { Outcome, WriteRecord, WritersOptions, WritersProgress } from './writers.ts';

const WORKLOADS = { shop, torture };
const PAUSE_MS = 20;
// Refused here, perhaps welcome there: read only, no table yet, connection lost or refused, shutting down.
const ELSEWHERE = /^(25006|42P01|3F000|3D000|08|57P|53300)/;

/** The rows of one client, by table, with a cheap random pick. */
class Owned {
  readonly #keys = new Map<string, string[]>();

  pick(table: string, place: number, taken: ReadonlySet<string>): string | undefined {
    const keys = this.#keys.get(table) ?? [];
    for (let tries = 0; tries < Math.min(keys.length, 8); tries++) {
      const key = keys[(place + tries) % keys.length] ?? '';
      if (!taken.has(`${table} ${key}`)) return key;
    }
    return undefined;
  }

  apply(write: Write): void {
    this.forget(write);
    if (write.removes) return;
    const keys = this.#keys.get(write.table);
    if (keys === undefined) this.#keys.set(write.table, [write.key]);
    else keys.push(write.key);
  }

  forget({ table, key }: Write): void {
    const keys = this.#keys.get(table);
    const place = keys?.indexOf(key) ?? -1;
    const last = place >= 0 ? keys?.pop() : undefined;
    if (keys !== undefined && last !== undefined && last !== key) keys[place] = last;
  }
}

class Refusal extends Error {
  readonly code: string;
  readonly inCommit: boolean;

  constructor(error: unknown, inCommit: boolean) {
    super(error instanceof Error ? error.message : String(error), { cause: error });
    // Without SQLSTATE the connection failed (EPIPE only looks like one).
    const code = typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';
    this.code = /^[0-9A-Z]{5}$/.test(code) && code !== 'EPIPE' ? code : '08000';
    this.inCommit = inCommit;
  }

  /** Only the server's own answer says that a commit failed; a shutdown may come after it. */
  get outcome(): Outcome {
    return this.inCommit && /^(08|57)/.test(this.code) ? 'unknown' : 'fail';
  }
}

class Writer {
  readonly #options: WritersOptions;
  readonly #number: number;
  readonly #note: (record: WriteRecord) => void;
  readonly #owned = new Owned();
  #seed: number;
  #client: pg.Client | undefined;
  #side: 'source' | 'target' = 'source';

  constructor(options: WritersOptions, number: number, note: (record: WriteRecord) => void) {
    this.#options = options;
    this.#number = number;
    this.#note = note;
    this.#seed = options.seed * 1_000 + number;
    const { clients, rows } = options;
    for (const write of WORKLOADS[options.workload].owned({ client: number, clients, rows })) this.#owned.apply(write);
  }

  async run(stopping: () => boolean): Promise<void> {
    const everyMs = (1_000 * this.#options.clients) / this.#options.rate;
    let due = performance.now();
    for (let count = 0; !stopping(); count++) {
      await this.#turn(count);
      due = Math.max(due + everyMs, performance.now() - 500);
      const early = due - performance.now();
      if (early > 0) await sleep(early);
    }
    await this.#client?.end().catch(() => undefined);
  }

  async #turn(count: number): Promise<void> {
    const token = `${this.#options.seed}.${this.#number}.${count}`;
    const taken = new Set<string>();
    const steps = WORKLOADS[this.#options.workload].transaction({
      token,
      client: this.#number,
      count,
      random: (below) => this.#random(below),
      pick: (table) => {
        const key = this.#owned.pick(table, this.#random(1_000_003), taken);
        if (key !== undefined) taken.add(`${table} ${key}`);
        return key;
      },
    });
    const writes: Write[] = [];
    const side = this.#side;
    try {
      await this.#transaction(token, steps, writes);
      for (const write of writes) this.#owned.apply(write);
      this.#note({ client: this.#number, token, side, outcome: 'ok', code: '', writes });
    } catch (error) {
      const refusal = error instanceof Refusal ? error : new Refusal(error, false);
      // Rows of an unknown commit are left alone from now on, so that both outcomes can be told apart at the end.
      if (refusal.outcome === 'unknown') for (const write of writes) this.#owned.forget(write);
      this.#note({ client: this.#number, token, side, outcome: refusal.outcome, code: refusal.code, writes });
      await this.#recover(refusal);
    }
  }

  async #transaction(token: string, steps: readonly Step[], writes: Write[]): Promise<void> {
    this.#client ??= await this.#connect();
    const client = this.#client;
    await client.query('BEGIN');
    await client.query(ADD_TO_LEDGER, [token]);
    for (const step of steps) {
      const result = await client.query({ text: step.text, values: [...step.values] });
      // A row of ours that is gone is a lost write: noted under a code of our own.
      if (result.rowCount !== (step.rows ?? 1)) throw Object.assign(new Error('a row is gone'), { code: 'XGONE' });
      writes.push(...step.writes);
      if (step.returnsKeyOf !== undefined) writes.push(wrote(step.returnsKeyOf, result.rows[0].key as string));
    }
    try {
      const { command } = await client.query('COMMIT');
      if (command !== 'COMMIT') throw Object.assign(new Error(`answered ${command}`), { code: 'XROLL' });
    } catch (error) {
      throw new Refusal(error, true);
    }
  }

  async #connect(): Promise<pg.Client> {
    const url = this.#side === 'source' ? this.#options.sourceUrl : this.#options.targetUrl;
    const client = new pg.Client({ connectionString: url, application_name: 'writer', connectionTimeoutMillis: 5_000 });
    client.on('error', () => undefined);
    await client.connect();
    return client;
  }

  async #recover(refusal: Refusal): Promise<void> {
    const client = this.#client;
    if (ELSEWHERE.test(refusal.code)) {
      this.#client = undefined;
      await client?.end().catch(() => undefined);
      this.#side = this.#side === 'source' ? 'target' : 'source';
    } else await client?.query('ROLLBACK').catch(() => undefined);
    await sleep(PAUSE_MS);
  }

  /** mulberry32: the same seed makes the same transactions. */
  #random(below: number): number {
    this.#seed = (this.#seed + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#seed ^ (this.#seed >>> 15), 1 | this.#seed);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  }
}

async function work(options: WritersOptions, log: string): Promise<void> {
  const file = createWriteStream(log);
  const progress = { source: 0, target: 0, refused: 0 };
  const note = (record: WriteRecord): void => {
    file.write(`${JSON.stringify(record)}\n`);
    if (record.outcome === 'ok') progress[record.side]++;
    else progress.refused++;
  };
  let stopping = false;
  process.on('message', () => {
    stopping = true;
  });
  const report = setInterval(() => process.send?.({ ...progress } satisfies WritersProgress), 25);
  const writers = Array.from({ length: options.clients }, (_, number) => new Writer(options, number, note));
  await Promise.all(writers.map((writer) => writer.run(() => stopping)));
  clearInterval(report);
  file.end();
  await once(file, 'finish');
  process.send?.({ ...progress, done: true } satisfies WritersProgress);
}

// The terminal's Ctrl-C is for the tests; without them this process has no meaning.
process.on('SIGINT', () => undefined);
process.on('disconnect', () => process.exit());
process.once('message', (start: { options: WritersOptions; log: string }) => {
  work(start.options, start.log).catch((error: unknown) => {
    console.error(error);
    process.exit(1);
  });
});
