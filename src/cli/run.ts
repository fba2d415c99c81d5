// migrate run

import { STAGES, type StageName } from '../journal/journal.ts';
import { MigrateError } from '../lib/errors.ts';
import { WAIVED_EXIT } from '../lib/exits.ts';
import { partialLines, type RunOutcome } from '../report/partial.ts';
import { resultLines } from '../report/result.ts';
import { hasWaivers } from '../report/waivers.ts';
import { defineCommand, type Invocation, type Wiring } from './command.ts';
import { sayFindings } from './findings.ts';
import { isInteractive, print, printJson, say } from './io.ts';
import { showProgress } from './progress.ts';
import { verifyExit, verifyLines, withoutKeys } from './verify-report.ts';

interface RunOptions {
  readonly takeover?: boolean;
  readonly until?: string;
  readonly only?: string;
  readonly keys?: boolean;
}

/** Stages at whose end a run can stop by itself; at the end of the others it is over. */
const STOPS: readonly StageName[] = STAGES.slice(0, STAGES.indexOf('cutover'));

export const runCommand = (wiring: Wiring) =>
  defineCommand<RunOptions>(
    {
      name: 'run',
      summary: 'migrate from where the journal stands: copy, follow, verify, cut over',
      examples: [
        'migrate run plans/postgres-to-postgres.yaml',
        'migrate run --json > result.json',
        'migrate run --until snapshot   # go on later with: migrate run',
        'migrate run --only verify   # compares, writes nothing; exit 0 equal, 4 different, 2 undecided',
        'migrate run --takeover   # the other runner is lost or hangs',
      ],
      takesPlan: true,
      configure: (command) =>
        command
          .option('--takeover', 'fence another runner of the same run and go on in its place')
          .option('--until <stage>', `stop when this stage is done: ${STOPS.join(', ')}`)
          .option('--only <part>', 'snapshot: make a copy and open it, the source stays in use; verify: compare')
          .option('--keys', 'with --only verify: list the first keys that differ; they may be personal data'),
      action: (invocation) => {
        const { options } = invocation;
        refuseWrong(options);
        return options.only === 'verify' ? compare(invocation) : migrate(invocation);
      },
    },
    wiring,
  );

function refuseWrong({ until, only, keys, takeover }: RunOptions): void {
  const refuse = (message: string): never => {
    throw new MigrateError('USAGE.ARGUMENT', message);
  };
  if (until !== undefined && stageOf(until) === undefined) refuse(`--until takes one of ${STOPS.join(', ')}`);
  if (only !== undefined && only !== 'snapshot' && only !== 'verify') refuse('--only takes snapshot or verify');
  if (only === 'verify' && (until !== undefined || takeover === true)) refuse('--only verify makes no run');
  if (keys === true && only !== 'verify') refuse('--keys goes with --only verify');
}

function stageOf(text: string | undefined): StageName | undefined {
  return STOPS.find((stage) => stage === text);
}

async function migrate({ app, io, options, log, loadPlan }: Invocation<RunOptions>): Promise<number> {
  const plan = await loadPlan();
  const progress = showProgress(io, options.quiet === true);
  try {
    const result = await app.run({
      plan,
      takeover: options.takeover === true,
      until: stageOf(options.until),
      only: options.only === 'snapshot' ? 'snapshot' : undefined,
      signal: io.signal,
      log: progress.wrap(log),
      scrub: (text) => io.secrets.scrub(text),
      onStatus: progress.follow,
      onPage: (url) => {
        // A token in a log would be a token for everybody who reads it.
        const page = isInteractive(io) ? url : `${url.replace(/#.*/, '')} (with the token: migrate status)`;
        if (options.quiet !== true) progress.wrap(log).info(`status page: ${page}`);
      },
      onFindings: (findings) => sayFindings(io, findings, options.quiet === true),
    });
    progress.stop();
    if (options.json === true) printJson(io, result);
    else for (const line of linesOf(result)) print(io, line);
    return 'waivers' in result && hasWaivers(result.waivers) ? WAIVED_EXIT : 0;
  } catch (error) {
    progress.stop();
    throw io.signal.aborted && io.signal.reason instanceof MigrateError ? io.signal.reason : error;
  }
}

function linesOf(result: RunOutcome): readonly string[] {
  return 'cutover' in result ? resultLines(result) : partialLines(result);
}

async function compare({ app, io, options, loadPlan }: Invocation<RunOptions>): Promise<number> {
  const keys = options.keys === true;
  const report = await app.verify({
    plan: await loadPlan(),
    signal: io.signal,
    progress: ({ table, rows }) => {
      if (options.quiet !== true) say(io, `${table}: compared, ${rows.toLocaleString('en-US')} rows equal`);
    },
  });
  if (options.json === true) printJson(io, keys ? report : withoutKeys(report));
  else for (const line of verifyLines(report, keys)) print(io, line);
  return verifyExit(report);
}
