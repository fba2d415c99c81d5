// A server as a process of a test: it ends with the process that started it.

import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

export interface Launch {
  /** For messages: `Kafka`. */
  readonly label: string;
  readonly command: readonly string[];
  readonly logFile: string;
  /** How long it may take to start. */
  readonly startTimeoutMs: number;
  /** True when it can be used. */
  ready(): Promise<boolean>;
}

export interface RunningProgram {
  readonly pid: number | undefined;
  /** SIGKILL, unless another signal is named; resolves when the process has ended. */
  kill(signal?: NodeJS.Signals): Promise<void>;
}

/** Resolves when the program is ready. */
export async function launch({ label, command, logFile, startTimeoutMs, ready }: Launch): Promise<RunningProgram> {
  const log = openSync(logFile, 'a');
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', ...command], { stdio: ['ignore', log, log] });
  closeSync(log);
  let ended: string | undefined;
  const exited = new Promise<void>((resolve) => {
    child.once('exit', (code, signal) => {
      ended = `it ended with ${signal ?? code}`;
      resolve();
    });
    child.once('error', (error) => {
      ended = error.message;
      resolve();
    });
  });
  const kill: RunningProgram['kill'] = async (signal = 'SIGKILL') => {
    if (ended === undefined) child.kill(signal);
    await exited;
  };
  const deadline = Date.now() + startTimeoutMs;
  while (!(await ready())) {
    if (ended === undefined && Date.now() < deadline) {
      await sleep(50);
      continue;
    }
    const output = (await readFile(logFile, 'utf8').catch(() => '')).trim().slice(-2_000);
    await kill();
    throw new Error(`${label} did not start: ${ended ?? 'no answer in time'}\n${output}`);
  }
  return { pid: child.pid, kill };
}
