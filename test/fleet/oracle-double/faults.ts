// What goes wrong in the double, call by call.

/** One thing that happens to a call; what is not said is so for the next call, once. */
export interface DoubleFault {
  /**
   * What the call must match: the statement's text, or `CONNECT`, `LOGIN`, `COMMIT`, `ROLLBACK`, `PING`, `FETCH`, `LOGOFF`.
   * By default every call but those of logging in and out does.
   */
  readonly pattern?: RegExp;
  /** Before the call takes effect, after it with the answer unsent, or after it with half of the answer sent. */
  readonly moment?: 'before' | 'after' | 'amid';
  readonly action: FaultAction;
  /** How many that match go by first. Default 0. */
  readonly skip?: number;
  /** How often it happens. Default once. */
  readonly times?: number;
}

/**
 * Lose the connection; fall silent for good; answer Oracle's error of this number (of CONNECT the listener's); answer after so long;
 * answer a message that there is not, or packets of these bytes.
 */
export type FaultAction =
  | 'drop'
  | 'silence'
  | 'garbage'
  | { readonly oraCode: number; readonly message?: string }
  | { readonly delayMs: number }
  | { readonly packets: Uint8Array };

export class Faults {
  readonly #open: { readonly fault: DoubleFault; seen: number }[] = [];

  /** How often something went wrong since the last `clear`. */
  struck = 0;

  add(fault: DoubleFault): void {
    this.#open.push({ fault, seen: 0 });
  }

  clear(): void {
    this.#open.length = 0;
    this.struck = 0;
  }

  /** What happens to this call: the first that fits. Each that it fits counts it. */
  of(call: string): DoubleFault | undefined {
    let found: DoubleFault | undefined;
    for (const each of this.#open) {
      const { pattern, skip = 0, times = 1 } = each.fault;
      if (pattern === undefined ? AROUND.has(call) : !pattern.test(call)) continue;
      const index = each.seen++;
      if (index >= skip && index < skip + times) found ??= each.fault;
    }
    if (found !== undefined) this.struck++;
    return found;
  }
}

const AROUND: ReadonlySet<string> = new Set(['CONNECT', 'LOGIN', 'LOGOFF']);
