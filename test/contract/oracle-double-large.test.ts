// Large values on their way to Oracle: they arrive as they were, and no more of them is in memory than is known.

import { fork } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { expect, onTestFinished, test } from 'vitest';
import { LARGE, largeBytes, largeText } from '../fleet/large-values.ts';
import { OracleDouble } from '../fleet/oracle-double/double.ts';
import { defineRun } from './oracle-double-fixture.ts';

const SIZE = 100_000_000;
/** Of one value at a time: the packet of MySQL, its line, itself, and what the driver makes of it. */
const MOST_MEGABYTES = 800;

test('a BLOB and a CLOB of 100 MB are copied, and take a known amount of memory', async () => {
  const double = await OracleDouble.open();
  onTestFinished(() => double.close());
  defineRun(double);
  double.tables.define({ name: 'SHOP.LEFT', columns: LARGE.columns.map(({ name }) => ({ name })), key: ['ID'] });
  const child = fork(new URL('../fleet/large-values-process.ts', import.meta.url), [double.url, String(SIZE)], {
    execArgv: ['--import', 'tsx'],
  });
  onTestFinished(() => void child.kill());
  const said = once(child, 'message');
  const [code] = await Promise.race([once(child, 'exit'), said.then(() => once(child, 'exit'))]);
  expect(code).toBe(0);
  const [megabytes] = await said;
  const rows = double.tables.rows('SHOP.LEFT');
  expect(rows.map(({ ID, B, C }) => [ID, digestOf(B), digestOf(C)])).toEqual([
    ['1', digestOf(largeBytes(SIZE)), null],
    ['2', null, digestOf(largeText(SIZE))],
  ]);
  expect(megabytes).toBeLessThan(MOST_MEGABYTES);
});

function digestOf(value: string | Buffer | null | undefined): string | null {
  return value === null || value === undefined ? null : createHash('sha256').update(value).digest('hex');
}
