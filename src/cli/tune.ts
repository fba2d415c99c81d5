// migrate tune

import type { Setting } from '../apply/tune-measure.ts';
import { MigrateError } from '../lib/errors.ts';
import type { Plan } from '../plan/plan.ts';
import { writePlanFields } from '../plan/write.ts';
import type { TunedSetting, TuneReport } from '../runner/tune.ts';
import { defineCommand, type Invocation, type Wiring } from './command.ts';
import { print, printJson, say } from './io.ts';

interface TuneOptions {
  readonly settings?: string;
  readonly rows?: string;
  readonly seconds?: string;
  readonly commitMs?: string;
  readonly write?: boolean;
  readonly drop?: boolean;
}

/** Each beside what the plan has. */
const DEFAULT_SETTINGS = '1x1000,1x5000,2x5000,4x5000,4x20000,8x20000';
const DEFAULTS = { rows: 100_000, seconds: 20, commitMs: 1_000 } as const;
/** As the plan takes them. */
const MOST = { lanes: 64, batchRows: 1_000_000 } as const;

export const tuneCommand = (wiring: Wiring) =>
  defineCommand<TuneOptions>(
    {
      name: 'tune',
      summary:
        'replay the backlog of the run into scratch tables on the target with several numbers of lanes and sizes of batches; the run is not touched',
      examples: [
        'migrate tune',
        'migrate tune --settings 2x5000,4x5000,8x5000 --rows 200000',
        'migrate tune plans/mysql-to-postgres.yaml --write --json',
      ],
      takesPlan: true,
      configure: (command) =>
        command
          .option('--settings <list>', `LANESxROWS, comma-separated (default: the plan's and ${DEFAULT_SETTINGS})`)
          .option('--rows <count>', `row changes of the backlog to replay (default: ${DEFAULTS.rows})`)
          .option('--seconds <count>', `how long one setting is measured at most (default: ${DEFAULTS.seconds})`)
          .option(
            '--commit-ms <count>',
            `how long a batch may take until it is durable, 95 of 100 (default: ${DEFAULTS.commitMs})`,
          )
          .option('--write', 'write the best setting into the plan')
          .option('--drop', 'only remove what a measurement that was killed left on the target'),
      action: async (invocation) => {
        const asked = read(invocation.options);
        const plan = await invocation.loadPlan();
        return invocation.options.drop === true ? drop(invocation, plan) : tune(invocation, plan, asked);
      },
    },
    wiring,
  );

interface Asked {
  /** Undefined: the default ones. */
  readonly settings: readonly Setting[] | undefined;
  readonly rows: number;
  readonly maxMs: number;
  readonly goalMs: number;
}

/** Throws USAGE.ARGUMENT. */
function read({ settings, rows, seconds, commitMs, write, drop: drops }: TuneOptions): Asked {
  if (write === true && drops === true) throw usage('--drop measures nothing that --write could write');
  return {
    settings: settings === undefined ? undefined : readSettings(settings),
    rows: count('--rows', rows, DEFAULTS.rows, 10_000_000),
    maxMs: count('--seconds', seconds, DEFAULTS.seconds, 3_600) * 1_000,
    goalMs: count('--commit-ms', commitMs, DEFAULTS.commitMs, 3_600_000),
  };
}

/** `2x5000,4x20000`: lanes and rows of a batch; each once, in the order given. Throws USAGE.ARGUMENT. */
export function readSettings(text: string): readonly Setting[] {
  const found = new Map<string, Setting>();
  for (const part of text.split(',')) {
    const [, lanes, batchRows] = /^\s*(\d{1,7})[x:](\d{1,7})\s*$/.exec(part) ?? [];
    const setting = { lanes: Number(lanes), batchRows: Number(batchRows) };
    const isValid = within(setting.lanes, MOST.lanes) && within(setting.batchRows, MOST.batchRows);
    if (!isValid) {
      throw usage(
        `--settings takes LANESxROWS, 1 to ${MOST.lanes} lanes and 1 to ${MOST.batchRows} rows, as in 2x5000,4x20000`,
      );
    }
    found.set(`${setting.lanes}x${setting.batchRows}`, setting);
  }
  return [...found.values()];
}

