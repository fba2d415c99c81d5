// What makes the engines of a plan understand each other.

import type { PairConversion } from '../convert/pair.ts';
import { pairConversion } from '../convert/pair-conversion.ts';
import { castTypeOf } from '../databases/mysql/values.ts';
import type { Plan } from '../plan/plan.ts';

/** Undefined where both sides write everything alike. */
export function conversionFor({ source, target, convert }: Plan): PairConversion | undefined {
  return pairConversion(source.kind, target.kind, convert, castTypeOf);
}
