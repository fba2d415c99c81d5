// A pair that is not exact: journalled before a row is copied at it, and refused where what is unique would be in the way of the
// changes that its reads may be ahead of.

import type { Start } from '../databases/source.ts';
import type { Journal } from '../journal/journal.ts';
import { MigrateError } from '../lib/errors.ts';
import type { TableDefinition } from '../model/catalog.ts';

/**
 * `constrained`: tables of which everything that is unique exists on the target. Rejects with SOURCE.REFUSED for those that have more
 * than their key: their rows pass through states that never were on the source.
 */
export async function keepSettled(
  { settled }: Pick<Start, 'settled'>,
  { journal }: { readonly journal: Pick<Journal, 'setSettled'> },
  constrained: readonly TableDefinition[],
): Promise<void> {
  if (settled === undefined) return;
  const unique = constrained.filter(
    ({ uniqueConstraints, indexes }) =>
      uniqueConstraints.length > 0 || indexes.some(({ definition }) => /^CREATE UNIQUE /i.test(definition)),
  );
  if (unique.length > 0) {
    const names = unique.map(({ table }) => table.id).join(', ');
    throw new MigrateError(
      'SOURCE.REFUSED',
      `without a lock these cannot be copied, more than their key is unique: ${names}`,
      {
        fix: 'Give the user of source.url the right to lock tables, as migrate grants prints it.',
      },
    );
  }
  await journal.setSettled(settled);
}
