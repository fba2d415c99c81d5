// What a busy target ends a transaction for, without anybody having done wrong: the batch is written again as a whole.

import { afterEach, expect, test } from 'vitest';
import { MANUAL, openScene, rowsOf, type Scene } from '../scene.ts';

let scene: Scene | undefined;

afterEach(async () => {
  await scene?.close();
  scene = undefined;
});

const HELD = 4711;

/** Fires for our sessions, too. `event` says when. */
const trigger = (event: string, body: string): string => `
  CREATE FUNCTION public.trouble() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN ${body} RETURN NEW; END$$;
  CREATE ${event} EXECUTE FUNCTION public.trouble(); ALTER TABLE app.items ENABLE ALWAYS TRIGGER trouble`;

interface Conflict {
  readonly what: string;
  readonly state: string;
  readonly setUp: string;
  /** What another session does, for as long as it lives. */
  readonly hold: string;
}

const CONFLICTS: readonly Conflict[] = [
  {
    what: 'runs into a lock timeout',
    state: '55P03',
    setUp: trigger(
      'TRIGGER trouble BEFORE UPDATE ON app.items FOR EACH STATEMENT',
      "PERFORM set_config('lock_timeout', '50ms', true);",
    ),
    hold: 'SET session_replication_role = replica; BEGIN; SELECT FROM app.items WHERE id = 2 FOR UPDATE',
  },
  {
    what: 'cannot be serialized when it commits',
    state: '40001',
    setUp: trigger(
      'CONSTRAINT TRIGGER trouble AFTER UPDATE ON app.items DEFERRABLE INITIALLY DEFERRED FOR EACH ROW',
      `IF NEW.id = 2 AND NOT pg_try_advisory_xact_lock_shared(${HELD}) THEN
         RAISE EXCEPTION 'could not serialize: the value is %', NEW.name USING ERRCODE = '40001'; END IF;`,
    ),
    hold: `SELECT pg_advisory_lock(${HELD})`,
  },
];

const TOUCHED = 'SELECT id::int, n FROM app.items WHERE id IN (1, 2, 500) ORDER BY id';

test.each(CONFLICTS)('a batch that $what on the target is repeated as a whole', async ({ state, setUp, hold }) => {
  scene = await openScene({ sections: { cutover: MANUAL, apply: { lanes: 1 } } });
  const s = scene;
  const run = s.start();
  await s.ready(run);
  await s.onTarget(setUp);
  const other = await s.connect(s.targetUrl);
  await other.query(hold);
  const before = await rowsOf(s.targetUrl, TOUCHED);
  await s.onSource(`BEGIN; UPDATE app.items SET n = n + 100 WHERE id = 1; UPDATE app.items SET n = n + 100 WHERE id = 2;
    INSERT INTO app.items (id, name) VALUES (500, 'with them'); COMMIT`);
  const tried = await s.until(run, ({ restarts }) => restarts >= 1);
  expect(tried.stream.changes).toBe(0);
  expect(await rowsOf(s.targetUrl, TOUCHED)).toEqual(before);
  await other.end();
  await s.until(run, ({ stream }) => stream.changes === 3);
  await s.ready(run);
  // With it the cutover would be refused.
  await s.onTarget('DROP TRIGGER trouble ON app.items');
  expect(await s.run(['cutover'])).toMatchObject({ code: 0 });
  expect(await run.exited).toMatchObject({ code: 0, json: { result: 'complete' } });
  expect((await s.compare()).differences).toEqual([]);
  const log = run.stderr.join('\n');
  expect(log).toContain(state);
  // What a function of the user says may be made of values.
  expect(log).not.toContain('the value is');
});
