// Clients that write on the source of a storm until it is closed for good, and note what they were told. Another one
// knocks at the target all the time: once it is let in, the source must not take anything any more.

import { finished } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';
import type { Random } from './random.ts';
import type { StormTable } from './schema.ts';
import { type Step, type Transaction, transaction } from './statements.ts';

export interface Told {
  readonly token: string;
  readonly outcome: 'ok' | 'fail' | 'unknown';
  /** When its first statement was sent, on the clock of this process. */
  readonly beganAt: number;
}

export interface StormWritersOptions {
  readonly sourceUrl: string;
  readonly targetUrl: string;
  readonly tables: readonly StormTable[];
  /** Quoted names of the ledger on both sides. */
  readonly ledgers: readonly [source: string, target: string];
  readonly clients: number;
}

export const KNOCK = 'knock';
// Quick at first, then as fast as any run can follow on a busy machine.
const QUICK = { transactions: 80, pauseMs: 12 };
const STEADY_PAUSE_MS = 90;
const KNOCK_PAUSE_MS = 60;

export class StormWriters {
  readonly told: Told[] = [];
  /** Refusals by SQLSTATE. */
  readonly refusals: Record<string, number> = {};
  readonly #options: StormWritersOptions;
  readonly #working: Promise<unknown>;
  readonly #looks = new Set<() => void>();
  #confirmed = 0;
  #stopping = false;
  /** When the target's answer came. */
  letInAt: number | undefined;

  constructor(random: Random, options: StormWritersOptions) {
    this.#options = options;
    const clients = Array.from({ length: options.clients }, (_, number) =>
      this.#client(random.fork(`client ${number}`), number),
    );
    this.#working = Promise.all([...clients, this.#knock()]);
    this.#working.catch(() => undefined);
  }

  /** Resolves when so many more transactions were confirmed, or none can be any more. */
  more(count: number): Promise<void> {
    const goal = this.#confirmed + count;
    return this.#until(() => this.#confirmed >= goal);
  }

  /** Resolves when the target has let somebody in. */
  knocked(): Promise<void> {
    return this.#until(() => this.letInAt !== undefined);
  }

  /** Ends the clients after the transaction they are in; rejects when one met what it does not know. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#look();
    await this.#working;
  }

  #until(reached: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (!reached() && !this.#stopping) return;
        this.#looks.delete(look);
        resolve();
      };
      this.#looks.add(look);
      look();
    });
  }

  #look(): void {
    for (const look of [...this.#looks]) look();
  }

  async #client(random: Random, number: number): Promise<void> {
    let client: pg.Client | undefined;
    for (let count = 0; !this.#stopping; count++) {
      const what = transaction(random, this.#options.tables);
      const token = `${number}.${count}`;
      const beganAt = performance.now();
      let ending = false;
      try {
        client ??= await connect(this.#options.sourceUrl);
        await this.#work(client, token, what);
        ending = what.end === 'COMMIT';
        const { command } = await client.query(what.end);
        const done = command === 'COMMIT';
        this.told.push({ token, outcome: done ? 'ok' : 'fail', beganAt });
        if (done) this.#confirmed++;
      } catch (error) {
        const code = codeOf(error);
        this.refusals[code] = (this.refusals[code] ?? 0) + 1;
        // Only the server's own answer says that a commit failed.
        this.told.push({ token, outcome: ending && /^(08|57)/.test(code) ? 'unknown' : 'fail', beganAt });
        if (/^(08|57P|25P03)/.test(code)) {
          await client?.end().catch(() => undefined);
          client = undefined;
        } else await client?.query('ROLLBACK').catch(() => undefined);
      }
      this.#look();
      await sleep(count < QUICK.transactions ? QUICK.pauseMs : STEADY_PAUSE_MS);
    }
    await client?.end().catch(() => undefined);
  }

  async #work(client: pg.Client, token: string, { steps, holdFor }: Transaction): Promise<void> {
    await client.query('BEGIN');
    await client.query(`INSERT INTO ${this.#options.ledgers[0]} VALUES ($1)`, [token]);
    for (const step of steps) await (step.guarded ? guard(client, step) : perform(client, step));
    if (holdFor > 0) await Promise.race([this.more(holdFor), sleep(3_000, undefined, { ref: false })]);
  }

  async #knock(): Promise<void> {
    while (!this.#stopping && this.letInAt === undefined) {
      try {
        const client = await connect(this.#options.targetUrl);
        try {
          await client.query(`INSERT INTO ${this.#options.ledgers[1]} VALUES ('${KNOCK}')`);
          this.letInAt = performance.now();
          this.#look();
        } finally {
          await client.end();
        }
      } catch {
        // Not yet.
      }
      await sleep(KNOCK_PAUSE_MS);
    }
  }
}

async function connect(connectionString: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString, application_name: 'storm', connectionTimeoutMillis: 5_000 });
  client.on('error', () => undefined);
  await client.connect();
  await client.query("SET lock_timeout = '3s'; SET deadlock_timeout = '50ms'");
  return client;
}

async function guard(client: pg.Client, step: Step): Promise<void> {
  await client.query('SAVEPOINT s');
  try {
    await perform(client, step);
    await client.query('RELEASE s');
  } catch (error) {
    if (/^(08|57|25006)/.test(codeOf(error))) throw error;
    await client.query('ROLLBACK TO s');
  }
}

async function perform(client: pg.Client, { text, copied }: Step): Promise<void> {
  if (copied === undefined) {
    await client.query(text);
    return;
  }
  const parts: Buffer[] = [];
  for await (const part of client.query(copyTo(copied))) parts.push(part as Buffer);
  const stream = client.query(copyFrom(text));
  stream.end(Buffer.concat(parts));
  await finished(stream);
}

/** The SQLSTATE; 08000 where the connection failed without one. */
function codeOf(error: unknown): string {
  const code = typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';
  return /^[0-9A-Z]{5}$/.test(code) && code !== 'EPIPE' ? code : '08000';
}
