// The protocol keeps its promises in every order of events within small bounds, and each known mistake is noticed.

import { describe, expect, test } from 'vitest';
import { explore } from './explorer.ts';
import { MigrationModel } from './migration-model.ts';
import { type Bounds, MUTANTS, type Mutant } from './migration-state.ts';

const MAX_STATES = 200_000;

const UNIQUE: Bounds = { transactions: [1, 2], lanes: 1, unique: true, crashes: 1, takeover: false };
const PARTS: Bounds = { transactions: [1, 3], lanes: 1, unique: false, parts: true, crashes: 1, takeover: false };
const TWO_LANES: Bounds = { transactions: [1, 3], lanes: 2, unique: false, crashes: 1, takeover: false };
const TAKEOVER: Bounds = { transactions: [1], lanes: 1, unique: false, crashes: 0, takeover: true };
const UNLOCKED: Bounds = { ...TWO_LANES, unlocked: true };

const SOUND: readonly (readonly [string, Bounds])[] = [
  ['three transactions, a unique constraint and a crash', { ...UNIQUE, transactions: [1, 2, 3] }],
  ['a unique constraint and two crashes', { ...UNIQUE, crashes: 2 }],
  ['three transactions, two lanes and a crash', { ...TWO_LANES, transactions: [1, 2, 3] }],
  ['a unique constraint, a crash and a takeover', { ...UNIQUE, takeover: true }],
  ['a transaction committed in parts and two crashes', { ...PARTS, crashes: 2 }],
  ['nobody may lock, two lanes and a crash', UNLOCKED],
  ['nobody may lock, a unique constraint and two crashes', { ...UNIQUE, unlocked: true, crashes: 2 }],
];

/** Where each mistake is looked for, and the promise it breaks first. */
const CAUGHT: Readonly<Record<Mutant, readonly [Bounds, string]>> = {
  'ack before commit': [TWO_LANES, 'acknowledged ahead of a checkpoint'],
  'snapshot beside its position': [TWO_LANES, 'verification finds a difference'],
  'log discarded because the copier will read it': [TWO_LANES, 'verification finds a difference'],
  'epoch read without a lock': [TAKEOVER, 'a source transaction can still commit'],
  'no fencing of lanes': [TAKEOVER, 'a change is applied twice, or one before it was lost'],
  'unique constraint during the overlap': [UNIQUE, 'a copy breaks a unique constraint'],
  'verification during the overlap': [TWO_LANES, 'verification finds a difference'],
  'unique constraint over two lanes': [{ ...UNIQUE, lanes: 2 }, 'the constraint cannot be built'],
  'open writers not waited out': [TWO_LANES, 'a source transaction can still commit'],
  'resume at a row': [PARTS, 'a change is applied twice, or one before it was lost'],
  'part of a transaction acknowledged': [PARTS, 'acknowledged ahead of a checkpoint'],
  'permanent after the deadline': [TWO_LANES, 'a source transaction can still commit'],
  'fence without a deadline': [TWO_LANES, 'the freeze needs a runner to end'],
  'lower bound that is not visible': [UNLOCKED, 'verification finds a difference'],
  'settled forgotten in a crash': [UNLOCKED, 'a change is applied twice, or one before it was lost'],
  'verification before reads are settled': [UNLOCKED, 'verification finds a difference'],
};

describe('the protocol keeps every promise with', () => {
  test.each(SOUND)('%s', (_, bounds) => {
    const { states, violation } = explore(new MigrationModel(bounds), MAX_STATES);
    expect(violation).toBeUndefined();
    // A model in which little can happen proves little.
    expect(states).toBeGreaterThan(4_000);
  });
});

describe('the explorer', () => {
  test.each(MUTANTS)('catches: %s', (mutant) => {
    const [bounds, message] = CAUGHT[mutant];
    const { violation } = explore(new MigrationModel(bounds, mutant), MAX_STATES);
    expect(violation?.message).toBe(message);
    // MODEL_TRACES=1 prints the shortest way into each.
    if (process.env.MODEL_TRACES !== undefined) console.log(`${mutant}\n  ${violation?.trace.join('\n  ')}`);
  });

  test('refuses to cut a search short', () => {
    expect(() => explore(new MigrationModel(UNIQUE), 100)).toThrow('more than 100 states');
  });

  test('reports a state from which the goal is out of reach, by the shortest way into it', () => {
    const edges: Readonly<Record<string, string>> = { a: 'bc', b: 'a', c: 'd', d: 'c' };
    const model = {
      initial: 'a',
      key: (state: string) => state,
      steps: (state: string) => [...(edges[state] ?? '')].map((next) => ({ name: `to ${next}`, state: next })),
      check: () => undefined,
      goal: (state: string) => state === 'b',
    };
    expect(explore(model, 10).violation).toEqual({ message: 'stuck: the goal is out of reach', trace: ['to c'] });
  });
});
