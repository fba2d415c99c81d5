// The latches of a run: that of everything, and those of its parts, which may also be slowed down.

import { PAUSABLE, type Pausable, pauseReason } from '../model/pause.ts';
import type { Throttling } from '../model/throttle.ts';
import type { ThrottleStatus } from '../observe/status.ts';
import type { Plan } from '../plan/plan.ts';
import { Gate } from './gate.ts';
import { Throttle } from './throttle.ts';

/** The parts of a run that are held apart. */
export const SCOPES = ['snapshot', 'apply', 'verify'] as const;
export type Scope = (typeof SCOPES)[number];

const OPERATOR = 'operator';
const CRITICAL = 'critical';

/** Who asks at which stage; at others nothing is held. */
const ASKED_AT: Readonly<Record<string, readonly Scope[]>> = {
  snapshot: ['snapshot'],
  'catch-up': ['apply'],
  verify: ['apply', 'verify'],
  cutover: ['apply', 'verify'],
};

/** The gate of everything, which the operator holds, and those of its parts. */
export class RunGate extends Gate {
  readonly snapshot: Throttle;
  readonly apply: Throttle;
  readonly verify = new Gate(this);
  #paused: readonly Pausable[] = [];
  #throttling: Throttling = {};

  /** Without a plan nothing is slowed down. */
  constructor(plan?: Pick<Plan, 'snapshot' | 'apply'>) {
    super();
    this.snapshot = new Throttle(this, capsOf(plan?.snapshot));
    this.apply = new Throttle(this, {
      ...capsOf(plan?.apply),
      goalMs: capOf(plan?.apply.batchGoal),
      batchPauseMs: plan?.apply.batchPause || null,
    });
  }

  get throttles(): Readonly<Record<'snapshot' | 'apply', ThrottleStatus>> {
    return { snapshot: this.snapshot.status, apply: this.apply.status };
  }

  /** What an operator set in place of the plan. */
  get throttling(): Throttling {
    return this.#throttling;
  }

  throttle(set: Throttling): void {
    this.#throttling = set;
    this.snapshot.set(set.snapshot ?? {});
    this.apply.set(set.apply ?? {});
  }

  /** What an operator holds from now on; who else holds something keeps it. `reading`: which one was critical, if that is known. */
  pause(parts: readonly Pausable[], reading?: string): void {
    const gates = { run: this, critical: this, snapshot: this.snapshot, apply: this.apply };
    for (const part of PAUSABLE) {
      const holder = part === 'critical' ? CRITICAL : OPERATOR;
      const reason = part === 'critical' && reading !== undefined ? `: ${reading}` : '';
      if (parts.includes(part)) gates[part].hold(holder, `${pauseReason(part)}${reason}`);
      else gates[part].release(holder);
    }
    this.#paused = parts;
  }

  get paused(): readonly Pausable[] {
    return this.#paused;
  }

  /** In a freeze nothing is slowed down. */
  exempt(isExempt: boolean): void {
    this.snapshot.exempt(isExempt);
    this.apply.exempt(isExempt);
  }

  override get heldMs(): number {
    return Math.max(super.heldMs, ...SCOPES.map((scope) => this[scope].heldMs));
  }

  /** Why nothing moves at this stage; undefined when it does. */
  reasonAt(stage: string): string | undefined {
    return [...this.reasons, ...(ASKED_AT[stage] ?? []).flatMap((scope) => this[scope].reasons)][0];
  }

  /** Resolves when no part is held. */
  async passAll(signal: AbortSignal): Promise<void> {
    while (SCOPES.some((scope) => this[scope].reasons.length > 0)) {
      for (const scope of SCOPES) await this[scope].pass(signal);
    }
  }
}

function capsOf(plan: Pick<Plan['apply'], 'maxRowsPerSecond' | 'maxBytesPerSecond'> | undefined) {
  return {
    rowsPerSecond: capOf(plan?.maxRowsPerSecond),
    bytesPerSecond: capOf(plan?.maxBytesPerSecond),
    batchPauseMs: null,
  };
}

function capOf(limit: number | 'off' | undefined): number | null {
  return limit === undefined || limit === 'off' ? null : limit;
}
