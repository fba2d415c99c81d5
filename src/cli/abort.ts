// migrate abort

import { createInterface } from 'node:readline/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { ask, give } from '../control/client.ts';
import { socketPath } from '../control/socket.ts';
import { MigrateError } from '../lib/errors.ts';
import { person } from '../lib/person.ts';
import { refuseOver } from '../runner/abort.ts';
import { defineCommand, type Wiring } from './command.ts';
import { type Io, print, printJson, say } from './io.ts';

// A freeze is undone first, then every connection is given some seconds to end by itself.
const STOP_PATIENCE_MS = 30_000;

interface AbortOptions {
  readonly drop?: boolean;
  readonly takeover?: boolean;
  readonly yes?: boolean;
  readonly input?: boolean;
}

export const abortCommand = (wiring: Wiring) =>
  defineCommand<AbortOptions>(
    {
      name: 'abort',
      summary: 'give the run up: opens and cleans the source; --drop also drops the copied tables on the target',
      examples: ['migrate abort', 'migrate abort --drop --yes'],
      takesPlan: true,
      configure: (command) =>
        command
          .option('--drop', 'drop the tables that this run created on the target, with their rows')
          .option('--takeover', 'fence a runner that does not answer'),
      action: async ({ app, io, options, loadPlan }) => {
        const plan = await loadPlan();
        // Before anything is asked or stopped: a process that is past the commit point has work left to do.
        const found = await app.inspect(plan);
        if (found !== undefined) refuseOver(found);
        await confirm(io, options, plan.name);
        await stopProcess(socketPath(plan), io.signal);
        const result = await app.abort(plan, { drop: options.drop === true, takeover: options.takeover === true });
        if (options.json === true) printJson(io, { ...result, next: [] });
        else {
          print(io, `${result.run}: aborted`);
          for (const line of result.removed) print(io, `  removed  ${line}`);
          for (const line of result.left) print(io, `  left     ${line}`);
        }
        return 0;
      },
    },
    wiring,
  );

/** Asks a live process to end and waits until nobody answers; the lease makes sure that it has ended. */
async function stopProcess(path: string, signal: AbortSignal): Promise<void> {
  if ((await give(path, '/stop', { by: person() })) === undefined) return;
  for (
    const end = performance.now() + STOP_PATIENCE_MS;
    performance.now() < end;
    await sleep(100, undefined, { signal })
  ) {
    // The process may end in the middle of an answer.
    if ((await ask(path, 'GET', '/status').catch(() => undefined)) === undefined) return;
  }
}

async function confirm(io: Io, options: AbortOptions, run: string): Promise<void> {
  if (options.yes === true) return;
  if (options.input === false || !process.stdin.isTTY) {
    throw new MigrateError('USAGE.ARGUMENT', 'abort asks for confirmation', { fix: 'Add --yes.' });
  }
  say(io, `This gives up run ${run}${options.drop === true ? ' and drops its tables on the target' : ''}.`);
  const prompt = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await prompt.question(`Type the name of the run to go on: `, { signal: io.signal });
  prompt.close();
  if (answer.trim() !== run) throw new MigrateError('USAGE.CANCELLED', 'not confirmed, nothing was done');
}
