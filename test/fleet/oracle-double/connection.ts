// One connection to the double: its calls in their order, each with what is to go wrong with it.

import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { done, ended, fetched, written } from './answers.ts';
import { type BackendSession, OraError } from './backend.ts';
import type { DoubleFault, Faults } from './faults.ts';
import { Login, negotiate } from './login.ts';
import { Packets } from './packets.ts';
import { Cursors, type Execution, isOutOfOrder, readShown, type Shown } from './requests.ts';
import { Reader } from './wire.ts';

const NEGOTIATE = 1;
const DATA_TYPES = 2;
const CALL = 3;
const PIGGYBACK = 17;
const FUNCTION = {
  ...{ again: 4, fetch: 5, logOff: 9, commit: 14, rollback: 15, againAndFetch: 78, execute: 94, closeCursors: 105 },
  ...{ answer: 115, challenge: 118, cancelCursors: 120, show: 135, ping: 147 },
} as const;
const NAMES: ReadonlyMap<number, string> = new Map([
  [FUNCTION.fetch, 'FETCH'],
  [FUNCTION.logOff, 'LOGOFF'],
  [FUNCTION.commit, 'COMMIT'],
  [FUNCTION.rollback, 'ROLLBACK'],
  [FUNCTION.ping, 'PING'],
  [FUNCTION.challenge, 'LOGIN'],
]);
const INTERRUPTED = new OraError(1013, 'user requested cancel of current operation');
const WRONG_PASSWORD = new OraError(1017, 'invalid credential or not authorized; logon denied');
/** A kind of message that there is not. */
const GARBAGE = Buffer.of(77, 1, 2, 3);

export interface ConnectionParts {
  readonly socket: Socket;
  readonly number: number;
  readonly password: string;
  readonly keepsRows: boolean;
  readonly faults: Faults;
  readonly backend: BackendSession;
  readonly onCall: (connection: DoubleConnection, call: string) => void;
}

export class DoubleConnection {
  readonly number: number;
  readonly shown: Shown = { identifier: '', module: '', action: '' };
  readonly #parts: ConnectionParts;
  readonly #packets: Packets;
  readonly #cursors: Cursors;
  readonly #login: Login;
  #before: Promise<void> = Promise.resolve();
  #inTransaction = false;
  #isOpen = true;
  #isSilent = false;

