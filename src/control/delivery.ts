// Brings one message to its receiver: a webhook, or a program with next to nothing of our environment.

import { spawn } from 'node:child_process';
import type { Plan } from '../plan/plan.ts';
import type { News } from './news.ts';

export type Receiver = Plan['notify'][number];

/** For messages: of a url only the host, what follows it is often a secret. */
export function receiverName(receiver: Receiver): string {
  return receiver.kind === 'webhook' ? `webhook ${new URL(receiver.url).host}` : `command ${receiver.run[0]}`;
}

/** Rejects with why it was not taken; the message names neither the rest of a url nor what a program has printed. */
export async function deliver(receiver: Receiver, news: News, signal: AbortSignal): Promise<void> {
  const limited = AbortSignal.any([signal, AbortSignal.timeout(receiver.timeout)]);
  if (receiver.kind === 'webhook') await post(receiver.url, news, limited);
  else await run(receiver.run, news, limited);
}

async function post(url: string, news: News, signal: AbortSignal): Promise<void> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(news),
    redirect: 'manual',
    signal,
  }).catch((error: unknown) => {
    throw new Error(signal.aborted ? 'no answer in time' : `cannot be reached (${causeOf(error)})`);
  });
  await response.body?.cancel();
  if (!response.ok) throw new Error(`answered ${response.status}`);
}

function causeOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof Error && 'code' in cause ? String(cause.code) : 'no connection';
}

function run(argv: readonly string[], news: News, signal: AbortSignal): Promise<void> {
  const { PATH, HOME } = process.env;
  const child = spawn(argv[0] ?? '', argv.slice(1), {
    env: {
      ...(PATH === undefined ? {} : { PATH }),
      ...(HOME === undefined ? {} : { HOME }),
      MIGRATE_RUN: news.run,
      MIGRATE_EVENT: news.event,
      MIGRATE_STAGE: news.stage,
      MIGRATE_TEXT: news.text,
    },
    stdio: 'ignore',
    signal,
    killSignal: 'SIGKILL',
  });
  return new Promise((resolve, reject) => {
    child.once('error', (error: NodeJS.ErrnoException) => {
      reject(new Error(signal.aborted ? 'was ended after its time' : `could not be started (${error.code})`));
    });
    child.once('exit', (code, ended) => {
      if (code === 0) resolve();
      else reject(new Error(code === null ? `was ended by ${ended}` : `failed with exit code ${code}`));
    });
  });
}
