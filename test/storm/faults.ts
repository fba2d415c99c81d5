// What happens to the runner and to its servers, as the seed has it: a list of lives, each of one process, and what is
// done in each.

import { FAILPOINTS, type Failpoint } from '../../src/lib/failpoint.ts';
import type { Random } from './random.ts';

const SIDES = ['source', 'target'] as const;
export type Side = (typeof SIDES)[number];

/** When: after so many more failpoints were passed, or when this one is. */
export type Moment = { readonly hits: number } | { readonly at: Failpoint };

export type Trouble =
  | { readonly kind: 'cut' | 'strand'; readonly side: Side }
  | { readonly kind: 'blackhole'; readonly side: Side; readonly ms: number }
  | { readonly kind: 'latency'; readonly side: Side; readonly ms: number; readonly transactions: number }
  | { readonly kind: 'lost answer' | 'lost commit'; readonly side: Side }
  | { readonly kind: 'restart'; readonly side: Side; readonly mode: 'fast' | 'immediate' }
  | { readonly kind: 'pause'; readonly transactions: number }
  | { readonly kind: 'hold'; readonly side: Side; readonly what: Hold; readonly transactions: number };

/**
 * Locks on rows, taken against the order of their keys; a table, for nobody else; what was read in an open transaction. Or the
 * sessions of others, which the server ends.
 */
export type Hold = 'rows' | 'table' | 'reading' | 'sessions';

export interface Act {
  readonly moment: Moment;
  readonly trouble: Trouble;
}

/** `at`: the process kills itself there. The others come after so many more hits; the last life ends by itself. */
export type End =
  | { readonly kind: 'kill at'; readonly point: Failpoint; readonly hit: number }
  | { readonly kind: 'kill' | 'terminate' | 'takeover' | 'freeze and takeover'; readonly hits: number }
  | { readonly kind: 'complete' };

export interface Life {
  /** Thrown inside the process, which goes on by itself. */
  readonly throws: readonly { readonly point: Failpoint; readonly hit: number }[];
  readonly acts: readonly Act[];
  readonly end: End;
  readonly plan: Readonly<Record<string, unknown>>;
}

export interface Faults {
  readonly lives: readonly Life[];
}

const place = (point: Failpoint): number => FAILPOINTS.indexOf(point);
const OFTEN = new Set(['chunk.read', 'chunk.before_commit', 'chunk.after_commit', 'apply.begin', 'apply.mid']);
const REPEATED: readonly string[] = [
  ...OFTEN,
  'apply.before_checkpoint',
  'apply.before_commit',
  'apply.after_commit',
  'ack.before',
  'ack.after',
];
// Nobody is to be waited for between the last chance to undo and the opening of the target: the storm looks at both
// sides only when the run is complete, so a process may die here like anywhere else.
const hitOf = (random: Random, point: Failpoint): number => (REPEATED.includes(point) ? random.between(1, 12) : 1);

function trouble(random: Random): Trouble {
  const side = random.pick(SIDES);
  const dice = random.below(100);
  if (dice < 25) return { kind: 'cut', side };
  if (dice < 35) return { kind: 'lost commit', side: 'target' };
  if (dice < 42) return { kind: 'lost answer', side };
  if (dice < 52) return { kind: 'blackhole', side, ms: random.pick([200, 1_500, 5_000]) };
  if (dice < 57) return { kind: 'strand', side };
  if (dice < 69) return { kind: 'latency', side, ms: random.between(1, 8), transactions: random.between(5, 40) };
  if (dice < 84) return { kind: 'restart', side, mode: random.pick(['fast', 'immediate']) };
  return { kind: 'pause', transactions: random.between(3, 30) };
}

export function moment(random: Random): Moment {
  return random.chance(60) ? { hits: random.between(1, 60) } : { at: random.pick(FAILPOINTS) };
}

/** Everything here may change from one start to the next. */
export function settings(random: Random): Readonly<Record<string, unknown>> {
  const cap = random.chance(40) ? { maxTransactionRows: 1_000 } : {};
  return {
    snapshot: { readers: random.between(1, 3), chunkRows: random.pick([7, 20, 60, 500]) },
    apply: {
      lanes: random.between(1, 4),
      batchRows: random.pick([1, 3, 20, 200, 5_000]),
      batchWait: random.pick(['0ms', '5ms', '20ms', '60ms']),
      ...cap,
    },
    verify: { chunkRows: random.pick([15, 100, 5_000]), concurrency: random.between(1, 3) },
    cutover: {
      when: 'auto',
      reverse: 'off',
      budget: random.pick(['3s', '5s']),
      maxLag: '5s',
      retries: 100,
      openTransactions: random.pick(['wait', 'end']),
      sequenceMargin: random.pick([0, 1_000]),
    },
    limits: { networkTimeout: '4s' },
  };
}

export function makeFaults(random: Random): Faults {
  // In the order that a run meets them, so that most are met.
  const ends = random.sample(FAILPOINTS, random.between(1, 4)).toSorted((a, b) => place(a) - place(b));
  let plan = settings(random);
  const life = (end: End): Life => {
    if (random.chance(50)) plan = settings(random);
    const throws = random.chance(20) ? [random.pick(FAILPOINTS)] : [];
    return {
      throws: throws.map((point) => ({ point, hit: hitOf(random, point) })),
      acts: Array.from({ length: random.pick([0, 0, 1, 2]) }, () => ({
        moment: moment(random),
        trouble: trouble(random),
      })),
      end,
      plan,
    };
  };
  const lives = ends.map((point): Life => {
    if (random.chance(60)) return life({ kind: 'kill at', point, hit: hitOf(random, point) });
    const kind = random.pick(['kill', 'kill', 'terminate', 'takeover', 'freeze and takeover'] as const);
    return life({ kind, hits: random.between(1, 150) });
  });
  return { lives: [...lives, life({ kind: 'complete' })] };
}
