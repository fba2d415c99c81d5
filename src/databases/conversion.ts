// How the values of a column become those of the target's type, where both engines write them differently. Made in `convert`,
// used by an adapter, which has no knowledge of the other engine.

import type { Value } from '../model/change.ts';
import type { Column } from '../model/table.ts';

/** Neither function is asked about NULL. */
export interface Conversion {
  /**
   * The value as the target's type prints it; the source's is in the form that its log delivers. NULL where a policy of the
   * run says so. Throws MigrateError for a value that the target cannot hold.
   */
  print(value: string | Buffer): Value;
  /** Of a key column: the source's value for what `print` made of it. */
  read(value: string | Buffer): string | Buffer;
}

export type ConversionOf = (column: Column) => Conversion;

const IDENTITY: Conversion = { print: (value) => value, read: (value) => value };

/** Values stay as the source has them. */
export const unconverted: ConversionOf = () => IDENTITY;
