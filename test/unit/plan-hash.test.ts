// What a run holds on to when its plan is read again.

import { describe, expect, it } from 'vitest';
import { changedFields, planFields, planHash, RESUMABLE_FIELDS } from '../../src/plan/hash.ts';
import { type Plan, planSchema } from '../../src/plan/plan.ts';
import { readPlan } from '../../src/plan/read.ts';

function plan(more = '', port = 5432): Plan {
  const text = `version: 1
source: {kind: postgres, url: 'postgres://u:secret@localhost:${port}/shop'}
target: {kind: postgres, url: 'postgres://u@localhost:5433/shop'}
cutover: {reverse: off}
${more}`;
  const reading = readPlan(text, 'orders.yaml', {});
  if ('faults' in reading) throw new Error(JSON.stringify(reading.faults));
  return reading.plan;
}

describe('the hash of a plan', () => {
  it('changes with the selection of tables', () => {
    expect(planHash(plan("tables: {include: ['shop.*']}"))).not.toBe(planHash(plan()));
    expect(planHash(plan("tables: {exclude: ['shop.x']}"))).not.toBe(planHash(plan()));
  });

  it('stays when urls, tuning or the order of patterns change', () => {
    expect(planHash(plan('snapshot: {readers: 8}\nlimits: {giveUpAfter: 1h}', 6000))).toBe(planHash(plan()));
    expect(planHash(plan("tables: {include: ['b.*', 'a.*', 'b.*']}"))).toBe(
      planHash(plan("tables: {include: ['a.*', 'b.*']}")),
    );
  });

  it('is stable across versions of the program', () => {
    expect(planHash(plan())).toBe('e5c04726a4571c8d73acd0476e5c89f338deba4cc5ad053b1ada6c7f941e33ac');
  });

  it('covers every section that may not change on resume', () => {
    const first = (field: string): string => field.replace(/\..*/, '');
    const covered = new Set([...Object.keys(planFields(plan())), ...RESUMABLE_FIELDS].map(first));
    expect([...covered, 'version', 'name'].toSorted()).toEqual(Object.keys(planSchema.shape).toSorted());
  });

  it('carries no url', () => {
    expect(JSON.stringify(planFields(plan()))).not.toContain('localhost');
  });
});

describe('changed fields', () => {
  it('are named, also when only one side has them', () => {
    const before = planFields(plan());
    const after = { ...planFields(plan("tables: {include: ['shop.*']}")), 'tables.map': '{}' };
    expect(changedFields(before, after)).toEqual(['tables.include', 'tables.map']);
    expect(changedFields(before, before)).toEqual([]);
  });
});
