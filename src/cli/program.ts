// The command line: one program, one list of commands.

import { Command, CommanderError } from 'commander';
import { EXITS, USAGE_EXIT } from '../lib/exits.ts';
import { VERSION } from '../lib/version.ts';
import { abortCommand } from './abort.ts';
import type { Application } from './application.ts';
import { auditCommand } from './audit.ts';
import { checkCommand } from './check.ts';
import type { Wiring } from './command.ts';
import { completionCommand } from './completion.ts';
import { cutoverCommand } from './cutover.ts';
import { deadLettersCommand } from './dead-letters.ts';
import { demoCommand } from './demo.ts';
import { explainCommand } from './explain.ts';
import { grantsCommand } from './grants.ts';
import { initCommand } from './init.ts';
import type { Io } from './io.ts';
import { pauseCommand, resumeCommand } from './pause.ts';
import { reportCommand } from './report.ts';
import { runCommand } from './run.ts';
import { statusCommand } from './status.ts';
import { tableCommand } from './table.ts';
import { throttleCommand } from './throttle.ts';
import { tuneCommand } from './tune.ts';
import { workerCommand } from './worker.ts';

function exitLines(): readonly string[] {
  return Object.entries(EXITS).map(([code, meaning]) => `  ${code.padStart(3)}  ${meaning}`);
}

/** Runs one command line; resolves with the exit code. */
export async function runCommandLine(argv: readonly string[], app: Application, io: Io): Promise<number> {
  let code = 0;
  const program = createProgram({
    app,
    io,
    done: (result) => {
      code = result;
    },
  });
  try {
    await program.parseAsync([...argv], { from: 'user' });
    return code;
  } catch (error) {
    // Help and version end here too, with exit code 0; commander has already printed everything.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : USAGE_EXIT;
    throw error;
  }
}

/** The commander tree; also the source of docs/cli.md. */
export function createProgram(wiring: Wiring): Command {
  const program = new Command('migrate')
    .description('Moves a live database to another one: copy, follow the log, verify, cut over.')
    .version(VERSION)
    .showHelpAfterError('(add --help for how to use it)')
    .addHelpText('after', `\nExit codes:\n${exitLines().join('\n')}`);
  const commands = [
    initCommand,
    runCommand,
    checkCommand,
    workerCommand,
    statusCommand,
    pauseCommand,
    resumeCommand,
    throttleCommand,
    tableCommand,
    deadLettersCommand,
    tuneCommand,
    cutoverCommand,
    abortCommand,
    reportCommand,
    auditCommand,
    grantsCommand,
    explainCommand,
    demoCommand,
    (parts: Wiring) => completionCommand(parts, () => program),
  ].map((create) => create(wiring));
  for (const command of [program, ...commands]) {
    command.exitOverride();
    command.configureOutput({
      writeOut: (text) => wiring.io.stdout.write(text),
      writeErr: (text) => wiring.io.stderr.write(text),
    });
  }
  for (const command of commands) program.addCommand(command);
  return program;
}
