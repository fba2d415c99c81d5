// What the commands need from the rest of the program. Declared here, put together in compose.ts.

import type { LetterRequest, TableAnswer, TableRequest } from '../control/controls.ts';
import type { LettersView } from '../control/letter-view.ts';
import type { AuditRecord } from '../journal/audit.ts';
import type { DeadLetter } from '../journal/dead-letters.ts';
import type { PauseRequest } from '../model/pause.ts';
import type { ThrottleRequest, Throttling } from '../model/throttle.ts';
import type { Plan } from '../plan/plan.ts';
import type { RunOutcome } from '../report/partial.ts';
import type { AbortOptions, AbortResult } from '../runner/abort.ts';
import type { Preflight } from '../runner/check.ts';
import type { GrantsRequest, SideGrants } from '../runner/grants.ts';
import type { RunView } from '../runner/inspect.ts';
import type { LettersAnswer } from '../runner/letters.ts';
import type { RunRequest } from '../runner/request.ts';
import type { TuneReport, TuneRequest } from '../runner/tune.ts';
import type { VerifyReport, VerifyRequest } from '../runner/verify.ts';
import type { WorkRequest, WorkResult } from '../runner/worker.ts';

export interface Application {
  run(request: RunRequest): Promise<RunOutcome>;
  /** Compares the two databases as they are; writes nothing. */
  verify(request: VerifyRequest): Promise<VerifyReport>;
  check(plan: Plan): Promise<Preflight>;
  /** Reads the journal; undefined when there is no run of this name. */
  inspect(plan: Plan): Promise<RunView | undefined>;
  /** Works on a run that another process leads, until it is over. */
  work(request: WorkRequest): Promise<WorkResult>;
  /** Records pause or resume while no process is working on the run. */
  setPaused(plan: Plan, request: PauseRequest): Promise<void>;
  /** Records how fast the run may be while no process is working on it; resolves with what is set from then on. */
  setThrottle(plan: Plan, request: ThrottleRequest): Promise<Throttling>;
  /** Records what is asked for a table while no process is working on the run. */
  requestTable(plan: Plan, request: TableRequest): Promise<TableAnswer>;
  /** The latest of the audit trail, the newest first. Rejects with RUN.NONE. */
  audit(plan: Plan, most: number): Promise<readonly AuditRecord[]>;
  /** Every dead letter; `wanted` says of which the values are read. */
  letters(plan: Plan, wanted: (letter: DeadLetter) => boolean): Promise<LettersView>;
  /** Replays or waives dead letters while no process is working on the run. */
  settleLetters(plan: Plan, request: LetterRequest): Promise<LettersAnswer>;
  abort(plan: Plan, options: AbortOptions): Promise<AbortResult>;
  grants(plan: Plan, request: GrantsRequest): Promise<readonly SideGrants[]>;
  /** Replays the backlog with several settings; the run is not touched. */
  tune(request: TuneRequest): Promise<TuneReport>;
  /** Removes what a killed measurement left on the target; false when there is nothing. */
  dropTuning(plan: Plan): Promise<boolean>;
  demo(options: DemoRequest): Promise<Readonly<Record<string, unknown>>>;
}

export interface DemoRequest {
  readonly json: boolean;
  readonly signal: AbortSignal;
  /** Runs the plan the demo has written, the way `migrate run` would. */
  readonly run: (planPath: string, env: Readonly<Record<string, string | undefined>>) => Promise<RunOutcome>;
  readonly say: (line: string) => void;
}
