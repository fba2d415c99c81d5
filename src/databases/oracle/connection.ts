// An Oracle server and the sessions that are opened on it: set up alike, every value as text or bytes, errors translated.

import { randomBytes } from 'node:crypto';
import type { BindDefinition, Connection, Driver, ResultSet } from 'oracledb';
import { MigrateError } from '../../lib/errors.ts';
import type { Side } from '../../model/side.ts';
import {
  type Bind,
  type BindColumn,
  bindDefinition,
  countAfter,
  fetchAs,
  loadDriver,
  type ValueRow,
} from './driver.ts';
import { isFatal, translateError } from './errors.ts';
import { CommitTimes } from './health-commits.ts';
import { connectWithin, cut, trafficOf, whenCut } from './network.ts';
import { MODULE, runLabel } from './run-label.ts';
import { SETTINGS } from './settings.ts';
import { logStatement } from './sql-log.ts';
import { connectionOptions } from './url.ts';

export type { Bind, BindColumn, Value, ValueRow } from './driver.ts';

const ROWS_AT_ONCE = 1_000;
/** Of logging in: as long as a server waits for one that is not set up otherwise. */
const OPENING_MS = 60_000;
/** A server that answers a call no sooner is taken for silent; what may last longer says so: `OracleSession.within`. */
const ANSWER_MS = 60_000;
/** The server may have ended a session that lay idle for longer (IDLE_TIME of its profile, a firewall), and says so only when asked. */
const IDLE_MS = 30_000;
/** Of taking leave of the server in good order. */
const GOODBYE_MS = 1_000;

export class OracleServer {
  readonly side: Side;
  /** Of all sessions. */
  readonly commits = new CommitTimes();
  readonly #url: string;
  readonly #run: string | undefined;
  readonly #idle: { readonly session: OracleSession; readonly since: number }[] = [];
  readonly #open = new Set<OracleSession>();
  #closed = false;

  /** `run`: whose sessions these are, so that whoever takes over from this process can end them. */
  constructor(side: Side, url: string, run?: string) {
    this.side = side;
    this.#url = url;
    this.#run = run;
  }

