// The port of number generators: sequences and identity columns.

import type { Catalog, SequenceDefinition } from '../model/catalog.ts';

export interface SequenceValue {
  readonly schema: string;
  readonly name: string;
  /** The last value handed out, or null when none was. Text: may exceed 2^53. */
  readonly last: string | null;
  readonly increment: string;
  /** Values each session may hold unused. */
  readonly cache: string;
  /** True when nobody holds a value beyond `last`, so that the target needs no margin. Default false. */
  readonly isExact?: boolean;
}

export interface Sequences {
  read(catalog: Catalog): Promise<readonly SequenceValue[]>;
  /**
   * Before the freeze, while rows still come: moves what would take its time in it, far enough that `advance` finds it there or
   * beyond unless more than `margin` is drawn meanwhile. Idempotent.
   */
  prepare(catalog: Catalog, values: readonly SequenceValue[], margin: number): Promise<void>;
  /** Sets each sequence past `last` by `margin` increments (clamped to its limits), never backwards. Also restores what the apply could not work with (identity ALWAYS). */
  advance(catalog: Catalog, values: readonly SequenceValue[], margin: number): Promise<void>;
  /**
   * Takes back what `advance` restored, so that the apply can go on: for a cutover that was undone. Sequences stay where
   * they are. Cheap when there is nothing to take back.
   */
  relax(catalog: Catalog): Promise<void>;
}

/**
 * The value to set on the target, or null when it stands there or beyond. The margin covers values that sessions of the
 * source drew but had not used, where it has such; it takes at most half of what the sequence has left, so that it exhausts none.
 */
export function advancedValue(
  definition: SequenceDefinition,
  { last, isExact = false }: Pick<SequenceValue, 'last' | 'isExact'>,
  target: string | null,
  margin: number,
): string | null {
  const increment = BigInt(definition.increment);
  const up = increment > 0n;
  const none = BigInt(definition.start) - increment;
  const base = last === null ? none : BigInt(last);
  const cache = BigInt(definition.cache) > 1n ? BigInt(definition.cache) : 1n;
  const left = up ? BigInt(definition.maximum) - base : base - BigInt(definition.minimum);
  const wanted = isExact ? 0n : BigInt(margin) * cache;
  const size = up ? increment : -increment;
  const affordable = left > 0n ? left / size / 2n : 0n;
  const goal = clamp(base + increment * (wanted < affordable ? wanted : affordable), definition);
  // A sequence the target has never drawn from is set wherever the source's stands, also before its start.
  if (target === null) return goal === none ? null : String(goal);
  return (up ? goal <= BigInt(target) : goal >= BigInt(target)) ? null : String(goal);
}

function clamp(value: bigint, { minimum, maximum, start, increment }: SequenceDefinition): bigint {
  // Just before the first value: nothing to set.
  if (value === BigInt(start) - BigInt(increment)) return value;
  if (value < BigInt(minimum)) return BigInt(minimum);
  return value > BigInt(maximum) ? BigInt(maximum) : value;
}
