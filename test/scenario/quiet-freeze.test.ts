// A freeze on a source where nothing happens, or nothing that concerns the run: the apply meets the marker of the freeze
// all the same, whatever stands before and behind it in the log.

import { afterEach, expect, test } from 'vitest';
import { AUTO, openScene, type Scene } from './scene.ts';

let scene: Scene | undefined;

afterEach(async () => {
  await scene?.close();
  scene = undefined;
});

const AROUND: readonly { readonly log: string; readonly statements: readonly string[] }[] = [
  { log: 'nothing else', statements: [] },
  {
    log: 'records of no transaction',
    statements: [
      'SELECT pg_log_standby_snapshot()',
      "SELECT pg_logical_emit_message(false, 'other', 'x')",
      'CHECKPOINT',
      'SELECT pg_switch_wal()',
    ],
  },
  {
    log: 'transactions without rows',
    statements: [
      'SELECT pg_current_xact_id()',
      'BEGIN; CREATE TABLE other.never (); INSERT INTO other.rows VALUES (1); ROLLBACK',
    ],
  },
  {
    log: 'DDL and rows of others',
    statements: [
      "SELECT pg_logical_emit_message(true, 'other', 'x')",
      'CREATE TABLE other.made AS SELECT n FROM generate_series(1, 500) n',
      'TRUNCATE other.made',
    ],
  },
];

test.each(AROUND)('the freeze comes to its end when the log around its marker has $log', async ({ statements }) => {
  scene = await openScene({ sections: { cutover: { ...AUTO, retries: 0 }, tables: { include: ['app.*'] } } });
  const s = scene;
  await s.onSource('CREATE SCHEMA other; CREATE TABLE other.rows (n int)');
  const [before, behind] = [s.hold('before'), s.hold('behind')];
  const failpoints = `cutover.closed=pause(${before.path});cutover.marked=pause(${behind.path})`;
  const run = s.start(undefined, { failpoints });
  for (const [point, hold] of [
    ['closed', before],
    ['marked', behind],
  ] as const) {
    await run.waitFor(new RegExp(`^failpoint cutover\\.${point} 1$`));
    await s.onSource(...statements.map((statement) => statement.replaceAll('other.made', `other.made_${point}`)));
    await hold.release();
  }
  const done = await run.exited;
  expect(done, done.stderr).toMatchObject({ code: 0, json: { result: 'complete', verify: { differences: 0 } } });
  expect((await s.compare()).differences.filter(({ table }) => table.startsWith('app.'))).toEqual([]);
});
