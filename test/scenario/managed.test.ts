// A role as managed servers give it: no superuser on either side, and none who may switch triggers and foreign keys off.

import { randomBytes } from 'node:crypto';
import { afterEach, expect, test } from 'vitest';
import { AUTO, execute, openScene, refusal, rowsOf, type Scene, type Sections, SHOP } from './scene.ts';

interface Managed {
  readonly scene: Scene;
  readonly sourceUrl: string;
  readonly targetUrl: string;
}

const opened: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of opened.splice(0)) await close();
});

/** The role owns the source's database and may only create on the target's. */
async function openManaged(sections: Sections = {}): Promise<Managed> {
  const scene = await openScene({ schema: 'SELECT 1' });
  const role = `managed_${randomBytes(4).toString('hex')}`;
  const database = new URL(scene.sourceUrl).pathname.slice(1);
  await scene.onSource(`CREATE ROLE ${role} LOGIN REPLICATION`, `ALTER DATABASE ${database} OWNER TO ${role}`);
  await scene.onTarget(`CREATE ROLE ${role} LOGIN`, `GRANT CREATE ON DATABASE ${database} TO ${role}`);
  opened.push(async () => {
    const urls = [scene.sourceUrl, scene.targetUrl].map((url) => url.replace(database, 'postgres'));
    await scene.close();
    for (const url of urls) await execute(url, [`DROP ROLE ${role}`]);
  });
  const [sourceUrl = '', targetUrl = ''] = [scene.sourceUrl, scene.targetUrl].map((url) =>
    url.replace('postgres@', `${role}@`),
  );
  await execute(sourceUrl, [SHOP]);
  scene.plan = await scene.workspace.writePlan({ name: 'test', sourceUrl, targetUrl, cutover: AUTO, ...sections });
  return { scene, sourceUrl, targetUrl };
}

const FOREIGN_KEYS = `SELECT conname, convalidated FROM pg_constraint WHERE contype = 'f' AND conrelid::regclass::text ~ 'app'`;
// Rows that refer to each other and belong to different lanes.
const FAMILY = `WITH i AS (INSERT INTO app.items (id, name) SELECT max(id) + 1, (max(id) + 1)::text FROM app.items RETURNING id)
  INSERT INTO app.notes (item, t) SELECT id, 'n' FROM i`;
const WRITES = [FAMILY, FAMILY, 'DELETE FROM app.notes WHERE id = (SELECT min(id) FROM app.notes)'];

test('a role that cannot switch triggers off comes to a verified cutover, with kills on the way', async () => {
  const { scene: s, targetUrl } = await openManaged({ snapshot: { chunkRows: 10 } });
  const outputs: string[] = [];
  const kill = async (point: string): Promise<void> => {
    const { signal, stdout, stderr } = await s.run(['run', '--json', '-v'], { failpoints: `${point}=kill9` });
    outputs.push(stdout, stderr);
    expect(signal, `${point}\n${stderr}`).toBe('SIGKILL');
  };
  for (const point of ['chunk.after_commit@3', 'apply.before_commit', 'schema.before_complete']) {
    await s.onSource(...WRITES);
    await kill(point);
  }
  // Not even the role itself writes to the closed target without the secret of the run.
  expect(await refusal(targetUrl, 'DELETE FROM app.items')).toBe('25006');
  expect(await refusal(s.targetUrl, 'TRUNCATE app.notes')).toBe('25006');
  const [[secret = ''] = []] = await rowsOf(s.targetUrl, 'SELECT secret FROM migrate.pass');
  expect(secret).toMatch(/^[0-9a-f]{64}$/);
  expect(await rowsOf(s.targetUrl, FOREIGN_KEYS)).toEqual([]);

  // The foreign keys are there already, and must go again: the source takes writes.
  await kill('cutover.before_permanent');
  expect(await rowsOf(s.targetUrl, FOREIGN_KEYS)).toEqual([['notes_item_fkey', false]]);
  const gate = s.hold('go');
  const failpoints = `cutover.before_arm=pause(${gate.path});cutover.target_open=kill9`;
  const running = s.start(['run', '--json'], { failpoints });
  await running.waitFor(/^failpoint cutover.before_arm 1$/);
  await s.onSource(...WRITES);
  await gate.release();
  expect((await running.exited).signal).toBe('SIGKILL');
  expect(await refusal(s.targetUrl, "INSERT INTO app.notes (item, t) VALUES (9999, 'x')")).toBe('23503');
  await kill('schema.completing');
  expect(await rowsOf(s.targetUrl, FOREIGN_KEYS)).toEqual([['notes_item_fkey', false]]);
  const done = await s.run();
  expect(done, done.stderr).toMatchObject({
    code: 0,
    json: { result: 'complete', verify: { differences: 0 }, foreignKeys: { validated: 1, notValid: [] } },
  });
  expect(await rowsOf(s.targetUrl, FOREIGN_KEYS)).toEqual([['notes_item_fkey', true]]);
  expect((await s.compare()).differences).toEqual([]);
  expect([...outputs, done.stdout, done.stderr].join('')).not.toContain(secret);
});

test('rows that violate a foreign key on the source are told, and the key holds for new rows', async () => {
  const { scene: s } = await openManaged();
  await s.onSource("SET session_replication_role = replica; INSERT INTO app.notes (item, t) VALUES (777, 'orphan')");
  const done = await s.run();
  expect(done, done.stderr).toMatchObject({ code: 0, json: { foreignKeys: { validated: 0 } } });
  expect(JSON.stringify(done.json?.foreignKeys)).toContain('notes_item_fkey');
  expect(await refusal(s.targetUrl, "INSERT INTO app.notes (item, t) VALUES (778, 'x')")).toBe('23503');
});

test('a copy has its foreign keys when it is opened, and a killed one goes on without them', async () => {
  const { scene: s } = await openManaged();
  // Once while the unique constraint is built, then when the rows are checked.
  const killed = await s.run(['run', '--json', '--only', 'snapshot'], { failpoints: 'schema.completing@2=kill9' });
  expect(killed.signal, killed.stderr).toBe('SIGKILL');
  expect(await rowsOf(s.targetUrl, FOREIGN_KEYS)).toEqual([['notes_item_fkey', false]]);
  // One lane writes its notes while the items they belong to are not committed by another.
  await s.onSource(`BEGIN; UPDATE app.notes SET t = 'both lanes'; INSERT INTO app.items (id) SELECT generate_series(1000, 4000);
    INSERT INTO app.notes (item, t) SELECT 4000, 'n' FROM generate_series(1, 20);
    INSERT INTO app.items (id) SELECT generate_series(5000, 9000); COMMIT`);
  const copied = await s.run(['run', '--json', '--only', 'snapshot']);
  expect(copied, copied.stderr).toMatchObject({ code: 0, json: { result: 'copied', foreignKeys: { validated: 1 } } });
  expect(await rowsOf(s.targetUrl, FOREIGN_KEYS)).toEqual([['notes_item_fkey', true]]);
});
