// migrate pause, migrate resume

import { give } from '../control/client.ts';
import { socketPath } from '../control/socket.ts';
import { defineCommand, type Wiring } from './command.ts';
import { print, printJson } from './io.ts';
import { person } from './person.ts';

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
          const live = await give(socketPath(plan), `/${name}`, { by: person() });
          if (live === undefined) await app.setPaused(plan, name === 'pause');
          const result = {
            result: name === 'pause' ? 'paused' : 'resumed',
            run: plan.name,
            process: live === undefined ? 'none' : 'alive',
            ...(live === undefined ? {} : { changed: live.changed }),
          };
          if (options.json === true) printJson(io, result);
          else {
            const said = live?.said ?? `${result.result} (recorded; no process is working on it)`;
            print(io, `${result.run}: ${said}`);
          }
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
