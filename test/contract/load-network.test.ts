// The loader behind a network that loses answers: a proxy cuts or stalls the connection at a chosen message.

import { Readable } from 'node:stream';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { PostgresServer } from '../../src/databases/postgres/connection.ts';
import { PostgresLoader } from '../../src/databases/postgres/load.ts';
import { COPIED_AS_TEXT } from '../../src/databases/postgres/types.ts';
import type { ChunkBytes } from '../../src/databases/source.ts';
import type { Chunk } from '../../src/model/chunk.ts';
import { AT, CLAIM, type CopyFixture, openCopyFixture, tableOf } from './copy-fixture.ts';
import { type Meddling, openMeddlingProxy } from './meddling-proxy.ts';

const items = tableOf('items', [
  ['id', 'int4'],
  ['v', 'text', { handling: [COPIED_AS_TEXT] }],
]);
const WHOLE: Chunk = { ordinal: 0, range: { lower: null, upper: null }, at: null, rows: 0 };

let fixture: CopyFixture;

beforeAll(async () => {
  fixture = await openCopyFixture();
});
beforeEach(async () => {
  await fixture.to.run('DROP TABLE IF EXISTS items; CREATE TABLE items (id int PRIMARY KEY, v text)', []);
  await fixture.to.run('DELETE FROM migrate.tables', []);
  await fixture.plan(items, []);
});
afterAll(() => fixture.close());

/** Runs one load of one row through a proxy. */
async function loadThrough(
  act: Meddling,
  networkTimeoutMs: number,
  chunk: ChunkBytes = { format: 'text', bytes: Readable.from([Buffer.from('1\ta\n')]), rows: () => 1 },
): Promise<number> {
  const url = new URL(fixture.targetUrl);
  const proxy = await openMeddlingProxy(Number(url.port), act);
  url.port = String(proxy.port);
  const server = new PostgresServer('target', url.href, 'test');
  const loader = new PostgresLoader({ server, claim: CLAIM, networkTimeoutMs });
  try {
    return await loader.load(items, WHOLE, AT, chunk);
  } finally {
    await loader.close();
    proxy.close();
  }
}

const onCommit = (action: 'pass, then cut' | 'cut') => (data: Buffer) =>
  data.includes('COMMIT') ? action : ('pass' as const);

test('a COMMIT whose answer is lost counts as done when the chunk says so', async () => {
  expect(await loadThrough(onCommit('pass, then cut'), 30_000)).toBe(1);
  expect(await fixture.chunks(items)).toEqual([['0', AT, '1']]);
});

test('a COMMIT that never arrived is reported as unknown and can be repeated', async () => {
  await expect(loadThrough(onCommit('cut'), 30_000)).rejects.toMatchObject({
    code: 'TARGET.COMMIT_UNKNOWN',
    disposition: 'retry',
  });
  expect(await fixture.chunks(items)).toEqual([['0', null, '0']]);
  expect(await loadThrough(() => 'pass', 30_000)).toBe(1);
});

test('a target that takes no more bytes is given up after the network timeout', async () => {
  const block = Buffer.from(`1\t${'x'.repeat(1 << 20)}\n`);
  const endless: ChunkBytes = {
    format: 'text',
    bytes: new Readable({
      read() {
        this.push(block);
      },
    }),
    rows: () => 0,
  };
  const stalled = loadThrough((data) => (data.length > 10_000 ? 'stall' : 'pass'), 400, endless);
  await expect(stalled).rejects.toMatchObject({ code: 'TARGET.CONNECTION' });
  expect(endless.bytes.destroyed).toBe(true);
  expect(await fixture.chunks(items)).toEqual([['0', null, '0']]);
});

test('a source that is silent for longer than the network timeout is waited for: it may be behind a lock', async () => {
  const late = new Readable({ read: () => undefined });
  setTimeout(() => {
    late.push(Buffer.from('1\tlate\n'));
    late.push(null);
  }, 1_500);
  expect(await loadThrough(() => 'pass', 300, { format: 'text', bytes: late, rows: () => 1 })).toBe(1);
});
