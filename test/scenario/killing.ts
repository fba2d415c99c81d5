// One kill -9 at a failpoint, and what must hold right after it, before the command is started again.

import { expect } from 'vitest';
import { FAILPOINTS, type Failpoint } from '../../src/lib/failpoint.ts';
import { type Migration, said } from './migration.ts';

export interface Kill {
  readonly point: Failpoint;
  readonly hit: number;
}

const from = (name: Failpoint): number => FAILPOINTS.indexOf(name);

/** The source is closed by a fence with a deadline. */
const isFreeze = (point: Failpoint): boolean =>
  from(point) >= from('cutover.closed') && from(point) <= from('cutover.before_permanent');
/** The source is closed without a deadline, the target not open yet. */
const isClosed = (point: Failpoint): boolean =>
  from(point) > from('cutover.before_permanent') && from(point) <= from('cutover.switched');

export async function expectKilledAt(migration: Migration, { point, hit }: Kill): Promise<void> {
  const result = await migration.run(`${point}@${hit}=kill9`);
  expect(result.signal, `${point} was not reached:\n${said(result)}`).toBe('SIGKILL');
  expect(result.stderr.trimEnd().split('\n').at(-1)).toBe(`failpoint ${point} ${hit}`);
  if (isClosed(point)) {
    expect(await migration.status()).toMatchObject({ writable: 'none', cutover: { phase: 'switching' } });
    // Already now, though nothing was switched yet, the target has everything.
    await migration.compareAtRest();
  } else if (from(point) > from('cutover.switched')) {
    await migration.writers.more('target', 5);
    expect(await migration.status()).toMatchObject({ writable: 'target' });
  } else {
    // Nobody works on the run now, so a fence that was closed can only have opened by itself.
    await migration.writers.more('source', 5);
    if (isFreeze(point)) expect(await migration.status()).toMatchObject({ writable: 'source' });
  }
}
