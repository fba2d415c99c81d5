// Which tables an attempt carries, and how: decided when it begins, from what operators asked for single tables. Whatever
// is asked while it runs ends it, so that nothing below has to change its mind.

import { floorOf } from '../apply/lanes.ts';
import type { Aside } from '../apply/options.ts';
import type { Target } from '../databases/target.ts';
import type { Journal, RunRecord, TableProgress } from '../journal/journal.ts';
import type { TableStateRecord } from '../journal/table-states.ts';
import type { Catalog } from '../model/catalog.ts';
import type { Covers } from '../model/position.ts';
import type { Table, TableId } from '../model/table.ts';
import { withoutNeeding } from '../model/without.ts';

export interface Division {
  /** Without the foreign keys that need a table whose rows are not there. */
  readonly catalog: Catalog;
  /** Copied by the snapshot, applied and compared. */
  readonly carried: readonly Table[];
  /** To be copied again in this attempt. */
  readonly recopied: readonly Table[];
  /** Begun anew by this attempt: what was compared of them counts for nothing. */
  readonly renewed: readonly Table[];
  readonly aside: Aside;
}

export interface DivisionParts {
  readonly record: RunRecord;
  readonly journal: Journal;
  readonly target: Target;
  readonly covers: Covers;
  /** How many lanes the plan asks for. */
  readonly lanes: number;
}

/** No lane may be open. Writes: the lease must be held. */
export async function divideTables(parts: DivisionParts): Promise<Division> {
  const { record, journal, lanes } = parts;
  const tables = record.catalog.tables.map(({ table }) => table);
  const before = await journal.states.list();
  const unfinished = unfinishedOf(before, await journal.tables.list());
  // While the lanes are apart they stay as they were; the apply says when they no longer are.
  const merged = unfinished.size === 0 && (await journal.tables.setLanes(lanes, tables));
  const renewed = await renew(parts, before, unfinished);
  const states = await journal.states.list();
  const recopied = unfinishedOf(states, await journal.tables.list());
  const waits = recopied.size > 0;
  const out = states.filter(({ state }) => state !== 'copying' || waits).map(({ table }) => table);
  return {
    catalog: withoutNeeding(record.catalog, new Set(states.map(({ table }) => table))),
    carried: tables.filter(({ id }) => !out.includes(id)),
    recopied: tables.filter(({ id }) => recopied.has(id)),
    renewed,
    aside: { tables: new Set(out), lanes: merged ? lanes : record.lanes, waits },
  };
}

/** Being copied again, and not done with it. */
function unfinishedOf(states: readonly TableStateRecord[], progress: readonly TableProgress[]): ReadonlySet<TableId> {
  const done = new Set(
    progress.filter(({ chunks }) => chunks.length > 0 && chunks.every(({ at }) => at !== null)).map(({ id }) => id),
  );
  return new Set(
    states.filter(({ table, state }) => state === 'copying' && !done.has(table)).map(({ table }) => table),
  );
}

/** Empties what is to be copied from the beginning, and what is skipped. */
async function renew(
  { record, journal, target, covers }: DivisionParts,
  states: readonly TableStateRecord[],
  unfinished: ReadonlySet<TableId>,
): Promise<readonly Table[]> {
  const done = new Set(
    (await journal.stages.list()).filter(({ finishedAt }) => finishedAt !== null).map(({ stage }) => stage),
  );
  // Before there are tables there is nothing to empty.
  if (!done.has('schema')) return [];
  const { catalog } = record;
  const chosen = (wanted: (state: TableStateRecord) => boolean): readonly Table[] => {
    const ids = new Set(states.filter(wanted).map(({ table }) => table));
    return catalog.tables.map(({ table }) => table).filter(({ id }) => ids.has(id));
  };
  const skipped = chosen(({ state }) => state === 'skipped');
  await target.setApart(catalog, skipped, null);
  const renewed = chosen(({ table, state }) => state === 'asked' || unfinished.has(table));
  if (renewed.length === 0) return [];
  // Until the snapshot is done nothing was applied: the stage copies what has no rows.
  const checkpoints = done.has('snapshot') ? await target.checkpoints() : [];
  const positions = checkpoints.map(({ position }) => position);
  await target.setApart(catalog, renewed, positions.length === 0 ? null : floorOf(positions, covers));
  return renewed;
}
