import type { Readable } from 'node:stream';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { PostgresServer } from '../../src/databases/postgres/connection.ts';
import { copyFormat, openChunkReader } from '../../src/databases/postgres/snapshot.ts';
import { COPIED_AS_TEXT } from '../../src/databases/postgres/types.ts';
import { type CopyFixture, openCopyFixture, tableOf } from './copy-fixture.ts';

const OPEN = { lower: null, upper: null };
const people = tableOf('people', [
  ['id', 'int4'],
  ['note', 'text', { handling: [COPIED_AS_TEXT] }],
]);

let fixture: CopyFixture;

beforeAll(async () => {
  fixture = await openCopyFixture();
  await fixture.from.run(
    `CREATE TABLE people (id int PRIMARY KEY, note text);
     INSERT INTO people SELECT n, 'note ' || n FROM generate_series(1, 50) AS n;
     CREATE TABLE "odd ""names""" ("a b" text COLLATE "C", "select" numeric, v bytea, PRIMARY KEY ("a b", "select"));
     INSERT INTO "odd ""names""" VALUES ('it''s \\', 1.50, '\\x00ff'), ('it''s \\', 2, NULL), ('z', 0, '')`,
    [],
  );
});
afterAll(() => fixture.close());

async function textOf(bytes: Readable): Promise<string> {
  const blocks: Buffer[] = [];
  for await (const block of bytes) blocks.push(block as Buffer);
  return Buffer.concat(blocks).toString('utf8');
}

test('a range holds its lower bound and not its upper one, and counts its rows', async () => {
  const start = await fixture.start();
  const reader = await start.reader();
  const read = reader.read(people, { lower: ['10'], upper: ['12'] });
  expect(await textOf(read.bytes)).toBe('10\tnote 10\n11\tnote 11\n');
  expect(read.rows()).toBe(2);
  await Promise.all([reader.close(), start.close()]);
});

test('one reader serves one range after another, and tells the bytes that pass', async () => {
  const start = await fixture.start();
  const reader = await start.reader();
  let passed = 0;
  const first = reader.read(people, { lower: null, upper: ['3'] }, (bytes) => {
    passed += bytes;
  });
  expect(await textOf(first.bytes)).toHaveLength(passed);
  const rest = reader.read(people, { lower: ['3'], upper: null });
  await textOf(rest.bytes);
  expect([first.rows(), rest.rows()]).toEqual([2, 48]);
  const empty = reader.read(people, { lower: ['1000'], upper: null });
  expect([await textOf(empty.bytes), empty.rows()]).toEqual(['', 0]);
  await Promise.all([reader.close(), start.close()]);
});

test('a composite key with odd names and values is read by range and by key', async () => {
  const odd = tableOf(
    'odd "names"',
    [
      ['a b', 'text', { handling: [COPIED_AS_TEXT] }],
      ['select', 'numeric'],
      ['v', 'bytea'],
    ],
    [0, 1],
  );
  const start = await fixture.start();
  const reader = await start.reader();
  const read = reader.read(odd, { lower: ["it's \\", '1.7'], upper: ['z', '0'] });
  expect(await textOf(read.bytes)).toBe("it's \\\\\t2\t\\N\n");
  expect(await reader.readRow(odd, ["it's \\", '1.5'])).toEqual(["it's \\", '1.50', '\\x00ff']);
  expect(await reader.readRow(odd, ["it's \\", '3'])).toBeUndefined();
  await Promise.all([reader.close(), start.close()]);
});

test('a reader sees what was committed when the snapshot was made and nothing later', async () => {
  await fixture.from.run('CREATE TABLE moving (id int PRIMARY KEY); INSERT INTO moving VALUES (1)', []);
  const moving = tableOf('moving', [['id', 'int4', { handling: [COPIED_AS_TEXT] }]]);
  const start = await fixture.start();
  await fixture.from.run('INSERT INTO moving VALUES (2); DELETE FROM moving WHERE id = 1', []);
  const reader = await start.reader();
  expect(await textOf(reader.read(moving, OPEN).bytes)).toBe('1\n');
  await Promise.all([reader.close(), start.close()]);
});

