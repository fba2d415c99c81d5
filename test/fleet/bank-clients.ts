// Clients of a bank: each has rows that nobody else touches, notes what the server confirmed, and moves to the other server when
// its own refuses. What they were told is looked for afterwards.

import { setTimeout as sleep } from 'node:timers/promises';
import { BANK, document, newKey, OPENING, readBank } from './bank.ts';
import { openClient, sqlStateOf, type TextClient } from './text-client.ts';

type Side = 'source' | 'target';

/** A row and the token that the transaction left in it; null when it took the row away. */
type Write = readonly [table: string, key: string, token: string | null];

interface Told {
  readonly token: string;
  readonly outcome: 'ok' | 'refused' | 'unknown';
  readonly state: string;
  readonly writes: readonly Write[];
}

export interface BankOptions {
  readonly source: string;
  readonly target: string;
  /** Where the target's rows are read, if elsewhere. */
  readonly readAt?: string;
  /** As in `openBank`. */
  readonly accounts: number;
  readonly clients?: number;
  /** Between two transactions of a client. */
  readonly pauseMs?: number;
}

// Refused here, perhaps welcome there: closed, no table or database yet, connection lost or refused.
const ELSEWHERE = /^(25006|42S02|42P01|3F000|08|57P|HY000)/;
/** What a client may meet without a fault of the run: the two sides are one after the other, never both. */
const EXPECTED = /^(25006|42S02|42P01|3F000|08|57P|40001)/;

export class BankClients {
  readonly #clients: readonly BankClient[];
  readonly #told: Told[] = [];
  readonly #counts: Record<Side, number> = { source: 0, target: 0 };
  readonly #looks = new Set<() => void>();
  readonly #work: Promise<unknown>;
  #stopping = false;
  readonly #target: string;

  constructor({ source, target, readAt = target, accounts, clients = 3, pauseMs = 30 }: BankOptions) {
    this.#target = readAt;
    const note = (side: Side, told: Told): void => {
      this.#told.push(told);
      if (told.outcome === 'ok') this.#counts[side]++;
      for (const look of [...this.#looks]) look();
    };
    this.#clients = Array.from({ length: clients }, (_, number) => {
      const owned = Array.from({ length: accounts }, (_, index) => index + 1).filter((id) => id % clients === number);
      return new BankClient({ number, urls: { source, target }, accounts: owned, note });
    });
    this.#work = Promise.all(this.#clients.map((client) => client.run(() => this.#stopping, pauseMs)));
    this.#work.catch(() => undefined);
  }

