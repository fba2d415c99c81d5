// Connections to one PostgreSQL server, all set up alike: every value as text, in the same text form everywhere.

import { Socket, type SocketConstructorOpts } from 'node:net';
import pg from 'pg';
import { MigrateError } from '../../lib/errors.ts';
import type { Side } from '../../model/side.ts';
import { translateError, translateLogin } from './errors.ts';
import { quoteLiteral } from './sql.ts';
import { clientConfig } from './url.ts';

/** A row with every value in PostgreSQL's own text form; booleans are `t` and `f`. */
export type TextRow = Readonly<Record<string, string | null>>;

export interface QueryOptions {
  /** How long to wait for the answer, in ms. Default 60 000; 0 = no limit, for statements guarded by `watch`. */
  readonly timeoutMs?: number;
}

export interface SessionOptions {
  /** What the session is for; part of application_name: `migrate orders lane`. */
  readonly purpose: string;
  /** Opens a replication connection. */
  readonly replication?: boolean;
  /** Further run-time settings, for the whole session. */
  readonly settings?: Readonly<Record<string, string>>;
}

// One text form for snapshot, stream and verify, whatever the server's or the role's defaults are.
// search_path: types and names of other schemas come out qualified.
const SETTINGS: Readonly<Record<string, string>> = {
  search_path: 'pg_catalog',
  DateStyle: 'ISO,YMD',
  IntervalStyle: 'postgres',
  TimeZone: 'UTC',
  extra_float_digits: '3',
  // money prints by the server's locale.
  lc_monetary: 'C',
  bytea_output: 'hex',
  xmloption: 'content',
  standard_conforming_strings: 'on',
  array_nulls: 'on',
  // Types are known by the names that format_type prints.
  quote_all_identifiers: 'off',
  // A fence that is closed, a switch that is journalled, rows that are acknowledged: all must survive a crash.
  synchronous_commit: 'on',
  // Statements that wait for a lock and then look must see what is there now.
  default_transaction_isolation: 'read committed',
  statement_timeout: '0',
  lock_timeout: '0',
  idle_in_transaction_session_timeout: '0',
  idle_session_timeout: '0',
  transaction_timeout: '0',
  // Reading the catalog is estimated dear enough to be compiled, which takes seconds where the reading takes milliseconds.
  jit: 'off',
  // A peer that is gone without a goodbye must not keep its locks for hours.
  tcp_keepalives_idle: '10',
  tcp_keepalives_interval: '5',
  tcp_keepalives_count: '3',
  // A dead client must not keep its locks while its query runs (PostgreSQL 14+).
  client_connection_check_interval: '2s',
};

// The type leaves out what a socket has as a stream.
const UNBUFFERED = { readableHighWaterMark: 1 } as SocketConstructorOpts;

const DEFAULT_TIMEOUT_MS = 60_000;
const asText = { getTypeParser: () => (value: string) => value };

/** One connection. A query that fails at the level of the network leaves it closed. */
export class Session {
  readonly client: pg.Client;
  readonly side: Side;
  #failure: MigrateError | undefined;
  #closed = false;

  constructor(client: pg.Client, side: Side) {
    this.client = client;
    this.side = side;
    // Without a listener an error of an idle connection would end the process; the next query reports it.
    client.on('error', (error: Error) => {
      this.#failure ??= translateError(side, error);
    });
  }

  /** The server's process id. */
  get pid(): number {
    return Number((this.client as unknown as { processID: number }).processID);
  }

  /** True when no further query can succeed. */
  get broken(): boolean {
    return this.#failure !== undefined || this.#closed;
  }

  async query(text: string, values: readonly unknown[] = [], options: QueryOptions = {}): Promise<readonly TextRow[]> {
    return (await this.run(text, values, options)).rows;
  }

  /** Runs a statement and tells how many rows it touched. */
  async execute(text: string, values: readonly unknown[] = [], options: QueryOptions = {}): Promise<number> {
    return (await this.run(text, values, options)).rowCount ?? 0;
  }

  /** The first row, or undefined. */
  async one(text: string, values: readonly unknown[] = [], options: QueryOptions = {}): Promise<TextRow | undefined> {
    return (await this.run(text, values, options)).rows[0];
  }

  /** A prepared statement, parsed once per session under `name`. */
  async prepared(
    name: string,
    text: string,
    values: readonly unknown[],
    options: QueryOptions = {},
  ): Promise<pg.QueryResult<TextRow>> {
    return this.#guarded({ name, text, values: [...values], types: asText }, options.timeoutMs ?? DEFAULT_TIMEOUT_MS);
  }

  async run(text: string, values: readonly unknown[], options: QueryOptions = {}): Promise<pg.QueryResult<TextRow>> {
    const config = values.length === 0 ? { text, types: asText } : { text, values: [...values], types: asText };
    return this.#guarded(config, options.timeoutMs ?? DEFAULT_TIMEOUT_MS);
  }

