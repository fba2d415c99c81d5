// migrate throttle

import { ask, give } from '../control/client.ts';
import { socketPath } from '../control/socket.ts';
import { RunGate } from '../health/run-gate.ts';
import { noRun } from '../journal/no-run.ts';
import { MigrateError } from '../lib/errors.ts';
import { person } from '../lib/person.ts';
import type { Caps, ThrottleRequest, Throttling } from '../model/throttle.ts';
import type { StatusSnapshot } from '../observe/status.ts';
import type { Plan } from '../plan/plan.ts';
import type { Application } from './application.ts';
import { defineCommand, type Wiring } from './command.ts';
import { print, printJson } from './io.ts';
import { throttleLines } from './status-text.ts';

interface ThrottleOptions {
  readonly applyRows?: string;
  readonly applyMb?: string;
  readonly applyPause?: string;
  readonly snapshotRows?: string;
  readonly snapshotMb?: string;
  readonly off?: boolean;
  readonly asPlanned?: boolean;
}

const OFF: Caps = { rowsPerSecond: null, bytesPerSecond: null, batchPauseMs: null };

export const throttleCommand = (wiring: Wiring) =>
  defineCommand<ThrottleOptions>(
    {
      name: 'throttle',
      summary:
        'show how fast the run may be, or change it in place of what the plan says: for processes that start later, too',
      examples: [
        'migrate throttle',
        'migrate throttle --apply-rows 5000 --snapshot-mb 20',
        'migrate throttle --off',
        'migrate throttle --as-planned',
      ],
      takesPlan: true,
      configure: (command) =>
        command
          .option('--apply-rows <n>', 'row changes written each second at most, or off')
          .option('--apply-mb <n>', 'megabytes (1,048,576 bytes) of changes written each second at most, or off')
          .option('--apply-pause <ms>', 'milliseconds for which the target is left alone after each batch, or off')
          .option('--snapshot-rows <n>', 'rows copied each second at most, or off')
          .option('--snapshot-mb <n>', 'megabytes copied each second at most, or off')
          .option('--off', 'no limits, but for those of the other options')
          .option('--as-planned', 'what the plan says, but for the other options'),
      action: async ({ app, io, options, loadPlan }) => {
        const request = requestOf(options);
        const plan = await loadPlan();
        const live = await whileAlive(plan, request);
        const throttle = live ?? throttlesOf(plan, await recorded(app, plan, request));
        const process = live === undefined ? 'none' : 'alive';
        if (options.json === true) printJson(io, { run: plan.name, process, throttle });
        else for (const line of throttleLines(throttle)) print(io, line);
        if (options.json !== true && process === 'none') print(io, `${plan.name}: no process is working on it`);
        return 0;
      },
    },
    wiring,
  );

type Throttles = StatusSnapshot['throttle'];

/** Undefined when no process is working on the run. */
async function whileAlive(plan: Plan, request: ThrottleRequest | undefined): Promise<Throttles | undefined> {
  const path = socketPath(plan);
  if (request === undefined) return (await ask(path, 'GET', '/status'))?.throttle;
  return (await give(path, '/throttle', { ...request, by: person() }))?.status.throttle;
}

async function recorded(app: Application, plan: Plan, request: ThrottleRequest | undefined): Promise<Throttling> {
  if (request !== undefined) return app.setThrottle(plan, request);
  const view = await app.inspect(plan);
  if (view === undefined) throw noRun(plan.name);
  return view.record.throttling;
}

/** What a process that begins would hold itself to. */
function throttlesOf(plan: Plan, set: Throttling): Throttles {
  const gate = new RunGate(plan);
  gate.throttle(set);
  return gate.throttles;
}

/** Undefined when nothing is to be changed. */
function requestOf(options: ThrottleOptions): ThrottleRequest | undefined {
  const { applyRows, applyMb, applyPause, snapshotRows, snapshotMb, off = false, asPlanned = false } = options;
  const caps = (rows: [string, string | undefined], mb: [string, string | undefined]) => ({
    ...(off ? OFF : {}),
    ...(rows[1] === undefined ? {} : { rowsPerSecond: numberOf(rows[0], rows[1]) }),
    ...(mb[1] === undefined ? {} : { bytesPerSecond: times(numberOf(mb[0], mb[1]), 1_048_576) }),
  });
  const apply = {
    ...caps(['--apply-rows', applyRows], ['--apply-mb', applyMb]),
    ...(applyPause === undefined ? {} : { batchPauseMs: numberOf('--apply-pause', applyPause) }),
  };
  const snapshot = caps(['--snapshot-rows', snapshotRows], ['--snapshot-mb', snapshotMb]);
  if (!asPlanned && Object.keys({ ...apply, ...snapshot }).length === 0) return undefined;
  if (asPlanned && off) throw new MigrateError('USAGE.ARGUMENT', '--off and --as-planned exclude each other');
  return { apply, snapshot, asPlanned };
}

function numberOf(option: string, text: string): number | null {
  if (text === 'off') return null;
  if (/^\d{1,9}$/.test(text) && Number(text) > 0) return Number(text);
  throw new MigrateError('USAGE.ARGUMENT', `${option} takes a whole number from 1 on, or off`);
}

function times(value: number | null, factor: number): number | null {
  return value === null ? null : value * factor;
}
