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

interface Found {
  readonly onSource?: readonly Finding[];
  readonly onTarget?: readonly Finding[];
  readonly ofNames?: readonly Finding[];
  readonly targetIdentity?: string;
}

/** `side code` of each. */
async function findings({ onSource = [], onTarget = [RENAME], ofNames = [], targetIdentity = 'other' }: Found) {
  const source = { check: async () => onSource, identity: async () => 'one' } as unknown as Source;
  const target = { check: async () => onTarget, identity: async () => targetIdentity } as unknown as Target;
  const named = { catalog: {} as Catalog, findings: ofNames };
  const selection = { include: ['shop.*'], exclude: [] };
  const found = await preflight({ source, target, named, selection, resuming: false });
  return found.map(({ side, code }) => `${side ?? 'both'} ${code.replace('PREFLIGHT.', '')}`);
}

const finding = (code: string, level: Finding['level'] = 'error'): Finding => ({
  level,
  code: `PREFLIGHT.${code}`,
  subject: 'shop.orders',
  message: 'm',
});

test('where source and target are one database nothing is given as a cure for the target', async () => {
  expect(await findings({})).toEqual(['target TARGET_NOT_EMPTY']);
  expect(await findings({ targetIdentity: 'one' })).toEqual(['both SAME_DATABASE']);
});

test('what a conversion finds is of both sides, and what the target says of the rest of the schema is left out', async () => {
  const onTarget = [finding('DDL'), finding('VERSION', 'warning')];
  const ofNames = [finding('DDL')];
  const warned = { onSource: [finding('KEY', 'info'), finding('CONVERT_VALUES', 'warning')], onTarget };
  expect(await findings(warned)).toEqual(['source KEY', 'both CONVERT_VALUES', 'target DDL', 'target VERSION']);
  const refused = { onSource: [finding('CONVERT_TYPE')], onTarget, ofNames };
  expect(await findings(refused)).toEqual(['both CONVERT_TYPE', 'target VERSION']);
});
