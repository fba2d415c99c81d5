// A session of the run that writes rows: past the fence, and nothing of it is committed but by `commit`.

import { MigrateError } from '../../../lib/errors.ts';
import type { OracleServer, OracleSession } from '../connection.ts';
import { passFence } from '../pass.ts';
import { LockWaits } from './lock-waits.ts';

/** One session, opened when it is needed, and again when it broke between two transactions. One caller at a time. */
export class Writer {
  readonly #server: OracleServer;
  readonly #run: string;
  readonly #waits: LockWaits;
  #opening: Promise<OracleSession> | undefined;
  #closed = false;

  /** `waits`: of all writers of the run. Default: nobody is told. */
  constructor(server: OracleServer, run: string, waits = new LockWaits({ server })) {
    this.#server = server;
    this.#run = run;
    this.#waits = waits;
  }

  /** The session, with no transaction under way on it if the last one was ended. */
  async open(): Promise<OracleSession> {
    if (this.#closed) throw new MigrateError('TARGET.CONNECTION', 'the session that writes is closed');
    this.#opening ??= this.#connect();
    try {
      return await this.#opening;
    } catch (error) {
      this.#opening = undefined;
      throw error;
    }
  }

  /** Writes, and waits for a lock of somebody else for as long as it is held; the session is cut when it is without an answer otherwise. */
  answered<T>(session: OracleSession, timeoutMs: number, work: () => Promise<T>): Promise<T> {
    return this.#waits.answered(session, timeoutMs, work);
  }

  /** Leaves no open transaction behind; a session that cannot promise that within this time is given up. */
  async rollback(timeoutMs: number): Promise<void> {
    const session = await this.#opening?.catch(() => undefined);
    if (session === undefined) return;
    try {
      await session.within(timeoutMs, () => session.rollback());
    } catch {
      this.#forget(session);
    }
  }

  /** Rolls back what is under way. Safe to call twice. */
  async close(): Promise<void> {
    this.#closed = true;
    const session = await this.#opening?.catch(() => undefined);
    // Whoever writes next must not wait for its locks.
    if (session?.broken === false) await session.within(GOODBYE_MS, () => session.rollback()).catch(() => undefined);
    await session?.close();
  }

  async #connect(): Promise<OracleSession> {
    const session = await this.#server.session();
    try {
      await passFence(session, this.#run);
      session.lost.catch(() => this.#forget(session));
      return session;
    } catch (error) {
      session.destroy();
      throw error;
    }
  }

  #forget(session: OracleSession): void {
    session.destroy();
    this.#opening = undefined;
  }
}

const GOODBYE_MS = 1_000;
