import { Readable } from 'node:stream';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { COPIED_AS_TEXT } from '../../src/databases/postgres/types.ts';
import type { ChunkBytes } from '../../src/databases/source.ts';
import type { Chunk } from '../../src/model/chunk.ts';
import { AT, type CopyFixture, openCopyFixture, tableOf } from './copy-fixture.ts';

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
  await fixture.to.run('DELETE FROM migrate.tables; UPDATE migrate.lease SET epoch = 1', []);
  await fixture.plan(items, []);
});
afterAll(() => fixture.close());

function chunkOf(lines: readonly string[], rows = lines.length): ChunkBytes {
  return { format: 'text', bytes: Readable.from(lines.map((line) => Buffer.from(`${line}\n`))), rows: () => rows };
}

async function expectNothing(): Promise<void> {
  expect(await fixture.to.query('SELECT * FROM items')).toEqual([]);
  expect(await fixture.chunks(items)).toEqual([['0', null, '0']]);
}

test('rows and the record of their chunk appear together', async () => {
  const loader = fixture.loader();
  expect(await loader.load(items, WHOLE, AT, chunkOf(['1\ta', '2\tb']))).toBe(2);
  expect(await fixture.to.query('SELECT id, v FROM items ORDER BY id')).toEqual([
    { id: '1', v: 'a' },
    { id: '2', v: 'b' },
  ]);
  expect(await fixture.chunks(items)).toEqual([['0', AT, '2']]);
  await loader.close();
});

test('triggers of the target do not fire for loaded rows', async () => {
  await fixture.to.run(
    `CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'closed'; END $$;
     CREATE TRIGGER fence BEFORE INSERT ON items FOR EACH STATEMENT EXECUTE FUNCTION refuse()`,
    [],
  );
  const loader = fixture.loader();
  expect(await loader.load(items, WHOLE, AT, chunkOf(['1\ta']))).toBe(1);
  await loader.close();
});

test('a reader that fails half-way leaves nothing behind, and its own error is reported', async () => {
  const bytes = Readable.from(
    (async function* () {
      yield Buffer.from('1\ta\n');
      throw new Error('the source broke');
    })(),
  );
  const loader = fixture.loader();
  await expect(loader.load(items, WHOLE, AT, { format: 'text', bytes, rows: () => 1 })).rejects.toThrow(
    'the source broke',
  );
  await expectNothing();
  expect(await loader.load(items, WHOLE, AT, chunkOf(['1\ta']))).toBe(1);
  await loader.close();
});

test('a reader that failed before the load began fails the load with its error', async () => {
  const bytes = new Readable({ read: () => undefined });
  bytes.on('error', () => undefined);
  bytes.destroy(new Error('the source broke early'));
  const loader = fixture.loader();
  await expect(loader.load(items, WHOLE, AT, { format: 'text', bytes, rows: () => 0 })).rejects.toThrow(
    'the source broke early',
  );
  await expectNothing();
  await loader.close();
});

test('a target that keeps fewer rows than were sent is found out before the commit', async () => {
  await fixture.to.run(
    `CREATE OR REPLACE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
     CREATE TRIGGER swallow BEFORE INSERT ON items FOR EACH ROW EXECUTE FUNCTION swallow();
     ALTER TABLE items ENABLE ALWAYS TRIGGER swallow`,
    [],
  );
  const loader = fixture.loader();
  await expect(loader.load(items, WHOLE, AT, chunkOf(['1\ta']))).rejects.toMatchObject({ code: 'COPY.ROWS' });
  await expectNothing();
  await loader.close();
});

test('a row that the target refuses stops the load without naming its values', async () => {
  await fixture.to.run("INSERT INTO items VALUES (7, 'there before')", []);
  const loader = fixture.loader();
  const error = await loader.load(items, WHOLE, AT, chunkOf(['6\tsecret', '7\tsecret'])).catch((e: unknown) => e);
  expect(error).toMatchObject({ code: 'TARGET.REFUSED', message: expect.not.stringContaining('secret') });
  expect(await fixture.chunks(items)).toEqual([['0', null, '0']]);
  await loader.close();
});

test('after a takeover nothing is written', async () => {
  const loader = fixture.loader();
  await fixture.to.run('UPDATE migrate.lease SET epoch = 2', []);
  await expect(loader.load(items, WHOLE, AT, chunkOf(['1\ta']))).rejects.toMatchObject({ code: 'LEASE.LOST' });
  await expectNothing();
  await loader.close();
});

test('a chunk that is already done is not written again', async () => {
  const loader = fixture.loader();
  await loader.load(items, WHOLE, AT, chunkOf(['1\ta']));
  await expect(loader.load(items, WHOLE, AT, chunkOf(['2\tb']))).rejects.toMatchObject({ code: 'LEASE.LOST' });
  expect(await fixture.to.query('SELECT id FROM items')).toEqual([{ id: '1' }]);
  await loader.close();
});
