// What a run left out because a person said so.

import type { DeadLetter } from '../journal/dead-letters.ts';
import type { RunRecord } from '../journal/journal.ts';
import type { TableStateRecord, Waiver } from '../journal/table-states.ts';
import type { TableId } from '../model/table.ts';
import { neededBy } from '../model/without.ts';

export interface Waivers {
  readonly tables: readonly ({ readonly table: TableId } & Waiver)[];
  /** Not made on the target, because they need the rows of these tables: `fk on shop.lines`. */
  readonly foreignKeys: readonly string[];
  /** Row changes that the target refused, or that followed such a one: their rows are not what they were on the source. */
  readonly letters: readonly ({ readonly id: number; readonly table: TableId } & Waiver)[];
}

export function waiversOf(
  { catalog }: RunRecord,
  states: readonly TableStateRecord[],
  deadLetters: readonly DeadLetter[],
): Waivers {
  const tables = states.flatMap(({ table, waiver }) => (waiver === null ? [] : [{ table, ...waiver }]));
  const needing = neededBy(catalog, new Set(tables.map(({ table }) => table)));
  const letters = deadLetters.flatMap(({ id, table, state, by, reason, settledAt }) =>
    state === 'waived' ? [{ id, table, by: by ?? '', reason: reason ?? '', at: settledAt ?? '' }] : [],
  );
  return { tables, foreignKeys: needing.map(({ name, table }) => `${name} on ${table.id}`), letters };
}

export function hasWaivers({ tables, letters }: Waivers): boolean {
  return tables.length + letters.length > 0;
}

/** For people; nothing when nothing was left out. */
export function waiverLines({ tables, foreignKeys, letters }: Waivers): readonly string[] {
  return [
    ...tables.map(({ table, by, reason }) => `  not carried      ${table}: ${reason} (${by})`),
    ...foreignKeys.map((key) => `  not made         foreign key ${key}`),
    ...letters.map(
      ({ id, table, by, reason }) => `  not applied      dead letter ${id} of ${table}: ${reason} (${by})`,
    ),
  ];
}
