// Clients that write on the source of a storm between engines until it is closed for good, and note what they were told. Another
// one knocks at the target all the time: once it is let in, the source must not take anything any more.

import { setTimeout as sleep } from 'node:timers/promises';
import { openClient, sqlStateOf, type TextClient } from '../../fleet/text-client.ts';
import type { Random } from '../random.ts';
import type { Told } from '../writers.ts';
import { KNOCK } from '../writers.ts';
import type { StormSchema } from './schema.ts';
import { type Transaction, transaction } from './statements.ts';

export interface WritersOptions {
  readonly source: string;
  readonly target: string;
  readonly schema: StormSchema;
  readonly clients: number;
}

// Quick at first, then as fast as any run can follow on a busy machine.
const QUICK = { transactions: 60, pauseMs: 15 };
const STEADY_PAUSE_MS = 90;
const KNOCK_PAUSE_MS = 60;
/** Gone, or being gone: another session is needed. */
const LOST = /^(08|57|70100)/;
/** The server has undone the whole transaction, or will take none: closed, a deadlock. */
const WHOLE = /^(25006|40)/;

export class EngineWriters {
  readonly told: Told[] = [];
  /** Refusals by SQLSTATE. */
  readonly refusals: Record<string, number> = {};
  readonly #options: WritersOptions;
  readonly #working: Promise<unknown>;
  readonly #looks = new Set<() => void>();
  #confirmed = 0;
  #stopping = false;
  /** When the target's answer came. */
  letInAt: number | undefined;

  constructor(random: Random, options: WritersOptions) {
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

  /** Ends the clients after the transaction they are in. */
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
    let client: TextClient | undefined;
    for (let count = 0; !this.#stopping; count++) {
      const token = `${number}.${count}`;
      const what = transaction(random, this.#options.schema, token);
      const beganAt = performance.now();
      let ending = false;
      try {
        client ??= await connect(this.#options.source);
        await this.#work(client, what);
        ending = what.end === 'COMMIT';
        await client.query(what.end);
        this.told.push({ token, outcome: ending ? 'ok' : 'fail', beganAt });
        if (ending) this.#confirmed++;
      } catch (error) {
        const state = sqlStateOf(error);
        this.refusals[state] = (this.refusals[state] ?? 0) + 1;
        this.told.push({ token, outcome: ending && LOST.test(state) ? 'unknown' : 'fail', beganAt });
        // A session that does not answer is not one to go on with.
        const kept = !LOST.test(state) && (await client?.query('ROLLBACK').then(yes, no)) === true;
        if (!kept) {
          await client?.close();
          client = undefined;
        }
      }
      this.#look();
      await sleep(count < QUICK.transactions ? QUICK.pauseMs : STEADY_PAUSE_MS);
    }
    await client?.close();
  }

  async #work(client: TextClient, { steps, guarded, holdFor }: Transaction): Promise<void> {
    await client.query('BEGIN');
    for (const step of steps) await (guarded ? guard(client, step) : client.query(step));
    if (holdFor > 0) await Promise.race([this.more(holdFor), sleep(3_000, undefined, { ref: false })]);
  }

  async #knock(): Promise<void> {
    const { target, schema } = this.#options;
    let guarded = false;
    while (!this.#stopping && this.letInAt === undefined) {
      const client = await openClient(target).catch(() => undefined);
      try {
        // On MySQL a table stands open for a moment before it is closed, and what is written then is refused aloud.
        guarded ||= client !== undefined && (await isGuarded(client));
        if (client !== undefined && guarded) {
          await client.query(`INSERT INTO ${schema.onTarget('ledger')} VALUES ('${KNOCK}')`);
          this.letInAt = performance.now();
        }
        this.#look();
      } catch {
        // Not yet.
      } finally {
        await client?.close();
      }
      await sleep(KNOCK_PAUSE_MS);
    }
  }
}

const yes = (): boolean => true;
const no = (): boolean => false;

async function isGuarded(client: TextClient): Promise<boolean> {
  const { rows } = await client.query(`SELECT count(*) FROM information_schema.triggers
    WHERE event_object_table LIKE 'ledger%' AND event_object_schema <> 'migrate'`);
  return rows[0]?.[0] !== '0';
}

async function connect(url: string): Promise<TextClient> {
  const client = await openClient(url);
  const patience =
    client.kind === 'mysql'
      ? 'SET innodb_lock_wait_timeout = 3, lock_wait_timeout = 10'
      : "SET lock_timeout = '3s'; SET deadlock_timeout = '50ms'";
  await client.query(patience);
  return client;
}

async function guard(client: TextClient, step: string): Promise<void> {
  await client.query('SAVEPOINT s');
  try {
    await client.query(step);
    await client.query('RELEASE SAVEPOINT s');
  } catch (error) {
    const state = sqlStateOf(error);
    if (LOST.test(state) || WHOLE.test(state)) throw error;
    await client.query('ROLLBACK TO SAVEPOINT s');
  }
}
