// What makes the applications follow to the target, run while both sides are closed.

export interface SwitchContext {
  /** The run's name. */
  readonly run: string;
  /** Grows with every takeover: lets the other side refuse a runner that was replaced. */
  readonly epoch: number;
  /** The same for every repetition of one act: lets the other side ignore the second. */
  readonly idempotencyKey: string;
  /** Aborts waiting for a person. A program that has been started is not interrupted: half done is worse than late. */
  readonly signal: AbortSignal;
}

/**
 * `do` and `undo` resolve when it is done. They reject with CUTOVER.SWITCH when it has certainly failed, and with
 * CUTOVER.AMBIGUOUS when the outcome is unknown. `undo` must be safe to repeat, and safe after a `do` that failed.
 */
export interface SwitchDriver {
  readonly name: string;
  /** True when `do` may be repeated after a crash or an unknown outcome. */
  readonly idempotent: boolean;
  do(context: SwitchContext): Promise<void>;
  /** Absent when there is no way back. */
  readonly undo?: (context: SwitchContext) => Promise<void>;
}