  constructor(parts: ConnectionParts) {
    const { socket, number, password, keepsRows } = parts;
    this.number = number;
    this.#parts = parts;
    this.#cursors = new Cursors(keepsRows);
    this.#login = new Login(password);
    socket.setNoDelay(true);
    socket.on('error', () => undefined);
    socket.on('close', () => this.end());
    this.#packets = new Packets(socket, {
      connected: () => this.#next(() => this.#connect()),
      request: (bytes) => this.#next(() => this.#take(new Reader(bytes))),
      interrupted: () => this.#interrupt(),
    });
  }

  /** Cuts it; what was not committed is gone. Safe to call twice. */
  end(): void {
    this.#parts.socket.destroy();
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#parts.backend.rollback();
  }

  #next(work: () => Promise<void>): void {
    this.#before = this.#before.then(async () => {
      if (this.#isOpen && !this.#isSilent) await work();
    });
    this.#before.catch((error: unknown) => {
      // The client says something that the double does not understand: whoever made it wants to know.
      process.stderr.write(`the double of Oracle: ${error instanceof Error ? error.stack : String(error)}\n`);
      this.end();
    });
  }

  /** Nothing of the double takes long: what the client takes back was done, or waits without an end. */
  #interrupt(): void {
    if (this.#isSilent) return;
    this.#packets.reset();
    this.#packets.answer(this.#refusal(INTERRUPTED));
  }

  #connect(): Promise<void> {
    return this.#answer('CONNECT', undefined);
  }

  async #take(request: Reader): Promise<void> {
    let kind = request.byte();
    if (kind === NEGOTIATE) return this.#packets.answer(negotiate());
    if (kind === DATA_TYPES) return this.#packets.answer(Buffer.of(2, 0, 0));
    for (; kind === PIGGYBACK; kind = request.byte()) this.#inPassing(request);
    if (kind !== CALL) throw new RangeError(`a message of kind ${kind}`);
    const code = request.byte();
    request.byte();
    await this.#call(code, request);
  }

  #inPassing(request: Reader): void {
    const code = request.byte();
    request.byte();
    if (code === FUNCTION.closeCursors || code === FUNCTION.cancelCursors) {
      this.#cursors.close(request, code === FUNCTION.cancelCursors);
    } else if (code === FUNCTION.show) Object.assign(this.shown, readShown(request));
    else throw new RangeError(`a piggyback of kind ${code}`);
  }

  #call(code: number, request: Reader): Promise<void> {
    switch (code) {
      case FUNCTION.challenge:
        return this.#answer('LOGIN', () => this.#login.challenge(request));
      case FUNCTION.answer:
        return this.#logIn(request);
      case FUNCTION.execute:
        return this.#execute(this.#cursors.execution(request));
      case FUNCTION.again:
      case FUNCTION.againAndFetch:
        return this.#execute(this.#cursors.again(request, code === FUNCTION.againAndFetch));
      case FUNCTION.fetch: {
        const cursor = this.#cursors.of(request.number());
        const count = request.number();
        return this.#answer('FETCH', () => fetched(cursor, count, this.#inTransaction, false));
      }
      default: {
        const name = NAMES.get(code);
        if (name === undefined) throw new RangeError(`a call of kind ${code}`);
        return this.#answer(name, () => this.#simple(code));
      }
    }
  }

  async #logIn(request: Reader): Promise<void> {
    const answer = this.#login.answer(request, this.number);
    this.#packets.endsAreSaid = answer !== undefined;
    this.#packets.answer(answer ?? this.#refusal(WRONG_PASSWORD));
  }

  #simple(code: number): Buffer {
    if (code === FUNCTION.commit) this.#parts.backend.commit();
    if (code === FUNCTION.rollback || code === FUNCTION.logOff) this.#parts.backend.rollback();
    if (code !== FUNCTION.ping) this.#inTransaction = false;
    return done(this.#inTransaction);
  }

  #execute(execution: Execution): Promise<void> {
    const { cursor, rows, wantsCounts, commits, fetches, isNew } = execution;
    return this.#answer(cursor.sql, async () => {
      if (isOutOfOrder(cursor))
        throw new OraError(24816, 'expanded non LONG bind data supplied after actual LONG or LOB column');
      const answer = await this.#parts.backend.execute({ sql: cursor.sql, rows });
      if ('columns' in answer) {
        Object.assign(cursor, { columns: answer.columns, rows: [...answer.rows], fetched: 0 });
        return fetched(cursor, fetches, this.#inTransaction, isNew);
      }
      const { counts } = answer;
      this.#inTransaction ||= counts.some((count) => count > 0);
      if (commits) this.#simple(FUNCTION.commit);
      return written({ inTransaction: this.#inTransaction, cursor: cursor.id }, { counts, wantsCounts });
    });
  }

  /** Does a call and answers it, unless something is to go wrong. `work` undefined: that of connecting. */
  async #answer(call: string, work: (() => Buffer | Promise<Buffer>) | undefined): Promise<void> {
    const { faults, onCall } = this.#parts;
    onCall(this, call);
    const fault = faults.of(call);
    const { action, moment = 'before' } = fault ?? {};
    if (typeof action === 'object' && 'delayMs' in action) await delay(action.delayMs);
    if (moment === 'before' && action !== undefined && this.#goesWrong(action, call)) return;
    if (work === undefined) return this.#packets.accept();
    let answer: Buffer;
    try {
      answer = await work();
    } catch (error) {
      if (!(error instanceof OraError)) throw error;
      answer = this.#refusal(error);
    }
    if (!this.#isOpen) return;
    if (action === 'drop' && moment === 'amid') this.#packets.break(answer);
    else if (action === undefined || moment === 'before' || !this.#goesWrong(action, call))
      this.#packets.answer(answer);
  }

  /** True when the call has its answer, or never gets one. */
  #goesWrong(action: DoubleFault['action'], call: string): boolean {
    if (action === 'drop') this.end();
    else if (action === 'garbage') this.#packets.answer(GARBAGE);
    else if (typeof action === 'object' && 'packets' in action) this.#parts.socket.write(action.packets);
    else if (typeof action === 'object' && 'oraCode' in action) {
      if (call === 'CONNECT') this.#packets.refuse(action.oraCode);
      else this.#packets.answer(this.#refusal(new OraError(action.oraCode, action.message ?? 'the double says so')));
    } else if (action === 'silence') this.#isSilent = true;
    else return false;
    return true;
  }

  #refusal({ code, message }: OraError): Buffer {
    return ended({ inTransaction: this.#inTransaction, code, message });
  }
}
