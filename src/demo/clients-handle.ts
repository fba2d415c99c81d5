// The demo's side of the clients' process.

import { type ChildProcess, fork } from 'node:child_process';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MigrateError } from '../lib/errors.ts';
import type { Side } from '../model/side.ts';
import type { ClientOptions, ClientsReport } from './clients.ts';
import type { ClientsRequest } from './clients-process.ts';

interface Message {
  readonly acknowledged?: readonly [number, number];
  readonly report?: ClientsReport;
  readonly error?: string;
}

export class ClientsHandle {
  readonly #child: ChildProcess;
  readonly #exited: Promise<void>;
  readonly #waiting = new Set<(message: Message) => void>();
  /** Rejects when the process fails or ends before it was asked for its report. Never resolves. */
  readonly failed: Promise<never>;

  constructor(child: ChildProcess) {
    this.#child = child;
    this.#exited = new Promise((resolve) => {
      child.once('exit', () => resolve());
      child.once('error', () => resolve());
    });
    this.failed = new Promise((_, reject) => {
      const fail = (reason: string): void =>
        reject(new MigrateError('DEMO.START', `the demo's clients ended: ${reason}`));
      child.once('error', (error) => fail(error.message));
      child.once('exit', (code, signal) => fail(String(signal ?? code)));
      child.on('message', (message: Message) => {
        if (message.error !== undefined) fail(message.error);
      });
    });
    // Whoever waits for something races against it; until then it must not count as unhandled.
    this.failed.catch(() => undefined);
    child.on('message', (message: Message) => {
      for (const look of this.#waiting) look(message);
    });
  }

  send(request: ClientsRequest): void {
    this.#child.send(request, (error) => {
      if (error !== null) this.#child.kill('SIGKILL');
    });
  }

  /** Resolves when so many writes were confirmed on that side. */
  async reached(side: Side, count: number): Promise<void> {
    await this.#first((message) => {
      const reached = message.acknowledged?.[side === 'source' ? 0 : 1] ?? 0;
      return reached >= count ? reached : undefined;
    });
  }

  /** Stops the clients and resolves with what became of their writes. */
  async report(): Promise<ClientsReport> {
    const report = this.#first((message) => message.report);
    this.send({ kind: 'stop' });
    return report;
  }

  async close(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exited;
  }

  async #first<T>(pick: (message: Message) => T | undefined): Promise<T> {
    let look = (_message: Message): void => undefined;
    const found = new Promise<T>((resolve) => {
      look = (message) => {
        const value = pick(message);
        if (value !== undefined) resolve(value);
      };
    });
    this.#waiting.add(look);
    try {
      return await Promise.race([found, this.failed]);
    } finally {
      this.#waiting.delete(look);
    }
  }
}

/** Starts the clients in a process of their own. The urls go by message: arguments and environment can be seen by others. */
export async function forkClients(options: ClientOptions): Promise<ClientsHandle> {
  const file = fileURLToPath(new URL(`./clients-process${extname(import.meta.url)}`, import.meta.url));
  const handle = new ClientsHandle(fork(file, [], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] }));
  handle.send({ kind: 'start', options });
  return handle;
}
