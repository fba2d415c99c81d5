// The checker of the scenarios on tables without a key: it counts copies, and NULL is not the empty text.

import { afterEach, beforeEach, expect, test } from 'vitest';
import { compareDatabases } from '../fleet/compare.ts';
import { openPair, type Pair, withClient } from '../fleet/databases.ts';

let pair: Pair;

beforeEach(async () => {
  pair = await openPair();
});

afterEach(() => pair.close());

async function compare(source: string, target: string): Promise<readonly string[]> {
  for (const [url, rows] of [
    [pair.sourceUrl, source],
    [pair.targetUrl, target],
  ] as const) {
    await withClient(url, (client) => client.query(`CREATE TABLE t (a text, b int); INSERT INTO t VALUES ${rows}`));
  }
  const { differences } = await compareDatabases(pair.sourceUrl, pair.targetUrl);
  return differences.map(({ kind, key }) => `${kind} ${key}`);
}

test('equal rows in another order are equal', async () => {
  expect(await compare("('x', 1), (NULL, 1), ('', 1), ('x', 1)", "('', 1), ('x', 1), ('x', 1), (NULL, 1)")).toEqual([]);
});

test('a copy too few, one too many, and NULL for an empty text are differences', async () => {
  const differences = await compare(
    "('x', 1), ('x', 1), ('y', 1), (NULL, 2), (NULL, NULL), ('', 3)",
    "('x', 1), ('y', 1), ('y', 1), ('', 2), (NULL, NULL), ('', 3)",
  );
  expect(differences.toSorted()).toEqual(['extra  | 2', 'extra y | 1', 'missing  | 2', 'missing x | 1']);
});
