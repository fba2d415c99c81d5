// What a runner, one process that works on one run, keeps from attempt to attempt.

import type { Monitor } from '../health/monitor.ts';
import type { RunGate } from '../health/run-gate.ts';
import type { TableId } from '../model/table.ts';
import type { RunStatus } from '../observe/status.ts';
import type { Verification } from '../verify/verification.ts';
import type { Operator } from './operator.ts';
import type { RunRequest } from './request.ts';

export interface Runner {
  readonly request: RunRequest;
  readonly operator: Operator;
  readonly gate: RunGate;
  readonly monitor: Monitor;
  readonly status: RunStatus;
  /** What was verified stays verified. */
  readonly verification: Verification;
  /** Tables that are to be written by one lane as soon as the lanes are at one position. */
  readonly homeward: Set<TableId>;
}
