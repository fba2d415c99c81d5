// A switch that runs a program: an argument list, no shell, next to nothing of our environment (it holds secrets).

import { type ChildProcess, spawn } from 'node:child_process';
import { MigrateError } from '../../lib/errors.ts';
import type { SwitchContext, SwitchDriver } from './switch.ts';

export interface CommandSwitchOptions {
  readonly run: readonly string[];
  readonly undo?: readonly string[];
  readonly timeoutMs: number;
  readonly idempotent: boolean;
  /** Takes secrets out of a text. */
  readonly scrub: (text: string) => string;
}

// Enough for the last lines of an error; the program's own log has the rest.
const OUTPUT_BYTES = 4_096;
const KILL_AFTER_MS = 2_000;
// A child of the program may keep the output open for good.
const OUTPUT_GRACE_MS = 200;

export class CommandSwitch implements SwitchDriver {
  readonly name: string;
  readonly idempotent: boolean;
  readonly undo?: (context: SwitchContext) => Promise<void>;
  readonly #options: CommandSwitchOptions;

  constructor(options: CommandSwitchOptions) {
    this.#options = options;
    this.name = `command ${options.run[0] ?? ''}`;
    this.idempotent = options.idempotent;
    const { undo } = options;
    if (undo !== undefined) this.undo = (context) => runCommand(undo, context, options);
  }

  do(context: SwitchContext): Promise<void> {
    return runCommand(this.#options.run, context, this.#options);
  }
}

async function runCommand(
  argv: readonly string[],
  context: SwitchContext,
  { timeoutMs, scrub }: CommandSwitchOptions,
): Promise<void> {
  const program = argv[0] ?? '';
  const child = spawn(program, argv.slice(1), {
    env: environment(context),
    stdio: ['ignore', 'pipe', 'pipe'],
    // A group of its own: Ctrl-C in the terminal does not reach it, and its children can be ended with it.
    detached: true,
  });
  const output = capture(child);
  let timedOut = false;
  const timers = [
    setTimeout(() => {
      timedOut = true;
      end(child, 'SIGTERM');
    }, timeoutMs),
    setTimeout(() => end(child, 'SIGKILL'), timeoutMs + KILL_AFTER_MS),
  ];
  try {
    const ended = await exit(child);
    const text = (problem: string): string => scrub(`${program} ${problem}${output()}`);
    if ('failure' in ended) throw new MigrateError('CUTOVER.SWITCH', text(`could not be started (${ended.failure})`));
    if (timedOut) throw new MigrateError('CUTOVER.AMBIGUOUS', text(`was ended after ${timeoutMs} ms`));
    if (ended.signal !== null) throw new MigrateError('CUTOVER.AMBIGUOUS', text(`was ended by ${ended.signal}`));
    if (ended.code !== 0) throw new MigrateError('CUTOVER.SWITCH', text(`failed with exit code ${ended.code}`));
  } finally {
    for (const timer of timers) clearTimeout(timer);
  }
}

function environment(context: SwitchContext): NodeJS.ProcessEnv {
  const { PATH, HOME } = process.env;
  return {
    ...(PATH === undefined ? {} : { PATH }),
    ...(HOME === undefined ? {} : { HOME }),
    MIGRATE_RUN: context.run,
    MIGRATE_EPOCH: String(context.epoch),
    MIGRATE_IDEMPOTENCY_KEY: context.idempotencyKey,
  };
}

/** Keeps the end of what the program prints. */
function capture(child: ChildProcess): () => string {
  let kept = Buffer.alloc(0);
  const keep = (bytes: Buffer): void => {
    kept = Buffer.concat([kept, bytes]).subarray(-OUTPUT_BYTES);
  };
  child.stdout?.on('data', keep);
  child.stderr?.on('data', keep);
  return () => (kept.length === 0 ? '' : `: ${kept.toString('utf8').trim()}`);
}

type Ended = { readonly failure: string } | { readonly code: number | null; readonly signal: NodeJS.Signals | null };

function exit(child: ChildProcess): Promise<Ended> {
  return new Promise((resolve) => {
    child.once('error', (error: NodeJS.ErrnoException) => {
      if (child.pid === undefined) resolve({ failure: error.code ?? error.message });
    });
    child.once('close', (code, signal) => resolve({ code, signal }));
    child.once('exit', (code, signal) => {
      setTimeout(() => {
        child.stdout?.destroy();
        child.stderr?.destroy();
        resolve({ code, signal });
      }, OUTPUT_GRACE_MS);
    });
  });
}

function end(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // It ended by itself in this moment.
  }
}
