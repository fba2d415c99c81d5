// migrate throttle

import { ask, give } from '../control/client.ts';
import type { ThrottleRequest } from '../control/controls.ts';
import { socketPath } from '../control/socket.ts';
import { MigrateError } from '../lib/errors.ts';
import { defineCommand, type Wiring } from './command.ts';
import { print, printJson } from './io.ts';
import { person } from './person.ts';
import { throttleLines } from './status-text.ts';

interface ThrottleOptions {
  readonly applyRows?: string;
  readonly applyMb?: string;
  readonly snapshotRows?: string;
  readonly snapshotMb?: string;
  readonly off?: boolean;
}

const OFF = { rowsPerSecond: null, bytesPerSecond: null };

export const throttleCommand = (wiring: Wiring) =>
  defineCommand<ThrottleOptions>(
    {
      name: 'throttle',
      summary:
        'show how fast the running process may be, or change it until the process ends; the plan holds for the next one',
      examples: ['migrate throttle', 'migrate throttle --apply-rows 5000 --snapshot-mb 20', 'migrate throttle --off'],
      takesPlan: true,
      configure: (command) =>
        command
          .option('--apply-rows <n>', 'row changes written each second at most, or off')
          .option('--apply-mb <n>', 'megabytes (1,048,576 bytes) of changes written each second at most, or off')
          .option('--snapshot-rows <n>', 'rows copied each second at most, or off')
          .option('--snapshot-mb <n>', 'megabytes copied each second at most, or off')
          .option('--off', 'no limits, but for those of the other options'),
      action: async ({ io, options, loadPlan }) => {
        const request = requestOf(options);
        const plan = await loadPlan();
        const path = socketPath(plan);
        const changes = Object.keys({ ...request.apply, ...request.snapshot }).length > 0;
        const status = changes
          ? (await give(path, '/throttle', { ...request, by: person() }))?.status
          : await ask(path, 'GET', '/status');
        if (status === undefined) {
          throw new MigrateError('CONTROL.UNREACHABLE', `no process is working on run ${plan.name}`, {
            fix: 'Start the run; what holds from its start on stands in the plan: apply.maxRowsPerSecond and its kind.',
          });
        }
        if (options.json === true) printJson(io, { run: plan.name, throttle: status.throttle });
        else for (const line of throttleLines(status.throttle)) print(io, line);
        return 0;
      },
    },
    wiring,
  );

function requestOf({ applyRows, applyMb, snapshotRows, snapshotMb, off = false }: ThrottleOptions): ThrottleRequest {
  const caps = (rows: [string, string | undefined], mb: [string, string | undefined]) => ({
    ...(off ? OFF : {}),
    ...(rows[1] === undefined ? {} : { rowsPerSecond: numberOf(rows[0], rows[1]) }),
    ...(mb[1] === undefined ? {} : { bytesPerSecond: times(numberOf(mb[0], mb[1]), 1_048_576) }),
  });
  return {
    apply: caps(['--apply-rows', applyRows], ['--apply-mb', applyMb]),
    snapshot: caps(['--snapshot-rows', snapshotRows], ['--snapshot-mb', snapshotMb]),
  };
}

function numberOf(option: string, text: string): number | null {
  if (text === 'off') return null;
  if (/^\d{1,9}$/.test(text) && Number(text) > 0) return Number(text);
  throw new MigrateError('USAGE.ARGUMENT', `${option} takes a whole number from 1 on, or off`);
}

function times(value: number | null, factor: number): number | null {
  return value === null ? null : value * factor;
}
