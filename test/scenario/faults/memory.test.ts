// The memory of the runner: bounded by design, whatever the size of a transaction, and by the largest value otherwise.
// The kernel kills a process that goes over its cap, and that is a kill like any other.

import { afterEach, expect, test } from 'vitest';
import { capMemory, type MemoryCap, peakMegabytes } from '../../fleet/memory.ts';
import type { MigrateProcess } from '../../fleet/runner.ts';
import { MANUAL, openScene, rowsOf, type Scene } from '../scene.ts';

const caps: MemoryCap[] = [];

afterEach(async () => {
  await Promise.all(caps.splice(0).map((cap) => cap.close()));
});

async function open(schema: string): Promise<Scene> {
  return openScene({ schema, sections: { cutover: MANUAL } });
}

async function cap(megabytes: number): Promise<MemoryCap> {
  const made = await capMemory(megabytes);
  caps.push(made);
  return made;
}

/** A number of MIGRATE_TEST_ROWS rows can be asked for, to try it with millions. */
const ROWS = Number(process.env.MIGRATE_TEST_ROWS ?? 500_000);
const MEGABYTES_OF_HEX = (count: number): string => `decode(repeat('a1b2c3d4e5f60718', ${count} * 131072), 'hex')`;
/** The program itself with its libraries, and what batches and buffers take. */
const BASE = 300;
/** In memory a value is what travels: two digits for a byte. It is read, quoted and sent. */
const COPIES = 8;

/** Resolves when the process has applied this many changes; then the query has one answer on both sides. */
async function applied(scene: Scene, process: MigrateProcess, changes: number, query: string): Promise<void> {
  const [wanted] = await rowsOf(scene.sourceUrl, query);
  await scene.until(process, ({ stream }) => stream.changes >= changes);
  expect(await rowsOf(scene.targetUrl, query)).toEqual([wanted]);
}

test('a transaction of any number of rows is applied within a cap that does not grow with it', async () => {
  const scene = await open('CREATE TABLE big (id bigint PRIMARY KEY, name text, n int)');
  const { prefix } = await cap(160);
  const run = scene.start(undefined, { prefix });
  await scene.ready(run);
  await scene.onSource(
    `INSERT INTO big SELECT n, 'some text of the row ' || n, n % 1000 FROM generate_series(1, ${ROWS}) n`,
  );
  await applied(scene, run, ROWS, 'SELECT count(*), sum(n), min(name), max(name) FROM big');
  await scene.run(['cutover']);
  expect(await run.exited).toMatchObject({ code: 0, json: { result: 'complete', verify: { differences: 0 } } });
});

test('a row of 64 MB is copied and applied within eight times its size', async () => {
  const scene = await open(`CREATE TABLE files (id int PRIMARY KEY, body bytea);
    INSERT INTO files SELECT 1, ${MEGABYTES_OF_HEX(64)}`);
  const { prefix } = await cap(BASE + COPIES * 64);
  const run = scene.start(undefined, { prefix });
  await scene.ready(run);
  await scene.onSource(`INSERT INTO files SELECT 2, ${MEGABYTES_OF_HEX(64)}`);
  await applied(scene, run, 1, 'SELECT count(*), sum(length(body)), min(sha256(body)), max(sha256(body)) FROM files');
  expect(await peakMegabytes(run.pid)).toBeLessThan(BASE + COPIES * 64);
  await scene.run(['cutover']);
  expect(await run.exited).toMatchObject({ code: 0, json: { result: 'complete', verify: { differences: 0 } } });
});

test('a runner that the kernel killed for its memory is started again with more, and nothing is lost or doubled', async () => {
  const scene = await open('CREATE TABLE files (id int PRIMARY KEY, body bytea)');
  const { prefix } = await cap(120);
  const killed = scene.start(undefined, { prefix });
  await scene.ready(killed);
  await scene.onSource(`INSERT INTO files SELECT n, ${MEGABYTES_OF_HEX(32)} FROM generate_series(1, 3) n`);
  expect(await killed.exited).toMatchObject({ signal: 'SIGKILL' });
  expect(await rowsOf(scene.targetUrl, 'SELECT count(*) FROM files')).toEqual([['0']]);
  expect((await scene.run(['status', '--json'])).json).toMatchObject({ process: 'none', writable: 'source' });
  const run = scene.start();
  await scene.ready(run);
  await scene.run(['cutover']);
  expect(await run.exited).toMatchObject({ code: 0, json: { result: 'complete', verify: { differences: 0 } } });
  const digest = 'SELECT count(*), min(sha256(body)), max(sha256(body)) FROM files';
  expect(await rowsOf(scene.targetUrl, digest)).toEqual(await rowsOf(scene.sourceUrl, digest));
});

test('a value that no string of the program holds stops a run that has to follow it, and says whose it is', async () => {
  const scene = await open('CREATE TABLE files (id int PRIMARY KEY, body bytea)');
  const run = scene.start();
  await scene.ready(run);
  await scene.onSource(`INSERT INTO files SELECT 1, ${MEGABYTES_OF_HEX(257)}`);
  const { code, json } = await run.exited;
  expect({ code, json }).toMatchObject({ code: 2, json: { code: 'STREAM.VALUE_SIZE' } });
  expect(json?.message).toContain('public.files.body');
  expect((await scene.run(['status', '--json'])).json).toMatchObject({ process: 'none', writable: 'source' });
});
