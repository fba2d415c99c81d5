import { expect, test } from 'vitest';
import { connectionsOf } from '../../src/plan/connections.ts';

const open = (readers: number, lanes: number) =>
  connectionsOf({ snapshot: { readers }, apply: { lanes }, verify: { concurrency: 2 } } as never);

// Seen with ten readers and two lanes: 14 on the source, 22 on the target.
test('a reader counts twice on the target, and lanes stay open beside those who build indexes', () => {
  const [none, readers, lanes] = [open(0, 0), open(10, 0), open(10, 30)];
  expect(readers.source - none.source).toBe(10);
  expect(readers.target - none.target).toBe(20);
  expect(lanes.target - none.target).toBe(40);
  expect(lanes.source).toBe(readers.source);
});
