// Finding the plan file, and what is thrown when it cannot be used.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { Secrets } from '../../src/observe/secrets.ts';
import { findPlan, loadPlan } from '../../src/plan/load.ts';

const root = mkdtempSync(join(tmpdir(), 'plan-'));
afterAll(() => rmSync(root, { recursive: true }));

const TEXT = `version: 1
source: {kind: postgres, url: 'postgres://u:\${PW}@localhost:5432/shop'}
target: {kind: postgres, url: 'postgres://u@localhost:5433/shop'}
cutover: {reverse: off}
`;

function write(name: string, text: string): string {
  const path = join(root, name);
  writeFileSync(path, text);
  return path;
}

describe('loading', () => {
  it('gives the plan and remembers its secrets', async () => {
    const secrets = new Secrets();
    const plan = await loadPlan(write('orders.yaml', TEXT), { PW: 'hunter22' }, secrets);
    expect([plan.name, secrets.scrub(plan.source.url)]).toEqual(['orders', 'postgres://u:***@localhost:5432/shop']);
  });

  it('throws every fault, one per line, with file, line and column', async () => {
    const path = write('bad.yaml', `${TEXT}x: 1\n`);
    const thrown = loadPlan(path, {}, new Secrets());
    await expect(thrown).rejects.toMatchObject({
      code: 'PLAN.INVALID',
      message: [
        `${path}:2:31 source.url needs the environment variable PW, which is not set`,
        `${path}:5:1 x is not known; known here: version, name, source, target, tables, schema, convert, stream, snapshot, apply, verify, cutover, health, limits, control, notify`,
      ].join('\n'),
    });
  });

  it('throws PLAN.FILE for a file that is not there', async () => {
    await expect(loadPlan(join(root, 'none.yaml'), {}, new Secrets())).rejects.toMatchObject({
      code: 'PLAN.FILE',
      message: expect.stringContaining('ENOENT'),
    });
  });
});

describe('finding', () => {
  it('takes migrate.yaml, then migrate.yml, then the environment', () => {
    const env = { MIGRATE_PLAN: '/elsewhere.yaml' };
    expect(() => findPlan({}, root)).toThrow('MIGRATE_PLAN is not set');
    expect(findPlan(env, root)).toBe('/elsewhere.yaml');
    const second = write('migrate.yml', TEXT);
    expect(findPlan(env, root)).toBe(second);
    const first = write('migrate.yaml', TEXT);
    expect(findPlan(env, root)).toBe(first);
  });
});
