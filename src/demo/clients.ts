// The shop's clients: they write without a break, remember what the database confirmed, follow the shop to the other
// server when theirs refuses writes, and at the end look whether everything confirmed is there exactly once.

import { setTimeout as sleep } from 'node:timers/promises';
import { PostgresServer, type Session } from '../databases/postgres/connection.ts';
import { sqlState } from '../databases/postgres/errors.ts';
import { PRODUCTS } from './shop.ts';

export interface ClientOptions {
  readonly sourceUrl: string;
  readonly targetUrl: string;
  readonly clients: number;
  /** Transactions per second, all clients together. */
  readonly rate: number;
  /** Customers that orders are placed for: ids from 1. */
  readonly customers: number;
}

export interface ClientsReport {
  /** Writes that the database confirmed. */
  readonly acknowledged: number;
  /** Of these, after the switch. */
  readonly acknowledgedOnTarget: number;
  readonly lost: number;
  readonly duplicated: number;
  /** Commits whose answer was lost: they may be there or not. */
  readonly unknown: number;
}

const BETWEEN_TRIES_MS = 20;

/** One order as the client knows it. */
interface Order {
  readonly reference: string;
  version: number;
  deleted: boolean;
  /** The answer to its last commit was lost: nothing can be said about it. */
  unknown: boolean;
}

export class ShopClients {
  readonly #options: ClientOptions;
  readonly #sides: readonly [PostgresServer, PostgresServer];
  readonly #orders: Order[] = [];
  #acknowledged: [number, number] = [0, 0];
  #unknown = 0;
  #stopping = false;
  #running: Promise<unknown> = Promise.resolve();

  constructor(options: ClientOptions) {
    this.#options = options;
    this.#sides = [
      new PostgresServer('source', options.sourceUrl, 'shop'),
      new PostgresServer('target', options.targetUrl, 'shop'),
    ];
  }

  /** Confirmed writes so far: on the source, on the target. */
  get acknowledged(): readonly [number, number] {
    return [...this.#acknowledged];
  }

  start(): void {
    this.#running = Promise.all(Array.from({ length: this.#options.clients }, (_, number) => this.#client(number)));
  }

  /** Ends the clients after the transaction they are in. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#running;
  }

  async close(): Promise<void> {
    await this.stop();
    await Promise.all(this.#sides.map((server) => server.close()));
  }

  async #client(number: number): Promise<void> {
    const mine: Order[] = [];
    const everyMs = (1_000 * this.#options.clients) / this.#options.rate;
    let side: 0 | 1 = 0;
    let session: Session | undefined;
    let due = performance.now();
    for (let count = 0; !this.#stopping; count++) {
      try {
        session ??= await this.#connect(side, number);
        await this.#transaction(session, mine, { side, number, count });
        due = Math.max(due + everyMs, performance.now() - 1_000);
        const early = due - performance.now();
        if (early > 0) await sleep(early);
      } catch (error) {
        // A refusal or a broken connection: perhaps the shop has moved. Anything else is tried again where we are.
        const state = sqlState(error);
        if (state === undefined || !/^[0-9A-Z]{5}$/.test(state) || /^(25006|08|57P|53300|42P01|3F000)/.test(state)) {
          await session?.close();
          session = undefined;
          side = side === 0 ? 1 : 0;
        } else await session?.query('ROLLBACK').catch(() => undefined);
        await sleep(BETWEEN_TRIES_MS);
      }
    }
    await session?.close();
  }

  #connect(side: 0 | 1, number: number): Promise<Session> {
    return this.#sides[side].session({ purpose: 'client', settings: { application_name: `shop client ${number}` } });
  }

  /** Every third transaction changes or deletes an earlier order, the others place a new one. */
  async #transaction(session: Session, mine: Order[], turn: Turn): Promise<void> {
    const earlier = turn.count % 3 === 2 ? mine[(turn.count * 7) % mine.length] : undefined;
    const changed = earlier !== undefined && !earlier.deleted && !earlier.unknown ? earlier : undefined;
    const order: Order = changed ?? {
      reference: `${process.pid}-${turn.number}-${turn.count}`,
      version: 0,
      deleted: false,
      unknown: false,
    };
    const deletes = changed !== undefined && turn.count % 9 === 2;
    await session.query('BEGIN');
    if (changed === undefined) await this.#place(session, order, turn);
    else if (deletes) await session.query('DELETE FROM shop.orders WHERE reference = $1', [order.reference]);
    else await this.#change(session, order);
    try {
      await session.query('COMMIT');
    } catch (error) {
      // Only an answer from the server says that a commit failed.
      const refused = /^(2[0-9A-Z]|4[0-9A-Z])/.test(sqlState(error) ?? '');
      if (!refused) {
        order.unknown = true;
        this.#unknown++;
      }
      throw error;
    }
    this.#acknowledged[turn.side]++;
    if (changed === undefined) {
      mine.push(order);
      this.#orders.push(order);
    } else if (deletes) order.deleted = true;
    else order.version++;
  }

  async #place(session: Session, order: Order, { number, count }: Turn): Promise<void> {
    const customer = 1 + ((count * 31 + number) % this.#options.customers);
    const placed = await session.one(
      `INSERT INTO shop.orders (reference, customer_id, total, attributes)
       VALUES ($1, $2, $3, jsonb_build_object('client', $4::int)) RETURNING id`,
      [order.reference, customer, `${count % 100}.50`, number],
    );
    await session.query(
      `INSERT INTO shop.order_lines SELECT $1, line, 'SKU-' || 1 + ($2::int + line) % ${PRODUCTS}, line, 1.25
       FROM generate_series(1, 2) line`,
      [placed?.id, count],
    );
  }

  async #change(session: Session, order: Order): Promise<void> {
    await session.query(
      `UPDATE shop.orders SET version = version + 1, status = 'sent', total = total + 1 WHERE reference = $1`,
      [order.reference],
    );
  }

  /** Looks on the target for every confirmed write. */
  async report(): Promise<ClientsReport> {
    const found = new Map<string, { copies: number; version: number }>();
    await this.#sides[1].with('report', async (session) => {
      const rows = await session.query(
        `SELECT reference, count(*) AS copies, max(version) AS version FROM shop.orders
         WHERE reference NOT LIKE 'seed-%' GROUP BY reference`,
      );
      for (const { reference, copies, version } of rows) {
        found.set(reference ?? '', { copies: Number(copies), version: Number(version) });
      }
    });
    let lost = 0;
    let duplicated = 0;
    for (const order of this.#orders) {
      const there = found.get(order.reference);
      if (there !== undefined) duplicated += there.copies - 1;
      if (order.unknown) continue;
      if (order.deleted) lost += there === undefined ? 0 : 1;
      else if (there === undefined) lost += order.version + 1;
      else if (there.version > order.version) duplicated += there.version - order.version;
      else lost += order.version - there.version;
    }
    const [source, target] = this.#acknowledged;
    return { acknowledged: source + target, acknowledgedOnTarget: target, lost, duplicated, unknown: this.#unknown };
  }
}

interface Turn {
  readonly side: 0 | 1;
  readonly number: number;
  readonly count: number;
}
