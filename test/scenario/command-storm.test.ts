// A thousand commands, drawn by a seed, against a run under load: each is answered as it has to be, whatever was asked before it,
// and in the end both sides are equal. `STORM_SEED=7` repeats what was asked, not what the load made of it.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { statusSchema } from '../../src/control/status-schema.ts';
import type { StatusSnapshot } from '../../src/observe/status.ts';
import { Random } from '../storm/random.ts';
import { MANUAL, openScene, type Scene, SHOP } from './scene.ts';

const COMMANDS = 1_000;
const AT_ONCE = 8;
/** Each begins the attempt anew. */
const TABLE_COMMANDS = new Set([150, 400, 650, 900]);
const SPARE = 'CREATE TABLE app.spare (id int PRIMARY KEY); INSERT INTO app.spare SELECT generate_series(1, 20);';
const PARTS = ['snapshot', 'apply'] as const;
const PARTS_AND_ALL = [...PARTS, 'run'] as const;

/** Nothing of it may change anything. */
const WRONG: readonly (readonly [string, unknown])[] = [
  ['pause', { only: 'verify' }],
  ['pause', { until: 'noon' }],
  ['throttle', { apply: { rowsPerSecond: -1 } }],
  ['throttle', { apply: { rowsPerSecond: 'fast' } }],
  ['cutover', { decision: 'perhaps' }],
  ['cutover', { decision: 'switched' }],
  ['table', { verb: 'drop', table: 'app.items' }],
  ['table', { verb: 'copy', table: 'app.nothing' }],
  ['table', { verb: 'retry', table: 'app.items' }],
  ['table', { verb: 'skip', table: 'app.items' }],
  ['letters', { verb: 'retry', ids: [4711] }],
  ['letters', { verb: 'waive', ids: [], reason: 'none' }],
  ['letters/show', { ids: 'all' }],
  ['nothing', {}],
];

interface Answer {
  readonly http: number;
  readonly changed?: boolean;
  readonly code?: string;
  readonly status?: StatusSnapshot;
}

/** The control API of the live process, with its token. */
function apiOf(scene: Scene): (path: string, body?: unknown) => Promise<Answer> {
  const file = readdirSync(scene.workspace.directory).find((name) => name.endsWith('.http')) ?? '';
  const { port, token } = JSON.parse(readFileSync(join(scene.workspace.directory, file), 'utf8')) as {
    port: number;
    token: string;
  };
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  return async (path, body) => {
    const sent = body === undefined ? { headers } : { headers, method: 'POST', body: JSON.stringify(body) };
    const response = await fetch(`http://127.0.0.1:${port}/api/${path}`, sent);
    return { http: response.status, ...((await response.json()) as object) };
  };
}

/** Writes until it is told to stop; resolves with how many transactions there were. */
async function load(scene: Scene, stop: AbortSignal): Promise<number> {
  const client = await scene.connect(scene.sourceUrl);
  let n = 1_000;
  for (; !stop.aborted; n++) {
    await client.query('BEGIN');
    await client.query('INSERT INTO app.items (id, name, n) VALUES ($1, $2, 0)', [n, `name${n}`]);
    await client.query('UPDATE app.items SET n = n + 1, body = body || $2 WHERE id = $1', [(n % 40) + 1, 'x']);
    await client.query('DELETE FROM app.notes WHERE id = $1', [n % 37]);
    await client.query('INSERT INTO app.notes (item, t) VALUES ($1, $2)', [n, `note of ${n}`]);
    await client.query('COMMIT');
    await sleep(10);
  }
  return n - 1_000;
}

