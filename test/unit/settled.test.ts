import { expect, test } from 'vitest';
import type { TableDefinition } from '../../src/model/catalog.ts';
import { keepSettled } from '../../src/stages/settled.ts';
import { at, createTable } from './apply-fixture.ts';

const definition = (name: string, unique: readonly string[], indexes: readonly string[]): TableDefinition => {
  const named = (text: string) => ({ name: text, definition: text, comment: null, roles: [] });
  const table = createTable(name);
  const shared = { checks: [], foreignKeys: [], partitionOf: null, settings: [], comment: null, inherits: [] };
  const built = { uniqueConstraints: unique.map(named), indexes: indexes.map(named) };
  return { ...shared, ...built, table, columns: [], key: null };
};

test('where reads are settled is journalled, unless more than a key is unique on the target already', async () => {
  const kept: string[] = [];
  const journal = { setSettled: async (position: string) => void kept.push(position) };
  const plain = definition('plain', [], ['CREATE INDEX i ON t (a)']);
  await keepSettled({ settled: at(5) }, { journal }, [plain]);
  const unique = [
    plain,
    definition('one', ['UNIQUE (a)'], []),
    definition('two', [], ['CREATE UNIQUE INDEX u ON t (a)']),
  ];
  await expect(keepSettled({ settled: at(6) }, { journal }, unique)).rejects.toMatchObject({
    code: 'SOURCE.REFUSED',
    message: expect.stringMatching(/: public\.one, public\.two$/),
  });
  // An exact read needs nothing.
  await keepSettled({}, { journal }, unique);
  expect(kept).toEqual(['5']);
});
