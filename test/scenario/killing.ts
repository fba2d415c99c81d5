// One kill -9 at a failpoint, and what must hold right after it, before the command is started again.

import { expect } from 'vitest';
import { FAILPOINTS, type Failpoint } from '../../src/lib/failpoint.ts';
import type { MigrateResult } from '../fleet/runner.ts';
import { said } from './migration.ts';

export interface Kill {
  readonly point: Failpoint;
  readonly hit: number;
}

/** A migration whose command can be started again and again, with writers on it. */
export interface Killable {
  readonly writers: { more(side: 'source' | 'target', count: number): Promise<unknown> };
  run(failpoints: string): Promise<MigrateResult>;
  compareAtRest(): Promise<void>;
  status(): Promise<Readonly<Record<string, unknown>>>;
}

const from = (name: Failpoint): number => FAILPOINTS.indexOf(name);

/** The source is closed by a fence with a deadline. */
const isFreeze = (point: Failpoint): boolean =>
  from(point) >= from('cutover.closed') && from(point) <= from('cutover.before_permanent');
/** The source is closed without a deadline, the target not open yet. */
const isClosed = (point: Failpoint): boolean =>
  from(point) > from('cutover.before_permanent') && from(point) <= from('cutover.switched');

export async function expectKilledAt(migration: Killable, kill: Kill): Promise<void> {
  await expectKilledAtOneOf(migration, [kill]);
}

/**
 * Dies once at the first hit of each point. All that are left are armed every time: which of two comes first is open
 * where copy, apply and building run side by side.
 */
export async function expectKilledAtEach(migration: Killable, points: readonly Failpoint[]): Promise<void> {
  const left = new Set(points);
  while (left.size > 0) {
    left.delete(
      await expectKilledAtOneOf(
        migration,
        [...left].map((point) => ({ point, hit: 1 })),
      ),
    );
  }
}

async function expectKilledAtOneOf(migration: Killable, kills: readonly Kill[]): Promise<Failpoint> {
  const result = await migration.run(kills.map(({ point, hit }) => `${point}@${hit}=kill9`).join(';'));
  const names = kills.map(({ point }) => point).join(', ');
  expect(result.signal, `not reached: ${names}\n${said(result)}`).toBe('SIGKILL');
  // Another reader may have come to its next place between the word and the deed.
  const told = new Set(result.stderr.split('\n'));
  const kill = kills.find(({ point, hit }) => told.has(`failpoint ${point} ${hit}`));
  if (kill === undefined) throw new Error(`died elsewhere than at one of ${names}`);
  await expectSafe(migration, kill.point);
  return kill.point;
}

async function expectSafe(migration: Killable, point: Failpoint): Promise<void> {
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
