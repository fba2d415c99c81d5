// What a cutover works with: narrow views of the ports, given by the stage.

import type { Replication } from '../apply/replication.ts';
import type { Fence } from '../databases/fence.ts';
import type { ForeignKeys } from '../databases/foreign-keys.ts';
import type { Sequences } from '../databases/sequences.ts';
import type { SourceLog } from '../databases/source.ts';
import type { CutoverJournal } from '../journal/journal.ts';
import type { Catalog } from '../model/catalog.ts';
import type { Log } from '../observe/log.ts';
import type { RunStatus } from '../observe/status.ts';
import type { VerifyResult } from '../verify/compare.ts';
import type { SwitchDriver } from './switch/switch.ts';

/** What an operator says about an ambiguous switch: where the applications write now. */
export type CutoverDecision = 'switched' | 'undo';

/** Enough to bring an interrupted attempt to an end. */
export interface RecoveryOptions {
  readonly run: { readonly name: string; readonly id: string; readonly epoch: number };
  readonly source: { readonly fence: Fence };
  readonly target: {
    readonly fence: Fence;
    readonly sequences: Pick<Sequences, 'relax'>;
    readonly foreignKeys: Pick<ForeignKeys, 'remove'>;
  };
  readonly journal: { readonly cutovers: CutoverJournal };
  readonly catalog: Catalog;
  /** In the plan's order. */
  readonly switches: readonly SwitchDriver[];
  readonly status: RunStatus;
  readonly log: Log;
  readonly signal: AbortSignal;
  readonly decision?: CutoverDecision | undefined;
}

/** The part of the plan's cutover section that is used here; times in ms. */
export interface CutoverPlan {
  readonly maxLag: number;
  readonly budget: number;
  readonly openTransactions: 'wait' | 'end';
  readonly sequenceMargin: number;
}

export interface CutoverOptions extends RecoveryOptions {
  readonly source: { readonly fence: Fence; readonly log: SourceLog; readonly sequences: Sequences };
  readonly target: {
    readonly fence: Fence;
    readonly sequences: Sequences;
    readonly foreignKeys: Pick<ForeignKeys, 'add' | 'remove'>;
  };
  readonly replication: Replication;
  /** Compares what changed since it was last compared, while nothing changes. */
  readonly settle: (signal: AbortSignal) => Promise<VerifyResult>;
  /** True while the source's schema is the one that the run carries. */
  readonly fingerprint: () => Promise<boolean>;
  /** Dead letters that nobody has settled; by default there are none. */
  readonly openLetters?: () => number;
  /** Why a side is unwell, which is waited out; undefined, as by default, when none is. */
  readonly unwell?: () => string | undefined;
  /** What acts on the rows that the run writes on the target; by default there is nothing. */
  readonly firing?: () => Promise<readonly string[]>;
  readonly plan: CutoverPlan;
  /** How often the runner will still start the cutover again by itself after this attempt. */
  readonly retriesLeft: number;
  /** How long to wait for a small lag and for old transactions to end before an attempt is given up; default 30 s. */
  readonly patienceMs?: number;
  /** Is told when the freeze begins, which it may refuse by throwing, and when it has ended. */
  readonly freezing?: (frozen: boolean) => void;
}

export interface CutoverResult {
  readonly attempt: number;
  /** How long no side took writes. */
  readonly writePauseMs: number | null;
  readonly steps: readonly { readonly name: string; readonly ms: number }[];
  /** Compared in the freeze; 0 when another process made that comparison. */
  readonly rowsCompared: number;
}
