// A log that the source itself cannot decode: the run says so and stops, calls nothing complete, and leaves the source in use.

import { afterEach, expect, test } from 'vitest';
import { decodingFault, writeUndecodable } from '../../fleet/undecodable.ts';
import { MANUAL, openScene, refusal, rowsOf, type Scene } from '../scene.ts';

let scene: Scene | undefined;

afterEach(async () => {
  await scene?.close();
  scene = undefined;
});

test('a log that the source cannot decode stops the run, each time again, and nothing is called complete', async () => {
  scene = await openScene({ sections: { cutover: MANUAL } });
  const s = scene;
  const run = s.start();
  await s.ready(run);
  await writeUndecodable(s.sourceUrl, 'app.notes', (held) => `UPDATE app.notes SET t = t || ${held} WHERE id <= 2`);
  for (const stopped of [await run.exited, await s.run()]) {
    expect(stopped, stopped.stderr).toMatchObject({ code: 2, json: { result: 'failed', code: 'STREAM.UNDECODABLE' } });
    expect(stopped.json?.message).toContain('could not map filenumber');
  }
  expect(await decodingFault(s.sourceUrl)).toContain('could not map filenumber');
  expect(await refusal(s.sourceUrl, "INSERT INTO app.notes (item, t) VALUES (1, 'in use')")).toBeUndefined();
  expect(await refusal(s.targetUrl, "INSERT INTO app.notes (item, t) VALUES (1, 'closed')")).toBe('25006');
  expect(await rowsOf(s.targetUrl, 'SELECT outcome FROM migrate.run')).toEqual([['running']]);
});
