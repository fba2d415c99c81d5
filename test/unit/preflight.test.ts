// What preflight makes of the findings of both sides.

import { expect, test } from 'vitest';
import type { Source } from '../../src/databases/source.ts';
import type { Target } from '../../src/databases/target.ts';
import type { Catalog } from '../../src/model/catalog.ts';
import type { Finding } from '../../src/model/finding.ts';
import { preflight } from '../../src/stages/preflight.ts';

const RENAME: Finding = {
  level: 'error',
  code: 'PREFLIGHT.TARGET_NOT_EMPTY',
  subject: 'shop.orders',
  message: 'it is there',
  cure: 'RENAME TABLE shop.orders TO before.orders;',
};

async function findings(targetIdentity: string): Promise<readonly string[]> {
  const source = { check: async () => [], identity: async () => 'one' } as unknown as Source;
  const target = { check: async () => [RENAME], identity: async () => targetIdentity } as unknown as Target;
  const named = { catalog: {} as Catalog, findings: [] };
  const selection = { include: ['shop.*'], exclude: [] };
  const found = await preflight({ source, target, named, selection, resuming: false });
  return found.map(({ code }) => code);
}

test('where source and target are one database nothing is given as a cure for the target', async () => {
  expect(await findings('other')).toEqual(['PREFLIGHT.TARGET_NOT_EMPTY']);
  expect(await findings('one')).toEqual(['PREFLIGHT.SAME_DATABASE']);
});
