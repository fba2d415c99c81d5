import { expect, it } from 'vitest';
import { CommitTimes } from '../../src/databases/oracle/health-commits.ts';

it('a commit that hangs counts as long as it does, and one that has ended counts once', () => {
  const times = new CommitTimes();
  expect(times.take()).toBe(0);
  const ended = times.begin();
  let first = 0;
  while (first === 0) first = times.take();
  expect(times.take()).toBeGreaterThanOrEqual(first);
  ended();
  ended();
  expect(times.take()).toBeGreaterThanOrEqual(first);
  expect(times.take()).toBe(0);
});
