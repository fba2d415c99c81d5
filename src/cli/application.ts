// What the commands need from the rest of the program. Declared here, put together in compose.ts.

import type { Finding } from '../model/finding.ts';
import type { Plan } from '../plan/plan.ts';
import type { RunResult } from '../report/result.ts';
import type { AbortOptions, AbortResult } from '../runner/abort.ts';
import type { RunView } from '../runner/inspect.ts';
import type { RunRequest } from '../runner/request.ts';

export interface Application {
  run(request: RunRequest): Promise<RunResult>;
  check(plan: Plan): Promise<readonly Finding[]>;
  /** Reads the journal; undefined when there is no run of this name. */
  inspect(plan: Plan): Promise<RunView | undefined>;
  /** Records pause or resume while no process is working on the run. */
  setPaused(plan: Plan, paused: boolean): Promise<void>;
  abort(plan: Plan, options: AbortOptions): Promise<AbortResult>;
  demo(options: DemoRequest): Promise<Readonly<Record<string, unknown>>>;
}

export interface DemoRequest {
  readonly json: boolean;
  readonly signal: AbortSignal;
  /** Runs the plan the demo has written, the way `migrate run` would. */
  readonly run: (planPath: string, env: Readonly<Record<string, string | undefined>>) => Promise<RunResult>;
  readonly say: (line: string) => void;
}
