// What the apply works with.

import type { Source } from '../databases/source.ts';
import type { Target } from '../databases/target.ts';
import type { Passage } from '../health/gate.ts';
import type { TableJournal, TableProgress } from '../journal/journal.ts';
import type { Position } from '../model/position.ts';
import type { TableId } from '../model/table.ts';
import type { Log } from '../observe/log.ts';
import type { RunStatus } from '../observe/status.ts';
import type { ChangeStream } from '../stream/change-stream.ts';
import type { BatchLimits } from './batch.ts';
import type { DeadLetters } from './dead-letters.ts';

export interface ApplierOptions {
  readonly stream: ChangeStream;
  readonly target: Pick<Target, 'checkpoints' | 'lane'>;
  readonly source: {
    readonly log: Pick<Source['log'], 'pair'>;
    readonly chunks: Pick<Source['chunks'], 'locate'>;
  };
  readonly journal: Pick<TableJournal, 'sendHome'>;
  /** Every captured table, with its lane and, where rows were copied, its chunks. */
  readonly tables: readonly TableProgress[];
  /** Up to where reads may be ahead of their `at`, as journalled; null (default) when all are exact. */
  readonly settled?: Position | null;
  /** Spread tables that an earlier apply of this process found to need their own lane; more may be added. */
  readonly homeward: Set<TableId>;
  readonly aside?: Aside;
  /** The lanes that are written here, while other processes write the others; by default all are. */
  readonly share?: ReadonlySet<number>;
  readonly limits: ApplyLimits;
  /** Loaded here; without it a row that is refused ends the apply. */
  readonly deadLetters?: DeadLetters;
  readonly gate: Passage;
  readonly status: RunStatus;
  readonly log: Log;
  /** Aborting it ends the apply; `failed` rejects with its reason. */
  readonly signal: AbortSignal;
}

/** What is left out of the apply for now; by default nothing is. */
export interface Aside {
  /** Their changes are dropped. */
  readonly tables: ReadonlySet<TableId>;
  /** Among how many lanes keys are divided. A lane after them belongs to tables that are copied again. */
  readonly lanes: number;
  /** That lane waits: it stays where it is, and what comes after its position is not acknowledged. */
  readonly waits: boolean;
}

export interface ApplyLimits extends BatchLimits {
  /**
   * How many lanes there should be. When the checkpoints are of another number, which takes lanes that are apart, the apply
   * ends with APPLY.LANES as soon as they are at one position.
   */
  readonly lanes: number;
  /** Row changes of one transaction of the source after which it is committed in parts. */
  readonly maxTransactionRows: number;
}
