// A server that speaks Oracle's protocol as far as the driver needs it, in this process, without a database: statements are
// answered by scripts and by tables in memory, and any call can go wrong in any way. What it accepts says nothing of Oracle.

import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import type { Answer, BackendSession, Statement } from './backend.ts';
import { DoubleConnection } from './connection.ts';
import { type DoubleFault, Faults } from './faults.ts';
import { Tables } from './tables.ts';

export const DOUBLE_PASSWORD = 'double';

export interface DoubleOptions {
  /** False: batches are counted, not read, which is all that a measurement of the client wants. Default true. */
  readonly keepsRows?: boolean;
  /** Called instead of the tables for every statement that no script answers. */
  readonly execute?: (statement: Statement) => Answer;
}

/** A call as it came in. */
export interface Call {
  readonly session: number;
  /** The statement's text, or the name of the call. */
  readonly text: string;
}

type Script = (statement: Statement) => Answer | Promise<Answer>;

export class OracleDouble {
  readonly tables = new Tables();
  /** Since the start, or since it was emptied. */
  readonly calls: Call[] = [];
  readonly #server: Server;
  readonly #options: DoubleOptions;
  readonly #faults = new Faults();
  // The driver asks this when it logs in.
  readonly #scripts: { readonly pattern: RegExp; readonly script: Script }[] = [
    { pattern: /^select dbtimezone from dual$/i, script: () => ({ columns: ['DBTIMEZONE'], rows: [['+00:00']] }) },
  ];
  readonly #connections = new Set<DoubleConnection>();
  #sessions = 0;

  private constructor(options: DoubleOptions) {
    this.#options = options;
    this.#server = createServer((socket) => {
      const backend = this.#backend();
      const connection = new DoubleConnection({
        ...{ socket, number: ++this.#sessions, password: DOUBLE_PASSWORD, faults: this.#faults, backend },
        keepsRows: options.keepsRows ?? true,
        onCall: ({ number }, text) => {
          if (options.keepsRows !== false) this.calls.push({ session: number, text });
        },
      });
      this.#connections.add(connection);
      socket.on('close', () => this.#connections.delete(connection));
    });
  }

  static async open(options: DoubleOptions = {}): Promise<OracleDouble> {
    const double = new OracleDouble(options);
    double.#server.listen(0, '127.0.0.1');
    await once(double.#server, 'listening');
    return double;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `oracle://MIGRATE:${DOUBLE_PASSWORD}@127.0.0.1:${this.port}/DOUBLE`;
  }

  /** Connections that are open now. */
  get connections(): readonly DoubleConnection[] {
    return [...this.#connections];
  }

  fault(fault: DoubleFault): void {
    this.#faults.add(fault);
  }

  /** How often something went wrong since faults were cleared. */
  get struck(): number {
    return this.#faults.struck;
  }

  /** What has not gone wrong yet no longer will. */
  clearFaults(): void {
    this.#faults.clear();
  }

  /** Statements that match are answered by this instead of by the tables; the newest first. */
  script(pattern: RegExp, script: Script): void {
    this.#scripts.unshift({ pattern, script });
  }

  /** Cuts every connection, as a server that is killed does. */
  cut(): void {
    for (const connection of this.#connections) connection.end();
  }

  async close(): Promise<void> {
    this.#server.close();
    this.cut();
    await once(this.#server, 'close');
  }

  #backend(): BackendSession {
    const tables = this.tables.session();
    return {
      execute: async (statement) => {
        const found = this.#scripts.find(({ pattern }) => pattern.test(statement.sql));
        if (found !== undefined) return found.script(statement);
        return this.#options.execute?.(statement) ?? tables.execute(statement);
      },
      commit: () => tables.commit(),
      rollback: () => tables.rollback(),
    };
  }
}