  /** Of the open sessions. */
  get ids(): readonly string[] {
    return [...this.#open].map(({ id }) => id);
  }

  /** A session that the caller closes. One that waits for the lease is not the run's yet: `ofRun`. */
  async session({ ofRun = true }: { readonly ofRun?: boolean } = {}): Promise<OracleSession> {
    const driver = await loadDriver();
    let connection: Connection;
    try {
      connection = await connectWithin(OPENING_MS, driver, connectionOptions(this.side, this.#url));
    } catch (error) {
      throw translateError(this.side, error, true);
    }
    const session = new OracleSession({
      side: this.side,
      driver,
      connection,
      onCommit: () => this.commits.begin(),
      onClose: () => this.#open.delete(session),
    });
    this.#open.add(session);
    try {
      session.label(ofRun && this.#run !== undefined ? runLabel({ run: this.#run, side: this.side }) : '');
      for (const setting of SETTINGS) await session.execute(setting);
    } catch (error) {
      session.destroy();
      throw error;
    }
    if (this.#closed) session.destroy();
    return session;
  }

  /**
   * Lends a session that is kept for the next one who asks; what `work` has not committed is rolled back. It must leave the
   * session's settings, what it shows and its label as they were.
   */
  async use<T>(work: (session: OracleSession) => Promise<T>): Promise<T> {
    const session = (await this.#takeIdle()) ?? (await this.session());
    try {
      return await work(session);
    } finally {
      await this.#takeBack(session);
    }
  }

  async #takeIdle(): Promise<OracleSession | undefined> {
    for (let idle = this.#idle.pop(); idle !== undefined; idle = this.#idle.pop()) {
      const { session, since } = idle;
      if (performance.now() - since > IDLE_MS) await session.rollback().catch(() => session.destroy());
      if (!session.broken) return session;
    }
    return undefined;
  }

  async #takeBack(session: OracleSession): Promise<void> {
    if (!session.broken) await session.rollback().catch(() => session.destroy());
    if (session.broken) return;
    if (this.#closed) session.destroy();
    else this.#idle.push({ session, since: performance.now() });
  }

  /** Ends every session, with whatever is under way. Safe to call twice. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#open].map((session) => session.close()));
  }

  /** Cuts every session without a word to the server. Safe to call twice. */
  destroy(): void {
    this.#closed = true;
    for (const session of [...this.#open]) session.destroy();
  }
}

interface SessionParts {
  readonly side: Side;
  readonly driver: Driver;
  readonly connection: Connection;
  /** A commit begins; what is returned is called when it has ended. */
  readonly onCommit: () => () => void;
  readonly onClose: () => void;
}

/** One connection. A transaction begins with the first statement that writes or locks; DDL commits it. */
export class OracleSession {
  /** No other session has the same one. */
  readonly id = randomBytes(8).toString('hex');
  /** Rejects when the connection breaks; not when it is closed. */
  readonly lost: Promise<never>;
  readonly #side: Side;
  readonly #driver: Driver;
  readonly #connection: Connection;
  readonly #onCommit: () => () => void;
  readonly #onClose: () => void;
  /** Ends `lost`, and what is under way: the driver says nothing of a socket that it cut itself. */
  #fail: (error: MigrateError) => void = () => undefined;
  #closing: (error: MigrateError) => void = () => undefined;
  readonly #closed: Promise<never>;
  #broken = false;
  #busy = 0;
  #answerMs = ANSWER_MS;

  constructor({ side, driver, connection, onCommit, onClose }: SessionParts) {
    this.#side = side;
    this.#driver = driver;
    this.#connection = connection;
    this.#onCommit = onCommit;
    this.#onClose = onClose;
    this.lost = new Promise((_, reject) => {
      this.#fail = reject;
    });
    this.#closed = new Promise((_, reject) => {
      this.#closing = reject;
    });
    for (const promise of [this.lost, this.#closed]) promise.catch(() => undefined);
    whenCut(connection, () => this.#break(translateError(side, LOST)));
  }

  /** True when no further statement can succeed. */
  get broken(): boolean {
    return this.#broken;
  }

  /** What the server calls its version: `19.3.0.0.0`. */
  get version(): string {
    return this.#connection.oracleServerVersionString;
  }

  /** In bytes, as the server tells it when the session begins; 30 where it does not. */
  get longestName(): number {
    return this.#connection.maxIdentifierLength ?? Number.POSITIVE_INFINITY;
  }

  /** Bytes that came and went so far. */
  get traffic(): number {
    return trafficOf(this.#connection);
  }

  /** By which others can tell whose session it is: `action`, besides its id; told with the next statement. */
  label(action: string): void {
    this.#connection.module = `${MODULE}${this.id}`;
    this.#connection.action = action;
  }

  /** What triggers see of the session as SYS_CONTEXT('USERENV', 'CLIENT_IDENTIFIER'); told with the next statement. */
  show(identifier: string): void {
    this.#connection.clientId = identifier;
  }

  /**
   * Does `work`, each of whose calls the server may take so long to answer, in ms; 0: any time. The session is cut then: the
   * driver can only ask the server to break off a call, which one that is silent does not hear.
   */
  async within<T>(answerMs: number, work: () => Promise<T>): Promise<T> {
    const before = this.#answerMs;
    this.#answerMs = answerMs;
    try {
      return await work();
    } finally {
      this.#answerMs = before;
    }
  }

  /** The rows of a query. Values as `Value` says; moments and intervals must be asked for with TO_CHAR. */
  async query(sql: string, binds: readonly Bind[] = []): Promise<readonly ValueRow[]> {
    const { rows = [] } = await this.#call(sql, () =>
      this.#connection.execute(sql, binds, {
        ...this.#fetching(),
        fetchArraySize: ROWS_AT_ONCE,
        prefetchRows: PREFETCHED,
        // Each is asked seldom, and one that is kept holds a cursor on the server.
        keepInStmtCache: false,
      }),
    );
    return rows as readonly ValueRow[];
  }

  /** How many rows a statement wrote. */
  async execute(sql: string, binds: readonly Bind[] = []): Promise<number> {
    const { rowsAffected = 0 } = await this.#call(sql, () => this.#connection.execute(sql, binds));
    return rowsAffected;
  }

  /**
   * Runs a statement for each row of a batch, and resolves with how many rows were written in all. The server could count for each row
   * of the batch, but not without parsing the statement anew. When one is refused, those before stay.
   */
  async executeMany(sql: string, rows: readonly (readonly Bind[])[], columns: readonly BindColumn[]): Promise<number> {
    if (rows.length === 0) return 0;
    const { rowsAffected = 0 } = await this.#call(sql, () =>
      this.#connection.executeMany(sql, rows, { bindDefs: this.#definitions(columns) }),
    );
    return rowsAffected;
  }

  /** The rows of a query, `fetchSize` at once, or `first` and then as many as memory allows. Leave the loop to end it. */
  async *stream(
    sql: string,
    binds: readonly Bind[] = [],
    fetchSize = ROWS_AT_ONCE,
    first = fetchSize,
  ): AsyncGenerator<readonly ValueRow[], void, void> {
    const { resultSet } = await this.#call(sql, () =>
      this.#connection.execute(sql, binds, {
        ...this.#fetching(),
        resultSet: true,
        fetchArraySize: first,
        prefetchRows: Math.min(first, PREFETCHED),
      }),
    );
    if (resultSet === undefined) throw new MigrateError('INTERNAL.BUG', 'only a query can be streamed');
    try {
      for (let size = first; ; ) {
        const rows = (await this.#run(() => resultSet.getRows(size))) as readonly ValueRow[];
        if (rows.length > 0) yield rows;
        if (rows.length < size) return;
        if (first < fetchSize) size = Math.min(fetchSize, countAfter(rows));
      }
    } finally {
      await this.#endQuery(resultSet);
    }
  }

  /**
   * Commits what `work` did. When it throws, rolls back; a session that cannot even do that is broken. A lost reply to the
   * COMMIT rejects with TARGET.COMMIT_UNKNOWN.
   */
  async transaction<T>(work: () => Promise<T>): Promise<T> {
    let result: T;
    try {
      result = await work();
    } catch (error) {
      await this.rollback().catch(() => this.destroy());
      throw error;
    }
    await this.commit();
    return result;
  }

  /** Rejects with TARGET.COMMIT_UNKNOWN when there was no answer. One that was refused is rolled back. */
  async commit(): Promise<void> {
    const ended = this.#onCommit();
    try {
      await this.#call('COMMIT', () => this.#connection.commit());
    } catch (error) {
      if (this.#broken || (error instanceof MigrateError && error.code.endsWith('.CONNECTION'))) {
        this.destroy();
        const what = 'the connection broke while a transaction was being committed';
        throw new MigrateError('TARGET.COMMIT_UNKNOWN', what, { cause: error });
      }
      await this.rollback().catch(() => this.destroy());
      throw error;
    } finally {
      ended();
    }
  }

  async rollback(): Promise<void> {
    await this.#call('ROLLBACK', () => this.#connection.rollback());
  }

  /** Takes leave, or cuts the connection when something is under way or the server does not answer. Safe to call twice. */
  async close(): Promise<void> {
    if (this.#busy > 0 || this.#broken) {
      this.destroy();
      return;
    }
    this.#broken = true;
    const timer = setTimeout(() => this.destroy(), GOODBYE_MS);
    await this.#connection.close().catch(() => undefined);
    clearTimeout(timer);
    this.destroy();
  }

  /** Cuts the connection, with whatever is under way on it. Safe to call twice. */
  destroy(): void {
    this.#broken = true;
    this.#onClose();
    cut(this.#connection);
    this.#closing(translateError(this.#side, CLOSED));
  }

  async #endQuery(resultSet: ResultSet): Promise<void> {
    if (this.#broken) return;
    await this.#run(() => resultSet.close());
  }

  #definitions(columns: readonly BindColumn[]): readonly BindDefinition[] {
    return columns.map((column) => bindDefinition(this.#driver, column));
  }

  #fetching() {
    return { outFormat: this.#driver.OUT_FORMAT_ARRAY, fetchTypeHandler: fetchAs(this.#driver) };
  }

  #call<T>(sql: string, work: () => Promise<T>): Promise<T> {
    logStatement(sql);
    return this.#run(work);
  }

  async #run<T>(work: () => Promise<T>): Promise<T> {
    this.#busy += 1;
    const timer = this.#deadline();
    try {
      // What was cut is not waited for: the driver may never say so.
      return await Promise.race([work(), this.#closed]);
    } catch (thrown) {
      const error = translateError(this.#side, thrown);
      if (isFatal(thrown)) this.#break(error);
      throw error;
    } finally {
      clearTimeout(timer);
      this.#busy -= 1;
    }
  }

  #deadline(): NodeJS.Timeout | undefined {
    const ms = this.#answerMs;
    return ms === 0 ? undefined : setTimeout(() => this.#break(translateError(this.#side, new Silence(ms))), ms);
  }

  #break(error: MigrateError): void {
    if (this.#broken) return;
    this.#fail(error);
    this.#closing(error);
    this.destroy();
  }
}

/** More than most answers have: one round trip fewer. */
const PREFETCHED = 100;
const CLOSED = Object.assign(new Error('NJS-003: the session was closed'), { code: 'NJS-003' });
/** Of `OracleSession.within`: what a call is cut with. */
class Silence extends Error {
  readonly code = 'NJS-510';

  constructor(ms: number) {
    super(`NJS-510: the server has not answered for ${ms / 1_000} seconds`);
  }
}
const LOST = Object.assign(new Error('NJS-500: the connection was closed by the other end'), { code: 'NJS-500' });

/** True of the error of a call that the server did not answer in its time. */
export function isSilence(error: unknown): boolean {
  return error instanceof MigrateError && error.cause instanceof Silence;
}
