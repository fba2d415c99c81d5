// A lane whose tables stand somewhere else than the core says.

import type { Change } from '../../model/change.ts';
import type { Table } from '../../model/table.ts';
import type { Lane } from '../target.ts';

export function standIns(lane: Lane, place: (table: Table) => Table): Lane {
  // The same object each time: what is known of a table is kept by it.
  const known = new Map<Table, Table>();
  const of = (table: Table): Table => {
    const standIn = known.get(table) ?? place(table);
    known.set(table, standIn);
    return standIn;
  };
  const each = <T extends { readonly table: Table }>(list: readonly T[]): readonly T[] =>
    list.map((item) => ({ ...item, table: of(item.table) }));
  const changed = (change: Change): Change => {
    if (change.op === 'marker') return change;
    if (change.op === 'truncate') return { ...change, tables: change.tables.map(of) };
    return { ...change, table: of(change.table) };
  };
  return {
    begin: () => lane.begin(),
    attempt: (sets) => lane.attempt(each(sets)),
    replay: (changes, keyChunks, refusals) => lane.replay(changes.map(changed), each(keyChunks), refusals),
    truncate: (tables) => lane.truncate(each(tables)),
    commit: (moves, letters) => lane.commit(moves, letters),
    close: () => lane.close(),
  };
}
