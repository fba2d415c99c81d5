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
  it('changes with the names on the target, and not with their order', () => {
    const map = (entries: string): string => planHash(plan(`tables: {map: {${entries}}}`));
    expect(map('a.x: b.x')).not.toBe(planHash(plan()));
    expect(map('a.x: b.x')).not.toBe(map('a.x: {to: b.x, columns: {m: n}}'));
    expect(map("a.x: b.x, 'c.*': 'd.*'")).toBe(map("'c.*': {to: 'd.*'}, a.x: b.x"));
  });

  it('changes with the selection of tables', () => {
    expect(planHash(plan("tables: {include: ['shop.*']}"))).not.toBe(planHash(plan()));
    expect(planHash(plan("tables: {exclude: ['shop.x']}"))).not.toBe(planHash(plan()));
  });

  it('changes with what is converted, and not with the order of columns or what is said of defaults', () => {
    const convert = (entries: string): string => planHash(plan(`convert: {${entries}}`));
    expect(
      new Set(
        [
          '',
          'zeroDates: setNull',
          'tinyint1: boolean',
          'json: jsonb',
          'caseInsensitive: icu',
          'columns: {a.b.c: text}',
        ].map(convert),
      ).size,
    ).toBe(6);
    expect(convert('columns: {a.b.c: text, a.b.d: uuid}')).toBe(convert('columns: {a.b.d: uuid, a.b.c: text}'));
    expect(convert('zeroDates: refuse')).toBe(planHash(plan()));
  });

  it('stays when urls, tuning or the order of patterns change', () => {
    expect(planHash(plan('snapshot: {readers: 8}\nlimits: {giveUpAfter: 1h}', 6000))).toBe(planHash(plan()));
    expect(planHash(plan("tables: {include: ['b.*', 'a.*', 'b.*']}"))).toBe(
      planHash(plan("tables: {include: ['a.*', 'b.*']}")),
    );
  });

  it('is stable across versions of the program', () => {
    expect(planHash(plan())).toBe('77e699904cddf42d34ee5df8138c6eb9eeced59f52942e509d9b656cd29e941e');
  });

  it('covers every section that may not change on resume', () => {
    const first = (field: string): string => field.replace(/\..*/, '');
    const fields = planFields(plan('convert: {json: jsonb}'));
    const covered = new Set([...Object.keys(fields), ...RESUMABLE_FIELDS].map(first));
    expect([...covered, 'version', 'name'].toSorted()).toEqual(Object.keys(planSchema.shape).toSorted());
  });

  it('carries no url', () => {
    expect(JSON.stringify(planFields(plan()))).not.toContain('localhost');
  });
});

describe('changed fields', () => {
  it('are named, also when only one side has them', () => {
    const before = planFields(plan());
    const after = { ...planFields(plan("tables: {include: ['shop.*']}")), 'tables.more': '{}' };
    expect(changedFields(before, after)).toEqual(['tables.include', 'tables.more']);
    expect(changedFields(before, before)).toEqual([]);
  });
});
