// Whole runs with exactly the rights that `migrate grants` prints, on both sides.

import { randomBytes } from 'node:crypto';
import { afterEach, expect, test } from 'vitest';
import { withClient } from '../fleet/databases.ts';
import { said } from './migration.ts';
import { catalogOf, MANUAL, openScene, type Scene, SHOP } from './scene.ts';

const MORE = `
CREATE TABLE app.keyless (t text); INSERT INTO app.keyless VALUES ('a'), ('a'), (NULL);
CREATE SEQUENCE app.free; SELECT setval('app.free', 41);`;

interface Setting {
  readonly scene: Scene;
  readonly owner: string;
  /** Prints the rights for one side and gives them; `recommended` ones, too. */
  give(side: 'source' | 'target', recommended: boolean): Promise<void>;
  close(): Promise<void>;
}

let setting: Setting | undefined;
afterEach(async () => {
  await setting?.close();
  setting = undefined;
});

/** A shop that belongs to a role of its own, and a plan whose role may only log in. */
async function open(): Promise<Setting> {
  const suffix = randomBytes(5).toString('hex');
  const [owner, migrator] = [`owner_${suffix}`, `migrator_${suffix}`];
  const scene = await openScene({ schema: `${SHOP}${MORE}` });
  const administered = [scene.sourceUrl, scene.targetUrl].map((url) => url.replace(/[^/]*$/, 'postgres'));
  for (const url of administered) {
    await withClient(url, (client) => client.query(`CREATE ROLE ${owner}; CREATE ROLE ${migrator} LOGIN`));
  }
  await scene.onSource(
    `ALTER SCHEMA app OWNER TO ${owner}`,
    ...['app.items', 'app.notes', 'app.keyless'].map((table) => `ALTER TABLE ${table} OWNER TO ${owner}`),
    `ALTER SEQUENCE app.free OWNER TO ${owner}`,
  );
  const login = (url: string): string => url.replace('postgres@', `${migrator}@`);
  scene.plan = await scene.workspace.writePlan({
    name: `test-${suffix}`,
    sourceUrl: login(scene.sourceUrl),
    targetUrl: login(scene.targetUrl),
    cutover: MANUAL,
  });
  return {
    scene,
    owner,
    give: async (side, recommended) => {
      const { code, stdout, stderr } = await scene.run(['grants', '--side', side]);
      expect(code, stderr).toBe(0);
      const script = recommended ? stdout.replaceAll(/^-- (?=GRANT )/gm, '') : stdout;
      await (side === 'source' ? scene.onSource(script) : scene.onTarget(script));
    },
    close: async () => {
      await scene.close();
      for (const url of administered) {
        await withClient(url, (client) =>
          client.query(`DROP OWNED BY ${owner}, ${migrator}; DROP ROLE ${owner}, ${migrator}`),
        );
      }
    },
  };
}

test('the rights that are needed are enough for a whole migration', async () => {
  setting = await open();
  const { scene, give, owner } = setting;
  expect(await scene.run(['check'])).toMatchObject({ code: 2 });
  await give('source', false);
  await give('target', false);
  const checked = await scene.run(['check', '--json']);
  expect(checked.code, checked.stdout).toBe(0);

  const running = scene.start();
  await scene.ready(running);
  await scene.onSource(
    `SET ROLE ${owner}`,
    "INSERT INTO app.items (id, name) VALUES (1000, 'late'); DELETE FROM app.notes WHERE id < 5",
    "UPDATE app.keyless SET t = 'b' WHERE t IS NULL; SELECT nextval('app.free')",
  );
  expect(await scene.run(['cutover', '--json'])).toMatchObject({ code: 0 });
  const result = await running.exited;
  expect(result.code, said(result)).toBe(0);
  expect(result.json).toMatchObject({ result: 'complete', verify: { differences: 0 }, foreignKeys: { notValid: [] } });
  expect((await scene.compare()).differences).toEqual([]);
  const drawn = await withClient(scene.targetUrl, (client) => client.query("SELECT nextval('app.free')"));
  expect(Number(drawn.rows[0].nextval)).toBeGreaterThan(42);
  await expect(scene.onSource("INSERT INTO app.keyless VALUES ('too late')")).rejects.toThrow(/writes are stopped/);
});

test('a run with all rights can be given up, and leaves nothing behind but an empty schema', async () => {
  setting = await open();
  const { scene, give } = setting;
  // Made for the run by hand: not the run's to remove.
  await scene.onSource('CREATE SCHEMA migrate');
  await give('source', true);
  await give('target', true);
  const before = await Promise.all([catalogOf(scene.sourceUrl), catalogOf(scene.targetUrl)]);
  const running = scene.start();
  await scene.ready(running);
  const aborted = await scene.run(['abort', '--drop', '--yes', '--json']);
  expect(aborted.code, said(aborted)).toBe(0);
  await running.exited;
  expect(await catalogOf(scene.sourceUrl)).toEqual(before[0]);
  // An empty schema may have been there for another reason.
  expect((await catalogOf(scene.targetUrl)).filter((line) => line !== 'namespace | app |  | ')).toEqual(before[1]);
});
