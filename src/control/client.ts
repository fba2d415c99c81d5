// Talks to a running process over its control socket.

import { request } from 'node:http';
import type { ErrorCode } from '../lib/codes.ts';
import { CODES } from '../lib/codes.ts';
import { MigrateError } from '../lib/errors.ts';
import type { StatusSnapshot } from '../observe/status.ts';
import type { Effect } from './controls.ts';

// A process that lives answers at once; one that is stopped or hangs never does.
const ANSWER_MS = 10_000;
// Letters wait for the batch in hand, which may be a part of a large transaction; a table that is added is checked.
const WORK_MS = 600_000;
/** Nobody listens: no process, a dead one's socket file, or one that ends just now. */
const GONE = new Set(['ENOENT', 'ECONNREFUSED', 'EPIPE', 'ECONNRESET']);

/** Resolves undefined when no process listens there, or it ends instead of answering; rejects with the other side's error. */
export async function ask(
  path: string,
  method: 'GET' | 'POST',
  route: string,
  body: Readonly<Record<string, unknown>> = {},
): Promise<StatusSnapshot | undefined> {
  const parsed = await call(path, method, route, body, ANSWER_MS);
  return method === 'GET' ? (parsed as StatusSnapshot | undefined) : (parsed as Told | undefined)?.status;
}

/** What a command has done, and the status after it. */
export interface Told extends Effect {
  readonly status: StatusSnapshot;
}

/** Gives a command that is done at once; `by` is who gives it. Resolves and rejects as `ask`. */
export async function give(
  path: string,
  route: string,
  body: Readonly<Record<string, unknown>> & { readonly by: string },
): Promise<Told | undefined> {
  return (await call(path, 'POST', route, body, ANSWER_MS)) as Told | undefined;
}

/** For requests that are answered when they are done: resolves with what was done, after minutes if need be. */
export async function askFor(path: string, route: string, body: Readonly<Record<string, unknown>>): Promise<unknown> {
  const told = await call(path, 'POST', route, body, WORK_MS);
  return (told as { readonly answer?: unknown } | undefined)?.answer;
}

async function call(
  path: string,
  method: 'GET' | 'POST',
  route: string,
  body: Readonly<Record<string, unknown>>,
  timeoutMs: number,
): Promise<unknown> {
  const answer = await exchange(path, method, route, JSON.stringify(body), timeoutMs);
  if (answer === undefined) return undefined;
  const parsed = JSON.parse(answer.text) as Record<string, unknown>;
  if (answer.status === 200) return parsed;
  const code = String(parsed.code);
  const fix = typeof parsed.fix === 'string' ? { fix: parsed.fix } : {};
  throw new MigrateError(code in CODES ? (code as ErrorCode) : 'INTERNAL.BUG', String(parsed.message), fix);
}

function exchange(
  socketPath: string,
  method: string,
  path: string,
  body: string,
  timeoutMs: number,
): Promise<{ status: number; text: string } | undefined> {
  return new Promise((resolve, reject) => {
    const fail = (error: NodeJS.ErrnoException): void => {
      if (GONE.has(error.code ?? '')) resolve(undefined);
      else reject(error);
    };
    const call = request(
      {
        socketPath,
        method,
        path,
        headers: { host: 'localhost', 'content-type': 'application/json' },
        timeout: timeoutMs,
      },
      (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (part: string) => {
          text += part;
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
        response.on('error', fail);
      },
    );
    call.on('timeout', () => call.destroy(new MigrateError('CONTROL.SOCKET', `no answer at ${socketPath}`)));
    call.on('error', fail);
    if (method === 'POST') call.write(body);
    call.end();
  });
}
