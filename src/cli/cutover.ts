// migrate cutover

import { Option } from 'commander';
import { ask, give } from '../control/client.ts';
import { socketPath } from '../control/socket.ts';
import { MigrateError } from '../lib/errors.ts';
import { person } from '../lib/person.ts';
import { defineCommand, type Wiring } from './command.ts';
import { print, printJson } from './io.ts';
import { statusLines } from './status-text.ts';

interface CutoverOptions {
  readonly dryRun?: boolean;
  readonly cancel?: boolean;
  readonly switched?: boolean;
  readonly undo?: boolean;
}

/** What is answered where a forecast would be out of place. */
const SAID: Readonly<Record<string, string>> = {
  cancelled: 'cancelled',
  switched: 'the run goes forward: the applications write to the target',
  undo: 'the run goes back: the applications write to the source',
};

const FLAGS = ['dryRun', 'cancel', 'switched', 'undo'];

/** One of the four: together they would contradict each other. */
function only(flag: string, description: string): Option {
  const option = new Option(flag, description);
  return option.conflicts(FLAGS.filter((name) => name !== option.attributeName()));
}

export const cutoverCommand = (wiring: Wiring) =>
  defineCommand<CutoverOptions>(
    {
      name: 'cutover',
      summary: 'let the running process cut over as soon as it can',
      examples: ['migrate cutover --dry-run', 'migrate cutover', 'migrate cutover --cancel'],
      takesPlan: true,
      configure: (command) =>
        command
          .addOption(only('--dry-run', 'say what would happen now; changes nothing'))
          .addOption(only('--cancel', 'take back the permission, as long as the freeze has not begun'))
          .addOption(only('--switched', 'after an ambiguous switch: the applications do write to the target'))
          .addOption(only('--undo', 'after an ambiguous switch: the applications do not, go back to the source')),
      action: async ({ app, io, options, loadPlan }) => {
        const plan = await loadPlan();
        const path = socketPath(plan);
        const decision = options.switched === true ? 'switched' : options.undo === true ? 'undo' : undefined;
        const status =
          options.dryRun === true
            ? await ask(path, 'GET', '/status')
            : (
                await give(path, options.cancel === true ? '/cutover/cancel' : '/cutover', {
                  by: person(),
                  ...(decision === undefined ? {} : { decision }),
                })
              )?.status;
        if (status === undefined) {
          const over = (await app.inspect(plan))?.record.outcome === 'complete';
          if (over) throw new MigrateError('RUN.COMPLETE', `run ${plan.name} has cut over already`);
          throw new MigrateError('CONTROL.UNREACHABLE', `no process is working on run ${plan.name}`);
        }
        const forecast = {
          lagSeconds: status.stream.lagSeconds,
          keysToCompare: status.verify.pendingKeys,
          budgetMs: plan.cutover.budget,
          ready:
            status.stage === 'cutover' &&
            status.health.probes.every(({ state, holds }) => state === 'well' || holds.length === 0) &&
            status.stream.lagSeconds !== null &&
            status.stream.lagSeconds * 1000 <= plan.cutover.maxLag,
        };
        const result = options.dryRun === true ? 'forecast' : options.cancel === true ? 'cancelled' : 'requested';
        if (options.json === true) printJson(io, { result, run: plan.name, stage: status.stage, forecast });
        else {
          const outlook = `${forecast.ready ? 'can begin now' : 'cannot begin yet'}, at most ${forecast.budgetMs} ms of write pause`;
          for (const line of statusLines(status)) print(io, line);
          print(io, `cutover   ${SAID[decision ?? result] ?? `${result}: ${outlook}`}`);
        }
        return 0;
      },
    },
    wiring,
  );