  /** Resolves when so many more transactions were confirmed on that side. */
  async more(side: Side, count: number): Promise<void> {
    const goal = this.#counts[side] + count;
    let look = (): void => undefined;
    const reached = new Promise<void>((resolve) => {
      look = () => {
        if (this.#counts[side] >= goal) resolve();
      };
    });
    this.#looks.add(look);
    await Promise.race([reached, this.#work]);
    this.#looks.delete(look);
    if (this.#counts[side] < goal) throw new Error(`the clients ended with ${JSON.stringify(this.#counts)}`);
  }

  /** Ends the clients after the transaction that each is in. Safe to call twice. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#work;
  }

  /** What was confirmed and is not on the target as it was left, or is there without having been confirmed. */
  async unkept(): Promise<{ readonly confirmed: number; readonly faults: readonly string[] }> {
    await this.stop();
    const faults: string[] = [];
    const tables = new Map(
      await Promise.all(Object.keys(BANK).map(async (table) => [table, await readBank(this.#target, table)] as const)),
    );
    const ledger = [...(tables.get('ledger')?.values() ?? [])].map((row) => row.at(-1));
    const known = new Set(ledger);
    if (known.size !== ledger.length) faults.push('a transaction is in the ledger twice');
    const last = new Map<string, Write>();
    for (const { token, outcome, state, writes } of this.#told) {
      const isThere = known.has(token);
      if (outcome === 'ok' && !isThere) faults.push(`${token} was confirmed and is not in the ledger`);
      if (outcome === 'refused' && isThere) faults.push(`${token} was refused and is in the ledger`);
      if (outcome === 'refused' && !EXPECTED.test(state)) faults.push(`${token} was refused with ${state}`);
      if (isThere) for (const write of writes) last.set(`${write[0]} ${write[1]}`, write);
    }
    for (const [table, key, token] of last.values()) {
      const found = tables.get(table)?.get(key)?.at(-1) ?? null;
      if (found !== token) faults.push(`${table} ${key}: ${found} instead of ${token}`);
    }
    const accounts = [...(tables.get('accounts')?.values() ?? [])];
    const sum = accounts.reduce((total, row) => total + Math.round(Number(row[2]) * 10_000), 0);
    const opened = accounts.filter((row) => Number(row[0]) < 1_000_000).length;
    if (sum !== opened * OPENING * 10_000)
      faults.push(`the accounts hold ${sum / 10_000} instead of ${opened * OPENING}`);
    return { confirmed: this.#told.filter(({ outcome }) => outcome === 'ok').length, faults: faults.slice(0, 20) };
  }
}

interface ClientOptions {
  readonly number: number;
  readonly urls: Readonly<Record<Side, string>>;
  readonly accounts: readonly number[];
  readonly note: (side: Side, told: Told) => void;
}

class BankClient {
  readonly #options: ClientOptions;
  #accounts: readonly number[];
  #documents: readonly string[] = [];
  #side: Side = 'source';
  #session: TextClient | undefined;
  #count = 0;

  constructor(options: ClientOptions) {
    this.#options = options;
    this.#accounts = options.accounts;
  }

  async run(stopping: () => boolean, pauseMs: number): Promise<void> {
    while (!stopping()) {
      await this.#turn();
      await sleep(pauseMs);
    }
    await this.#session?.close();
  }

  async #turn(): Promise<void> {
    const { number, note, urls } = this.#options;
    const token = `${number}.${this.#count++}`;
    const writes: Write[] = [];
    const side = this.#side;
    let committing = false;
    try {
      this.#session ??= await openClient(urls[side]);
      const session = this.#session;
      await session.query('BEGIN');
      await session.query(`INSERT INTO work.ledger (token) VALUES ('${token}')`);
      const kept = await this.#transaction(session, token, writes);
      committing = true;
      await session.query('COMMIT');
      kept();
      note(side, { token, outcome: 'ok', state: '', writes });
    } catch (error) {
      const state = sqlStateOf(error);
      const outcome = committing && /^(08|57P)/.test(state) ? 'unknown' : 'refused';
      note(side, { token, outcome, state, writes });
      if (ELSEWHERE.test(state)) {
        await this.#session?.close();
        this.#session = undefined;
        this.#side = side === 'source' ? 'target' : 'source';
      } else await this.#session?.query('ROLLBACK').catch(() => undefined);
      // Their rows are left alone from now on: both outcomes can be told apart at the end.
      if (outcome === 'unknown') this.#forget(writes);
    }
  }

  /** Resolves with what to do when it was confirmed. */
  async #transaction(session: TextClient, token: string, writes: Write[]): Promise<() => void> {
    const mine = `'${token}'`;
    const run = async (statement: string, ...changed: readonly Write[]): Promise<void> => {
      const { affected } = await session.query(statement);
      if (affected !== 1) throw Object.assign(new Error('a row is gone'), { code: 'XGONE' });
      writes.push(...changed);
    };
    const account = (step: number): number => this.#accounts[(this.#count * 7 + step) % this.#accounts.length] ?? 0;
    const [from, to] = [account(0), account(1)];
    const amount = `${this.#count % 50}.0001`;
    const transfer = async (): Promise<void> => {
      await run(`UPDATE work.accounts SET balance = balance - ${amount}, token = ${mine} WHERE id = ${from}`, [
        'accounts',
        String(from),
        token,
      ]);
      await run(`UPDATE work.accounts SET balance = balance + ${amount}, token = ${mine} WHERE id = ${to}`, [
        'accounts',
        String(to),
        token,
      ]);
    };
    const known = this.#documents[this.#count % Math.max(1, this.#documents.length)];
    const fresh = newKey();
    const replace = (gone: string | undefined, come: string | undefined) => () => {
      this.#documents = [...this.#documents.filter((id) => id !== gone), ...(come === undefined ? [] : [come])];
    };
    switch (this.#count % 8) {
      case 0:
      case 1: {
        await transfer();
        return () => undefined;
      }
      case 2: {
        await transfer();
        await run(`INSERT INTO work.documents VALUES ${document(session, fresh, mine)}`, ['documents', fresh, token]);
        await run(
          `UPDATE work.lines SET quantity = quantity + 1, token = ${mine} WHERE account = ${from} AND line = 1`,
          ['lines', `${from}|1`, token],
        );
        return replace(undefined, fresh);
      }
      case 3: {
        const id = 1_000_000 * (this.#options.number + 1) + this.#count;
        await run(`INSERT INTO work.accounts VALUES (${id}, 'new ${id}', 0, ${mine})`, ['accounts', String(id), token]);
        await run(`INSERT INTO work.lines VALUES (${id}, 1, 1, ${mine})`, ['lines', `${id}|1`, token]);
        await run(`INSERT INTO work.lines VALUES (${id}, 2, 1, ${mine})`, ['lines', `${id}|2`, token]);
        await run(`DELETE FROM work.lines WHERE account = ${id} AND line = 2`, ['lines', `${id}|2`, null]);
        return () => {
          this.#accounts = [...this.#accounts, id];
        };
      }
      case 4: {
        // Two unique values change places, through none.
        await run(`UPDATE work.accounts SET owner = NULL, token = ${mine} WHERE id = ${from}`);
        await run(`UPDATE work.accounts SET owner = 'was of ${from} ${token}', token = ${mine} WHERE id = ${to}`, [
          'accounts',
          String(to),
          token,
        ]);
        await run(`UPDATE work.accounts SET owner = 'was of ${to} ${token}' WHERE id = ${from}`, [
          'accounts',
          String(from),
          token,
        ]);
        return () => undefined;
      }
      case 5: {
        if (known === undefined) break;
        await run(
          `UPDATE work.documents SET id = '${fresh}', token = ${mine} WHERE id = '${known}'`,
          ['documents', known, null],
          ['documents', fresh, token],
        );
        return replace(known, fresh);
      }
      case 6: {
        if (known === undefined) break;
        await run(
          `UPDATE work.documents SET title = 'titled ${token}', n = 7, raw = NULL, token = ${mine} WHERE id = '${known}'`,
          ['documents', known, token],
        );
        return () => undefined;
      }
      default: {
        if (known === undefined) break;
        await run(`DELETE FROM work.documents WHERE id = '${known}'`, ['documents', known, null]);
        if (this.#count % 2 === 0) return replace(known, undefined);
        await run(`INSERT INTO work.documents VALUES ${document(session, known, mine)}`, ['documents', known, token]);
        return () => undefined;
      }
    }
    return () => undefined;
  }

  #forget(writes: readonly Write[]): void {
    const touched = new Set(writes.map(([table, key]) => `${table} ${key}`));
    this.#accounts = this.#accounts.filter((id) => !touched.has(`accounts ${id}`));
    this.#documents = this.#documents.filter((id) => !touched.has(`documents ${id}`));
  }
}
