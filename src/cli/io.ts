// How commands talk: data on stdout, everything else on stderr, errors with code, cause and cure.

import { CODES } from '../lib/codes.ts';
import { type MigrateError, toMigrateError } from '../lib/errors.ts';
import { controlsEscaped, withoutControls } from '../observe/control-characters.ts';
import type { Secrets } from '../observe/secrets.ts';

export interface Io {
  readonly stdout: NodeJS.WritableStream & { readonly isTTY?: boolean };
  readonly stderr: NodeJS.WritableStream & { readonly isTTY?: boolean };
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Aborted by the first Ctrl-C or SIGTERM. */
  readonly signal: AbortSignal;
  readonly secrets: Secrets;
}

/** One line of data. */
export function print(io: Io, line: string): void {
  io.stdout.write(`${shown(io, line)}\n`);
}

/** With every character: JSON has a way to write those that a terminal would act on. */
export function printJson(io: Io, value: unknown): void {
  io.stdout.write(`${io.secrets.scrub(controlsEscaped(JSON.stringify(value)))}\n`);
}

/** One line for people. */
export function say(io: Io, line: string): void {
  io.stderr.write(`${shown(io, line)}\n`);
}

/** A text as it may be shown: without secrets and without what a terminal would act on. */
export function shown(io: Io, text: string): string {
  return io.secrets.scrub(withoutControls(text));
}

/** True when frames may be redrawn in place. */
export function isInteractive(io: Io): boolean {
  // A terminal without a width cannot be drawn on.
  const width = 'columns' in io.stderr ? io.stderr.columns : 0;
  return io.stderr.isTTY === true && Number(width) > 0 && io.env.CI === undefined && io.env.TERM !== 'dumb';
}

/** Prints an error and tells the exit code. With `json` the last line of stdout is the error as an object. */
export function reportError(io: Io, thrown: unknown, json: boolean): number {
  const error = toMigrateError(thrown);
  for (const line of errorLines(error)) say(io, line);
  if (error.disposition === 'bug' && error.cause instanceof Error) say(io, `  stack ${error.cause.stack ?? ''}`);
  if (json) {
    printJson(io, {
      result: 'failed',
      code: error.code,
      message: error.message,
      why: CODES[error.code].why,
      fix: error.fix,
      disposition: error.disposition,
      next: [{ command: `migrate explain ${error.code}`, why: error.fix }],
    });
  }
  return exitCode(error);
}

export function exitCode(error: MigrateError): number {
  return CODES[error.code].exit;
}

function errorLines(error: MigrateError): readonly string[] {
  const [first = '', ...rest] = error.message.split('\n');
  return [
    `error[${error.code}] ${first}`,
    ...rest.map((line) => `  ${line}`),
    `  why   ${CODES[error.code].why}`,
    `  fix   ${error.fix}`,
  ];
}
