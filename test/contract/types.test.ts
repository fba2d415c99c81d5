// Every type of the checked-in table: its values through snapshot, stream and verification.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isCopiedAsText } from '../../src/databases/postgres/types.ts';
import { changeKeys, changeValues } from './types-changes.ts';
import { TYPE_GROUPS } from './types-fixture.ts';
import { nameOf, openTypesWorld, type TypesWorld } from './types-world.ts';

const ALL = { lower: null, upper: null };

let world: TypesWorld;

beforeAll(async () => {
  world = await openTypesWorld();
  await world.copy();
  await changeValues(world);
  await changeKeys(world);
});
afterAll(() => world?.close());

const TYPES = TYPE_GROUPS.flatMap(({ entries }) => entries).map((entry, index) => [entry.type, index, entry] as const);

describe('values', () => {
  test.each(TYPES)('of type %s arrive as they were, by copy and by stream', async (_, index, entry) => {
    const name = nameOf('t', index);
    const rows = await world.rows('source', name);
    const count = world.literals(entry).length;
    expect(rows).toHaveLength(3 * count - 2);
    expect(new Set(rows.map((row) => row.slice(row.indexOf('|')))).size).toBe(count);
    expect(await world.rows('target', name)).toEqual(rows);
    expect(isCopiedAsText(world.table(name).columns[1]!)).toBe(entry.copied !== 'binary');
  });

  test.each(TYPES)('of type %s have equal digests, and one that is another has not', async (_, index, entry) => {
    const name = nameOf('t', index);
    const table = world.table(name);
    const expected = await world.digests.source.range(table, ALL);
    expect(await world.digests.target.range(table, ALL)).toEqual(expected);
    const [first, ...others] = world.literals(entry);
    for (const other of others) {
      await world.onTarget(`UPDATE ${name} SET v = ${other} WHERE id = 1`);
      expect((await world.digests.target.range(table, ALL)).digest).not.toBe(expected.digest);
    }
    await world.onTarget(`UPDATE ${name} SET v = ${first} WHERE id = 1`);
    expect(await world.digests.target.range(table, ALL)).toEqual(expected);
  });
});

describe('keys', () => {
  test.each(TYPES.filter(([, , { key }]) => key))('of type %s find their rows', async (_, index) => {
    const name = nameOf('k', index);
    const table = world.table(name);
    const rows = await world.rows('source', name);
    expect(rows.length).toBeGreaterThan(0);
    expect(await world.rows('target', name)).toEqual(rows);
    const digests = await world.digests.source.rows(table, ALL, 100);
    expect(await world.digests.target.rows(table, ALL, 100)).toEqual(digests);
    const found = await world.digests.target.keys(
      table,
      digests.map(({ key }) => key),
    );
    expect([...found.values()].toSorted()).toEqual(digests.map(({ digest }) => digest).toSorted());
  });
});
