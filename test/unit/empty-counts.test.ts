// How many empty values became something else: counted once for each range, and told in a line for each table.

import { expect, test } from 'vitest';
import { EMPTY_IS_NULL, emptyHandling } from '../../src/databases/conversion.ts';
import { type Table, tableId } from '../../src/model/table.ts';
import { emptyValueLines } from '../../src/report/empty-values.ts';
import { EmptyCounts } from '../../src/verify/empty-counts.ts';

function table(name: string): Table {
  const handling = { id: [], nick: [EMPTY_IS_NULL], kept: [emptyHandling({ sentinel: '(none)' })] };
  return {
    ...{ id: tableId('shop', name), schema: 'shop', name, key: [0], identity: 'key', spread: true },
    ...{ rowEstimate: 0, byteEstimate: 0 },
    columns: Object.entries(handling).map(([column, words]) => ({
      ...{ name: column, type: 'text', castType: 'text', handling: words },
    })),
  };
}

const [users, notes] = [table('users'), table('notes')];
const FIRST = { lower: null, upper: ['5'] };
const SECOND = { lower: ['5'], upper: null };
const nick = (values: number) => ({ column: 'nick', values });

test('a range that is compared again counts once, and a table that is copied again not at all', () => {
  const counts = new EmptyCounts();
  counts.put(users, FIRST, [{ column: 'kept', values: 3 }, nick(1_000)]);
  counts.put(users, SECOND, [nick(200)]);
  counts.put(notes, FIRST, [nick(1)]);
  counts.put(users, SECOND, [nick(204)]);
  const told = [
    { table: 'shop.users', column: 'nick', values: 1_204, became: null },
    { table: 'shop.users', column: 'kept', values: 3, became: '(none)' },
  ];
  expect(counts.list()).toEqual([{ table: 'shop.notes', column: 'nick', values: 1, became: null }, ...told]);
  expect(emptyValueLines(counts.list())).toEqual([
    'shop.notes: 1 empty value of nick became NULL, as convert.emptyText says',
    'shop.users: 1,204 empty values of nick became NULL, 3 empty values of kept became "(none)", as convert.emptyText says',
  ]);
  counts.put(notes, FIRST, []);
  expect(counts.list()).toEqual(told);
  counts.remove(users.id);
  expect(counts.list()).toEqual([]);
});
