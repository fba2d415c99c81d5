// The life of one attempt: it ends with its work, or with whatever goes wrong first, and then everything it began has
// ended. It never repeats anything itself; a process that was killed and one that lost a connection take the same way in.

import { Pulse } from '../health/pulse.ts';
import { MigrateError } from '../lib/errors.ts';
import type { RunOutcome } from '../report/partial.ts';
import { recordEnd, runError } from './end.ts';
import type { Endpoints } from './endpoints.ts';
import type { Runner } from './runner.ts';
import { SchemaWatch } from './schema.ts';
import { walk } from './walk.ts';

// Long enough for the work in hand to end by itself, for a freeze to be undone; then every connection is cut.
const SETTLE_MS = 8_000;

/** Walks the stages to the end. Rejects with what stopped it, after everything it started has stopped. */
export async function attempt(runner: Runner, endpoints: Endpoints): Promise<RunOutcome> {
  const { request, status } = runner;
  const stop = new AbortController();
  const interrupt = (): void => stop.abort(request.signal.reason);
  request.signal.addEventListener('abort', interrupt, { once: true });
  if (request.signal.aborted) interrupt();
  const pulse = new Pulse(request.plan.limits.networkTimeout);
  const schema = new SchemaWatch({ endpoints, plan: request.plan, status, log: request.log });
  const work = walk(runner, endpoints, { pulse, schema, stop });
  try {
    const outcome = await Promise.race([work, endpoints.lease.lost, pulse.failed, aborted(stop.signal)]);
    await recordEnd(endpoints.journal, null);
    return outcome;
  } catch (error) {
    stop.abort(error);
    await settled(work, SETTLE_MS);
    const explained = request.signal.aborted ? request.signal.reason : await schema.explained(error);
    await recordEnd(endpoints.journal, runError(explained, request.scrub));
    endpoints.destroy(new Error('the attempt ended'));
    await work.catch(() => undefined);
    throw explained;
  } finally {
    request.signal.removeEventListener('abort', interrupt);
    pulse.stop();
  }
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const fail = (): void => reject(signal.reason ?? new MigrateError('INTERRUPTED', 'stopped'));
    if (signal.aborted) fail();
    else signal.addEventListener('abort', fail, { once: true });
  });
}

async function settled(work: Promise<unknown>, timeoutMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, timeoutMs);
  });
  await Promise.race([work.then(() => undefined).catch(() => undefined), late]);
  clearTimeout(timer);
}