test('a thousand commands at random leave a run in a state that it can be in, and both sides equal', async () => {
  const seed = Number(process.env.STORM_SEED ?? 20_251);
  const random = new Random(seed).fork('commands');
  const scene = await openScene({ schema: SHOP + SPARE, sections: { cutover: MANUAL } });
  const running = scene.start();
  await scene.ready(running);
  const api = apiOf(scene);
  const stop = new AbortController();
  const written = load(scene, stop.signal);
  written.catch(() => undefined);

  let held = new Set<string>();
  const counts: Record<string, number> = {};
  const wrong = async (): Promise<void> => {
    const [path, body] = random.pick(WRONG);
    const answer = await api(path, body);
    expect([400, 405, 409], `${path} ${JSON.stringify(body)}: ${JSON.stringify(answer)}`).toContain(answer.http);
    expect(answer.code).toBeDefined();
  };
  /** Given twice: the second time there is nothing left to change. */
  const twice = async (path: string, body: object, isNew?: boolean): Promise<StatusSnapshot | undefined> => {
    const first = await api(path, { ...body, by: 'storm' });
    expect(first, `${path} ${JSON.stringify(body)}`).toMatchObject({ http: 200 });
    if (isNew !== undefined) expect(first.changed, `${path} ${JSON.stringify(body)}`).toBe(isNew);
    const second = await api(path, { ...body, by: 'storm' });
    expect(second, `${path} ${JSON.stringify(body)} again`).toMatchObject({ http: 200, changed: false });
    return second.status;
  };
  const pause = async (): Promise<void> => {
    const [verb, part] = [random.pick(['pause', 'resume']), random.pick(PARTS_AND_ALL)];
    const only = part === 'run' ? undefined : part;
    const before = [...held].toSorted().join();
    if (verb === 'pause') held.add(only ?? 'run');
    else if (only === undefined) held = new Set();
    else held.delete(only);
    const now = [...held].toSorted();
    const status = await twice(verb, only === undefined ? {} : { only }, now.join() !== before);
    expect(status?.paused.toSorted()).toEqual(now);
  };
  const throttle = async (): Promise<void> => {
    const rowsPerSecond = random.chance(30) ? null : random.between(2_000, 100_000);
    const part = random.pick(PARTS);
    const status = await twice('throttle', { [part]: { rowsPerSecond } });
    expect(status?.throttle[part].rowsPerSecond).toBe(rowsPerSecond);
  };
  const permission = async (): Promise<void> => {
    // What holds the apply holds the cutover back: it is allowed, and taken back.
    if (!held.has('run')) await api('pause', { by: 'storm' });
    held.add('run');
    expect((await twice('cutover', {}, true))?.permission.granted).toBe(true);
    expect((await twice('cutover/cancel', {}, true))?.permission.granted).toBe(false);
  };
  const atOnce = async (): Promise<void> => {
    const asked = Array.from({ length: AT_ONCE }, () => random.pick(PARTS_AND_ALL));
    const answers = await Promise.all(
      asked.map((part, i) => api(i % 2 === 0 ? 'pause' : 'resume', part === 'run' ? {} : { only: part })),
    );
    for (const { http } of answers) expect(http).toBe(200);
    held = new Set(((await api('status')) as unknown as StatusSnapshot).paused);
  };
  const table = async (): Promise<void> => {
    const { code } = await scene.run(['table', 'copy', 'app.notes']);
    expect(code).toBe(0);
    await api('table', { verb: 'skip', table: 'app.spare', reason: 'storm', by: 'storm' });
    expect(await api('table', { verb: 'retry', table: 'app.spare', by: 'storm' })).toMatchObject({ http: 200 });
  };
  const look = async (): Promise<void> => {
    const { http, ...status } = await api(random.pick(['status', 'audit', 'letters']));
    expect(http).toBe(200);
    if ('stage' in status) expect(statusSchema.safeParse(status).error).toBeUndefined();
  };
  const kinds = { pause, throttle, permission, atOnce, look, wrong };
  const weights = ['pause', 'pause', 'pause', 'throttle', 'permission', 'atOnce', 'look', 'wrong', 'wrong'] as const;
  const cost = { pause: 2, throttle: 2, permission: 5, atOnce: AT_ONCE + 1, look: 1, wrong: 1 } as const;
  try {
    const tables = [...TABLE_COMMANDS];
    for (let given = 0; given < COMMANDS; ) {
      const kind = random.pick(weights);
      counts[kind] = (counts[kind] ?? 0) + 1;
      await kinds[kind]();
      given += cost[kind];
      if (given >= (tables[0] ?? COMMANDS)) {
        tables.shift();
        await table();
      }
    }
    await api('resume', {});
    await api('throttle', { asPlanned: true });
  } catch (error) {
    throw new Error(
      `seed ${seed}, after ${JSON.stringify(counts)}: ${error instanceof Error ? error.message : error}`,
      {
        cause: error,
      },
    );
  } finally {
    stop.abort();
  }
  expect(await written).toBeGreaterThan(10);
  const done = await scene.complete(running);
  expect(done.json).toMatchObject({ waivers: { tables: [] } });
});