function count(option: string, text: string | undefined, otherwise: number, most: number): number {
  if (text === undefined) return otherwise;
  const value = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (!within(value, most)) throw usage(`${option} takes a whole number from 1 to ${most}`);
  return value;
}

function within(value: number, most: number): boolean {
  return value >= 1 && value <= most;
}

function usage(message: string): MigrateError {
  return new MigrateError('USAGE.ARGUMENT', message);
}

async function tune(invocation: Invocation<TuneOptions>, plan: Plan, asked: Asked): Promise<number> {
  const { app, io, options, log } = invocation;
  const { lanes, batchRows } = plan.apply;
  const report = await app.tune({
    ...asked,
    plan,
    settings: asked.settings ?? readSettings(`${lanes}x${batchRows},${DEFAULT_SETTINGS}`),
    log,
    signal: io.signal,
    progress: (doing) => {
      if (options.quiet !== true) say(io, doing);
    },
  });
  const { best } = report;
  const written = options.write === true && best !== null;
  if (written) {
    await writePlanFields(invocation.planPath(), 'apply', { lanes: best.lanes, batchRows: best.batchRows });
  }
  const next = written
    ? [{ command: 'migrate run', why: 'what the plan says of lanes counts from the next start on' }]
    : [];
  if (options.json === true) {
    printJson(io, { result: 'ok', ...report, written, next });
    return 0;
  }
  for (const line of lines(report, asked.goalMs)) print(io, line);
  if (written) print(io, `written to ${invocation.planPath()}; it counts from the next start of the run on`);
  return 0;
}

async function drop({ app, io, options }: Invocation<TuneOptions>, plan: Plan): Promise<number> {
  const removed = await app.dropTuning(plan);
  if (options.json === true) printJson(io, { result: removed ? 'removed' : 'nothing', run: plan.name, next: [] });
  else print(io, `${plan.name}: ${removed ? 'removed' : 'there was nothing to remove'}`);
  return 0;
}

const WIDTHS = [5, 9, 10, 12, 8, 8, 8] as const;

function lines({ sample, settings, best }: TuneReport, goalMs: number): readonly string[] {
  const { rows, tables, filled, isAll } = sample;
  const head = ['lanes', 'batchRows', 'rows/s', 'rows/commit', 'p50 ms', 'p95 ms', 'p99 ms'];
  const largest = Math.max(...settings.map(({ lanes, batchRows }) => lanes * batchRows));
  return [
    `sample    ${number(rows)} row changes of ${tables} tables${isAll ? ', all there is' : ''}; ${number(filled)} rows were there before`,
    `  ${columns(head)}`,
    ...settings.map((setting) => `${setting.isBest ? '* ' : '  '}${columns(cells(setting))}${remark(setting)}`),
    best === null
      ? `none keeps to ${goalMs} ms: smaller batches, or a larger --commit-ms`
      : `best      apply.lanes: ${best.lanes}, apply.batchRows: ${best.batchRows} (--write writes it into the plan)`,
    ...(rows < largest ? ['The sample is smaller than what all lanes take at once: a larger backlog tells more.'] : []),
  ];
}

function cells({ lanes, batchRows, rowsPerSecond, rowsPerCommit, commitMs }: TunedSetting): readonly string[] {
  const { p50, p95, p99 } = commitMs;
  return [lanes, batchRows, rowsPerSecond, rowsPerCommit, p50, p95, p99].map(number);
}

function remark({ isPlanned, isWhole }: TunedSetting): string {
  const remarks = [...(isPlanned ? ['as the plan has it'] : []), ...(isWhole ? [] : ['stopped by --seconds'])];
  return remarks.length === 0 ? '' : `   ${remarks.join(', ')}`;
}

function columns(words: readonly string[]): string {
  return words.map((word, index) => word.padStart(WIDTHS[index] ?? 0)).join(' ');
}

function number(value: number): string {
  return value.toLocaleString('en-US');
}
