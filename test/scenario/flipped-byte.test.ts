// A byte that is changed on the target past its fence, by somebody whom no fence holds: found in whatever stage of the run
// it happened, with its key in the journal, and the run is not called complete.

import { afterEach, expect, test } from 'vitest';
import { withClient } from '../fleet/databases.ts';
import type { MigrateProcess } from '../fleet/runner.ts';
import { AUTO, openScene, refusal, rowsOf, type Scene, waitsForLock } from './scene.ts';

let scene: Scene | undefined;

afterEach(async () => {
  await scene?.close();
  scene = undefined;
});

const REPLICA = 'SET session_replication_role = replica';

/** The text is kept outside the row, so that the log of a change of something else does not bring it again. */
async function flip(s: Scene, table: string, column: string, id: number): Promise<void> {
  await withClient(s.targetUrl, async (client) => {
    await client.query(REPLICA);
    const changed = `UPDATE ${table} SET ${column} = overlay(${column} PLACING '!' FROM 3 FOR 1) WHERE id = ${id}`;
    expect((await client.query(changed)).rowCount).toBe(1);
  });
}

const flipItem = (s: Scene, id: number): Promise<void> => flip(s, 'app.items', 'body', id);
const repairItems = (s: Scene, where: string): Promise<void> =>
  s.onTarget(REPLICA, `UPDATE app.items SET body = repeat('b' || id, 1200) WHERE ${where}`);
const touch = (id: number): string => `UPDATE app.items SET n = n + 1000 WHERE id = ${id}`;

const FOUND = `SELECT d ->> 'table', d -> 'keys' FROM migrate.stage, jsonb_array_elements(result -> 'differences') d
  WHERE stage = 'verify' ORDER BY 1`;

/** The run stops, names these keys in its journal and no other, and leaves the source in use. */
async function expectFound(s: Scene, run: MigrateProcess, keys: Readonly<Record<string, string[]>>): Promise<void> {
  const result = await run.exited;
  expect(result, result.stderr).toMatchObject({ code: 4, json: { code: 'VERIFY.DIFFERENCES' } });
  const found = (await rowsOf(s.targetUrl, FOUND)) as [string, string[]][];
  expect(Object.fromEntries(found.map(([table, list]) => [table, list.toSorted()]))).toEqual(keys);
  expect(await refusal(s.sourceUrl, touch(40))).toBeUndefined();
  expect(await refusal(s.targetUrl, touch(40))).toBe('25006');
}

test('a byte flipped on the target is found in whatever stage it happened', async () => {
  scene = await openScene({ sections: { cutover: AUTO, snapshot: { chunkRows: 10 }, verify: { chunkRows: 10 } } });
  const s = scene;
  const holds = new Map<string, ReturnType<Scene['hold']>>();
  const start = (...points: readonly string[]): MigrateProcess => {
    for (const point of points) holds.set(point, s.hold(`${point}-${holds.size}`));
    return s.start(undefined, { failpoints: points.map((at) => `${at}=pause(${holds.get(at)?.path})`).join(';') });
  };
  const at = async (run: MigrateProcess, point: string, work: () => Promise<void>): Promise<void> => {
    await run.waitFor(new RegExp(`^failpoint ${point} 1$`));
    await work();
    await holds.get(point)?.release();
  };

  const copying = start('copy.done', 'schema.before_complete');
  await at(copying, 'copy.done', () => flipItem(s, 5));
  const holder = await s.connect(s.sourceUrl);
  await at(copying, 'schema.before_complete', async () => {
    // Changed after it was copied, so that the apply writes the row before or after the flip.
    await s.onSource(touch(15));
    await flipItem(s, 15);
    await holder.query('BEGIN; LOCK app.notes IN ACCESS EXCLUSIVE MODE');
  });
  // The comparison has begun, and has not come to what this session holds.
  await waitsForLock(s.sourceUrl, '% verify');
  await flip(s, 'app.notes', 't', 7);
  await holder.query('COMMIT');
  await expectFound(s, copying, { 'app.items': ['15', '5'], 'app.notes': ['7'] });

  // All has been compared as equal. What the source changes after that is compared again in the freeze.
  await repairItems(s, 'id < 40');
  await s.onTarget(REPLICA, "UPDATE app.notes SET t = 'note7' WHERE id = 7");
  const compared = start('verify.done', 'cutover.drained');
  await at(compared, 'verify.done', async () => {
    for (const id of [3, 25]) await s.onSource(touch(id));
    for (const id of [3, 30]) await flipItem(s, id);
  });
  await at(compared, 'cutover.drained', () => flipItem(s, 25));
  await expectFound(s, compared, { 'app.items': ['25', '3'] });

  // What the source left alone is found by the next process: it compares everything again.
  await repairItems(s, 'id IN (3, 25)');
  await expectFound(s, start(), { 'app.items': ['30'] });

  // After the last comparison, as after the cutover, it is found when it is asked for.
  await repairItems(s, 'id = 30');
  const completing = start('cutover.switched');
  await at(completing, 'cutover.switched', () => flipItem(s, 31));
  expect(await completing.exited).toMatchObject({ code: 0, json: { result: 'complete' } });
  const asked = await s.run(['run', '--only', 'verify', '--keys', '--json']);
  expect(asked, asked.stderr).toMatchObject({
    code: 4,
    json: { result: 'different', tables: [{ table: 'app.items', differences: 1, keys: ['31'] }, { differences: 0 }] },
  });
});
