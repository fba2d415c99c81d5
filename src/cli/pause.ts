// migrate pause, migrate resume

import { Option } from 'commander';
import { give } from '../control/client.ts';
import { socketPath } from '../control/socket.ts';
import { person } from '../lib/person.ts';
import { defineCommand, type Wiring } from './command.ts';
import { print, printJson } from './io.ts';

const PARTS = {
  pause: 'the copy, or the apply, instead of both',
  resume: 'the copy, or the apply; without it everything goes on',
} as const;

function gateCommand(name: 'pause' | 'resume', summary: string) {
  return (wiring: Wiring) =>
    defineCommand<{ readonly only?: 'snapshot' | 'apply' }>(
      {
        name,
        summary,
        examples: [
          `migrate ${name}`,
          `migrate ${name} --only apply`,
          `migrate ${name} plans/postgres-to-postgres.yaml --json`,
        ],
        takesPlan: true,
        configure: (command) =>
          command.addOption(new Option('--only <part>', PARTS[name]).choices(['snapshot', 'apply'])),
        action: async ({ app, io, options, loadPlan }) => {
          const plan = await loadPlan();
          const { only } = options;
          const live = await give(socketPath(plan), `/${name}`, { ...(only && { only }), by: person() });
          if (live === undefined) await app.setPaused(plan, { verb: name, part: only ?? 'run' });
          const result = {
            result: name === 'pause' ? 'paused' : 'resumed',
            run: plan.name,
            ...(only && { only }),
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