  async #guarded(config: pg.QueryConfig, timeoutMs: number): Promise<pg.QueryResult<TextRow>> {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#closed) throw connectionError(this.side, 'the connection is closed');
    let timer: NodeJS.Timeout | undefined;
    if (timeoutMs > 0) {
      timer = setTimeout(() => this.destroy(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
    }
    try {
      return await this.client.query<TextRow>(config as pg.QueryConfig);
    } catch (error) {
      const failure = this.#failure ?? translateError(this.side, error);
      // The server's last words come before the end of the connection is seen here.
      if (failure.code === connectionError(this.side, '').code) this.#failure = failure;
      throw failure;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Runs `work` in a transaction; rolls back when it throws. */
  async transaction<T>(work: () => Promise<T>, begin = 'BEGIN'): Promise<T> {
    await this.query(begin);
    try {
      const result = await work();
      await this.query('COMMIT');
      return result;
    } catch (error) {
      await this.query('ROLLBACK').catch(() => undefined);
      throw error;
    }
  }

  /** Cuts the connection at once: for a peer that no longer answers. Pending queries reject with `reason`. */
  destroy(reason: Error): void {
    this.#failure ??= translateError(this.side, Object.assign(reason, { code: 'ECONNRESET' }));
    (this.client as unknown as { connection: { stream: { destroy(error: Error): void } } }).connection.stream.destroy(
      reason,
    );
  }

  /** Says goodbye, or cuts after two seconds. Safe to call twice. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const timer = setTimeout(() => this.destroy(new Error('closing')), 2_000);
    await this.client.end().catch(() => undefined);
    clearTimeout(timer);
  }
}

/** Opens sessions to one server and can close them all. */
export class PostgresServer {
  readonly side: Side;
  readonly #config: pg.ClientConfig;
  readonly #run: string;
  readonly #sessions = new Set<Session>();
  #destroyed: Error | undefined;

  /** `run` is the name of the run, for application_name. */
  constructor(side: Side, url: string, run: string) {
    this.side = side;
    this.#run = run;
    this.#config = clientConfig(side, url);
  }

  /** Rejects with SOURCE.CONNECTION or TARGET.CONNECTION when the server cannot be reached, *.AUTHENTICATION when it refuses. */
  async session(options: SessionOptions): Promise<Session> {
    this.#refuseDestroyed();
    const client = new pg.Client({
      ...this.#config,
      application_name: `migrate ${this.#run} ${options.purpose}`.slice(0, 63),
      // Without a buffer of its own, so that a paused stream stops reading at once: see WalReceiver.
      ...(options.replication ? ({ replication: 'database', stream: () => new Socket(UNBUFFERED) } as object) : {}),
    });
    const session = new Session(client, this.side);
    const login = { user: client.user ?? '', database: client.database ?? '' };
    try {
      await client.connect().catch((error: unknown) => {
        throw translateLogin(this.side, error, { ...login, replication: options.replication === true });
      });
      await session.run(settingsStatement({ ...SETTINGS, ...options.settings }), []);
      this.#refuseDestroyed();
    } catch (error) {
      await session.close();
      throw translateError(this.side, error);
    }
    this.#sessions.add(session);
    client.once('end', () => this.#sessions.delete(session));
    return session;
  }

  /** The server's process ids of our open sessions. */
  get pids(): readonly number[] {
    return [...this.#sessions].map((session) => session.pid);
  }

  #refuseDestroyed(): void {
    if (this.#destroyed !== undefined) throw connectionError(this.side, this.#destroyed.message);
  }

  /** Runs `work` on a session of its own. */
  async with<T>(purpose: string, work: (session: Session) => Promise<T>): Promise<T> {
    const session = await this.session({ purpose });
    try {
      return await work(session);
    } finally {
      await session.close();
    }
  }

  /** Cuts every open session at once and opens no further one: what a stopping or failed attempt does. */
  destroy(reason: Error): void {
    this.#destroyed = reason;
    for (const session of this.#sessions) session.destroy(reason);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#sessions].map((session) => session.close()));
  }
}

/** Not startup options: poolers refuse those. Settings that an older server does not know are left out. */
function settingsStatement(settings: Readonly<Record<string, string>>): string {
  const values = Object.entries(settings).map(([name, value]) => `(${quoteLiteral(name)}, ${quoteLiteral(value)})`);
  return `SELECT set_config(s.name, v.value, false) FROM (VALUES ${values.join(', ')}) v(name, value)
    JOIN pg_catalog.pg_settings s ON lower(s.name) = lower(v.name)
    WHERE s.name <> 'client_connection_check_interval' OR version() LIKE '%linux%'`;
}

function connectionError(side: Side, reason: string): MigrateError {
  return new MigrateError(side === 'source' ? 'SOURCE.CONNECTION' : 'TARGET.CONNECTION', `${side}: ${reason}`);
}