test.each(['TRUNCATE emptied', 'ALTER TABLE emptied ALTER id TYPE bigint'])(
  'a table that %s changed after the snapshot was made is not taken for empty',
  async (statement) => {
    await fixture.from.run('DROP TABLE IF EXISTS emptied; CREATE TABLE emptied (id int PRIMARY KEY)', []);
    await fixture.from.run('INSERT INTO emptied VALUES (1), (2)', []);
    const emptied = tableOf('emptied', [['id', 'int4', { handling: [COPIED_AS_TEXT] }]]);
    const start = await fixture.start();
    const [before, after, byKey] = [await start.reader(), await start.reader(), await start.reader()];
    expect(await textOf(before.read(emptied, OPEN).bytes)).toBe('1\n2\n');
    // Waits for nobody: what was read is not locked any more.
    await fixture.from.run("SET lock_timeout = '2s'", []);
    await fixture.from.run(statement, []);
    await fixture.from.run('RESET lock_timeout', []);
    await expect(textOf(after.read(emptied, OPEN).bytes)).rejects.toMatchObject({ code: 'SNAPSHOT.LOST' });
    await expect(byKey.readRow(emptied, ['1'])).rejects.toMatchObject({ code: 'SNAPSHOT.LOST' });
    // The reader that locks nothing between its reads goes on in the same snapshot.
    expect(await textOf(before.read(people, { lower: null, upper: ['2'] }).bytes)).toBe('1\tnote 1\n');
    await Promise.all([before.close(), after.close(), byKey.close(), start.close()]);
  },
);

test('a snapshot that goes between two reads is reported as lost', async () => {
  const start = await fixture.start();
  const reader = await start.reader();
  await textOf(reader.read(people, OPEN).bytes);
  await start.close();
  await expect(textOf(reader.read(people, OPEN).bytes)).rejects.toMatchObject({ code: 'SNAPSHOT.LOST' });
  await reader.close();
});

test('a snapshot whose holder is gone is reported as lost', async () => {
  await expect(openChunkReader(fixture.source, '00000000-00000000-1')).rejects.toMatchObject({ code: 'SNAPSHOT.LOST' });
});

test('rows that a policy would hide make the read fail', async () => {
  const role = `${new URL(fixture.sourceUrl).pathname.slice(1)}_reader`;
  await fixture.from.run(
    `CREATE TABLE guarded (id int PRIMARY KEY); ALTER TABLE guarded ENABLE ROW LEVEL SECURITY;
     CREATE ROLE ${role} LOGIN; GRANT SELECT ON guarded TO ${role}`,
    [],
  );
  const server = new PostgresServer('source', fixture.sourceUrl.replace('postgres@', `${role}@`), 'test');
  const holder = await fixture.source.session({ purpose: 'pin' });
  await holder.run('BEGIN ISOLATION LEVEL REPEATABLE READ', []);
  const name = (await holder.one('SELECT pg_export_snapshot() AS name'))?.name ?? '';
  const reader = await openChunkReader(server, name);
  const read = reader.read(tableOf('guarded', [['id', 'int4']]), OPEN);
  await expect(textOf(read.bytes)).rejects.toMatchObject({ code: 'SOURCE.REFUSED' });
  await Promise.all([reader.close(), holder.close()]);
  await fixture.from.run(`DROP OWNED BY ${role}; DROP ROLE ${role}`, []);
});

test('a connection that breaks in the middle of a range fails the stream instead of ending it', async () => {
  await fixture.from.run(
    `CREATE TABLE wide (id int PRIMARY KEY, v text);
     INSERT INTO wide SELECT n, repeat(md5(n::text), 1000) FROM generate_series(1, 1000) AS n`,
    [],
  );
  const start = await fixture.start();
  const reader = await start.reader();
  const { bytes } = reader.read(
    tableOf('wide', [
      ['id', 'int4'],
      ['v', 'text'],
    ]),
    OPEN,
  );
  const reading = (async () => {
    for await (const _ of bytes) {
      await fixture.from.query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE '%snapshot' AND datname = current_database()",
      );
    }
  })();
  await expect(reading).rejects.toMatchObject({ code: 'SOURCE.CONNECTION' });
  await Promise.all([reader.close(), start.close()]);
});

test('a table travels in binary form only when every column may', () => {
  expect(copyFormat(tableOf('t', [['id', 'int4']]))).toBe('binary');
  expect(copyFormat(people)).toBe('text');
});
