import { afterEach, expect, test } from 'vitest';
import { AUTO, openScene, rowsOf, type Scene } from '../scene.ts';

// More than the servers' lock tables have room for in one transaction.
const TABLES = Number(process.env.MANY_TABLES ?? 2_000);

let scene: Scene | undefined;
afterEach(async () => {
  await scene?.close();
  scene = undefined;
});

/** A sequence, two indexes and a foreign key each. Made in batches, for the same reason. */
async function fill(target: Scene): Promise<void> {
  for (let from = 1; from <= TABLES; from += 200) {
    await target.onSource(
      `DO $$ BEGIN FOR n IN ${from}..${Math.min(from + 199, TABLES)} LOOP
         EXECUTE format('CREATE TABLE many.t%s (id serial PRIMARY KEY, other int REFERENCES many.t%s, note text UNIQUE)', n,
                        greatest(1, n - 1));
         EXECUTE format('INSERT INTO many.t%s (note) VALUES (%L)', n, 'n' || n);
       END LOOP; END $$`,
    );
  }
}

test('thousands of tables are moved with the locks that a server has by default', async () => {
  scene = await openScene({ schema: 'CREATE SCHEMA many', sections: { cutover: { ...AUTO, budget: '60s' } } });
  await fill(scene);
  const began = performance.now();
  const process = scene.start(['run', '--json'], { limitMs: 900_000 });
  const result = await process.exited;
  expect(result.code, result.stderr.slice(-3000)).toBe(0);
  expect(result.json).toMatchObject({ result: 'complete', verify: { differences: 0, rowsCompared: TABLES } });
  console.log(
    Math.round(performance.now() - began),
    JSON.stringify(result.json),
    result.stderr
      .split('\n')
      .filter((l) => !l.startsWith('failpoint') && !l.includes('building'))
      .join('\n')
      .slice(0, 5000),
  );
  const made = await rowsOf(
    scene.targetUrl,
    "SELECT relkind::text, count(*)::int FROM pg_class WHERE relnamespace = 'many'::regnamespace GROUP BY 1 ORDER BY 1",
  );
  expect(made).toEqual([
    ['S', TABLES],
    ['i', 2 * TABLES],
    ['r', TABLES],
  ]);
});
