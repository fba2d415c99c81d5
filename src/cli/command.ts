// The options every command shares, and how a command is run.

import { Command } from 'commander';
import { enableFailpoints } from '../lib/failpoint.ts';
import { createLog, type Log } from '../observe/log.ts';
import { findPlan, loadPlan } from '../plan/load.ts';
import type { Plan } from '../plan/plan.ts';
import type { Application } from './application.ts';
import { type Io, reportError } from './io.ts';

export interface CommonOptions {
  readonly json?: boolean;
  readonly plan?: string;
  readonly quiet?: boolean;
  readonly verbose?: boolean;
  readonly enableFailpoints?: boolean;
}

/** What a command's action gets: never more than it needs to do its one thing. */
export interface Invocation<Options> {
  readonly app: Application;
  readonly io: Io;
  readonly options: Options & CommonOptions;
  readonly log: Log;
  /** The first word after the command's name and its options; empty when there is none. */
  readonly argument: string;
  /** All of these words. */
  readonly words: readonly string[];
  loadPlan(): Promise<Plan>;
  /** The file that `loadPlan` reads. Throws PLAN.FILE when there is none. */
  planPath(): string;
}

export interface CommandSpec<Options> {
  readonly name: string;
  readonly summary: string;
  /** Two or three runnable lines. */
  readonly examples: readonly string[];
  /** False for commands that need no plan. `option`: their words mean something else, and only `-p` names a plan. */
  readonly takesPlan: boolean | 'option';
  readonly configure?: (command: Command) => Command;
  /** Resolves with the exit code. */
  readonly action: (invocation: Invocation<Options>) => Promise<number>;
}

export interface Wiring {
  readonly app: Application;
  readonly io: Io;
  /** Receives the exit code. */
  readonly done: (code: number) => void;
}

/** Turns a specification into a commander command. */
export function defineCommand<Options>(spec: CommandSpec<Options>, wiring: Wiring): Command {
  const command = new Command(spec.name)
    .description(spec.summary)
    .option('--json', 'print data as JSON; the last line of stdout is the result')
    .option('-q, --quiet', 'only errors on stderr')
    .option('-v, --verbose', 'more detail on stderr')
    .addHelpText('after', `\nExamples:\n${spec.examples.map((line) => `  $ ${line}`).join('\n')}\n`);
  if (spec.takesPlan === true) {
    command.argument('[plan]', 'the plan file (default: ./migrate.yaml, ./migrate.yml, then $MIGRATE_PLAN)');
  }
  if (spec.takesPlan !== false) {
    command
      .option('-p, --plan <file>', 'the plan file, as an option')
      .option('--yes', 'answer yes to every question')
      .option('--no-input', 'never ask; fail where a question would be asked');
  }
  spec.configure?.(command);
  command.addOption(command.createOption('--enable-failpoints').hideHelp());
  return command.action(async (...parameters: unknown[]) => {
    const words = parameters.flat().filter((parameter) => typeof parameter === 'string');
    wiring.done(await invoke(spec, wiring, command.opts(), words));
  });
}

async function invoke<Options>(
  spec: CommandSpec<Options>,
  { app, io }: Wiring,
  options: Options & CommonOptions,
  words: readonly string[],
): Promise<number> {
  const json = options.json === true;
  try {
    if (options.enableFailpoints === true) enableFailpoints(io.env.MIGRATE_FAILPOINTS ?? '');
    const level = options.quiet === true ? 'error' : options.verbose === true ? 'debug' : 'info';
    const planPath = (): string => (spec.takesPlan === true ? words[0] : undefined) ?? options.plan ?? findPlan(io.env);
    return await spec.action({
      app,
      io,
      options,
      argument: words[0] ?? '',
      words,
      log: createLog({ level, json, secrets: io.secrets, stream: io.stderr }),
      loadPlan: async () => loadPlan(planPath(), io.env, io.secrets),
      planPath,
    });
  } catch (error) {
    return reportError(io, error, json);
  }
}
