// Which names preflight takes to be too long for an Oracle server.

import { expect, test } from 'vitest';
import type { ServerFacts } from '../../src/databases/oracle/check/facts.ts';
import { longNames } from '../../src/databases/oracle/check/names.ts';
import type { TargetSubject } from '../../src/databases/oracle/check/target.ts';
import { catalog, column, table } from './catalog-fixture.ts';

const LONG = 'A'.repeat(31);

test.each([
  ['an old server', { longestName: 30, saidName: 30 }, ['error']],
  ['a new one whose COMPATIBLE is not known, and that said so', { longestName: 128, saidName: 128 }, []],
  ['a new one that said nothing', { longestName: 128, saidName: 30 }, ['warning']],
])('%s', async (_, said, levels) => {
  const facts = { product: 'Oracle', ...said } as ServerFacts;
  const wanted = catalog([table([column('ID', 'NUMBER'), column(LONG, 'NUMBER')])]);
  const found = await longNames({ catalog: wanted, facts } as TargetSubject);
  expect(found.map(({ level }) => level)).toEqual(levels);
  for (const { cure } of found) expect(cure).toContain('longestName: 30');
});
