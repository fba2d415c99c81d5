// migrate pause, migrate resume

import { ask } from '../control/client.ts';
import { socketPath } from '../control/socket.ts';
import { defineCommand, type Wiring } from './command.ts';
import { print, printJson } from './io.ts';

function gateCommand(name: 'pause' | 'resume', summary: string) {
  return (wiring: Wiring) =>
    defineCommand<object>(
      {
        name,
        summary,
        examples: [`migrate ${name}`, `migrate ${name} plans/postgres-to-postgres.yaml --json`],
        takesPlan: true,
        action: async ({ app, io, options, loadPlan }) => {
          const plan = await loadPlan();
          const live = await ask(socketPath(plan), 'POST', `/${name}`);
          if (live === undefined) await app.setPaused(plan, name === 'pause');
          const result = {
            result: name === 'pause' ? 'paused' : 'resumed',
            run: plan.name,
            process: live === undefined ? 'none' : 'alive',
          };
          if (options.json === true) printJson(io, result);
          else
            print(
              io,
              `${result.run}: ${result.result}${live === undefined ? ' (recorded; no process is working on it)' : ''}`,
            );
          return 0;
        },
      },
      wiring,
    );
}

export const pauseCommand = gateCommand(
  'pause',
  'hold copy and apply after the work in hand; the source keeps its log meanwhile',
);
export const resumeCommand = gateCommand('resume', 'go on after a pause');
