// Chunks written to MySQL, by LOAD DATA and, where the server reads no files of its clients, by INSERT.

import { Readable } from 'node:stream';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { ConversionOf } from '../../src/databases/conversion.ts';
import { MysqlServer } from '../../src/databases/mysql/connection.ts';
import { MysqlLoader } from '../../src/databases/mysql/load.ts';
import { readingOf } from '../../src/databases/mysql/values.ts';
import type { ChunkBytes } from '../../src/databases/source.ts';
import type { Chunk } from '../../src/model/chunk.ts';
import type { Table } from '../../src/model/table.ts';
import { startMysql } from '../fleet/mysql.ts';
import type { MysqlServer as FleetServer } from '../fleet/mysqld.ts';
import { type Meddling, openMeddlingProxy } from './meddling-proxy.ts';
import { CLAIM, position, WriteFixture } from './mysql-write-fixture.ts';

const WHOLE: Chunk = { ordinal: 0, range: { lower: null, upper: null }, at: null, rows: 0 };
const AT = position('5');

let fleet: FleetServer;
let fixture: WriteFixture;

beforeAll(async () => {
  fleet = await startMysql();
  fixture = await WriteFixture.open(fleet.port);
}, 300_000);
afterAll(async () => {
  await fixture?.close();
  await fleet?.close();
});
beforeEach(() => fixture.reset());

function chunkOf(lines: readonly string[], rows = lines.length, block = 1 << 20): ChunkBytes {
  const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(''));
  const blocks = Array.from({ length: Math.ceil(bytes.length / block) }, (_, at) =>
    bytes.subarray(at * block, (at + 1) * block),
  );
  return { format: 'text', bytes: Readable.from(blocks), rows: () => rows };
}

async function planned(name: string, ...statements: readonly string[]): Promise<Table> {
  const table = await fixture.make(name, ...statements);
  await fixture.planChunk(table);
  return table;
}

const items = (): Promise<Table> =>
  planned('items', 'CREATE TABLE items (id int PRIMARY KEY, v varchar(20), n decimal(5,2) NOT NULL DEFAULT 0)');

async function load(table: Table, read: ChunkBytes, conversionOf?: ConversionOf): Promise<number> {
  const loader = fixture.loader(conversionOf);
  try {
    return await loader.load(table, WHOLE, AT, read);
  } finally {
    await loader.close();
  }
}

const chunks = (): Promise<readonly string[]> => fixture.rows('SELECT ordinal, `at`, `rows` FROM migrate.chunk');

async function expectNothing(): Promise<void> {
  expect(await fixture.rows('SELECT * FROM items')).toEqual([]);
  expect(await chunks()).toEqual(['0|NULL|0']);
}

/** As where the source is of another kind. */
const otherForm: ConversionOf = (column) => ({
  print: (own) => own.toString(),
  read: (text) =>
    readingOf(column).isBytes ? Buffer.from(String(text).slice(2), 'hex') : String(text).replace(/^≈/, ''),
});

describe.each([
  { means: 'LOAD DATA', localInfile: 1 },
  { means: 'INSERT', localInfile: 0 },
])('$means', ({ localInfile }) => {
  beforeEach(() => fixture.db.run(`SET GLOBAL local_infile = ${localInfile}`));

  test('rows and the record of their chunk appear together, behind the closed fence', async () => {
    const table = await items();
    await fixture.closeFence(table);
    expect(await load(table, chunkOf(['1\ta\t1.50', '2\t\\N\t0']))).toBe(2);
    expect(await fixture.rows('SELECT * FROM items ORDER BY id')).toEqual(['1|a|1.50', '2|NULL|0.00']);
    expect(await chunks()).toEqual(['0|5|2']);
  });

  test.each([1, 7, 1 << 20])(
    'every text comes as it was, in blocks of %i bytes, whatever is converted',
    async (block) => {
      const table = await planned(
        'texts',
        'CREATE TABLE texts (id int PRIMARY KEY, a longtext, b varbinary(20), c text CHARACTER SET latin1)',
      );
      const texts = ['', 'N', '\\N', '\\', '\\\\', 'a\tb\nc\rd\be\ff\vg\\h', '\'"`?', '\0', '😀é', '\\.', '#', '≈'];
      const hexes = ['', '00ff', '5c0a', '09', '5c4e', '27', '3f', '00', 'f09f', '2e', '23', 'e2'];
      const escapes: Readonly<Record<string, string>> = {
        '\\': '\\\\',
        '\t': '\\t',
        '\n': '\\n',
        '\r': '\\r',
        '\b': '\\b',
        '\f': '\\f',
        '\v': '\\v',
      };
      const escaped = (text: string): string => text.replace(/[\\\t\n\r\b\f\v]/g, (found) => escapes[found] ?? found);
      const expected = texts.map((text, id) => `${id}|${Buffer.from(text).toString('hex')}|${hexes[id]}|ÿ${id}`);
      const query = 'SELECT id, LOWER(HEX(a)), LOWER(HEX(b)), c FROM texts ORDER BY id';
      const same = texts.map((text, id) => `${id}\t${escaped(text)}\t${hexes[id]}\tÿ${id}`);
      expect(await load(table, chunkOf(same, same.length, block))).toBe(texts.length);
      expect(await fixture.rows(query)).toEqual(expected);
      await fixture.db.run('DELETE FROM texts', 'UPDATE migrate.chunk SET `at` = NULL');
      const other = texts.map((text, id) => `${id}\t${escaped(`≈${text}`)}\t\\\\x${hexes[id]}\t≈ÿ${id}`);
      expect(await load(table, chunkOf(other, other.length, block), otherForm)).toBe(texts.length);
      expect(await fixture.rows(query)).toEqual(expected);
    },
  );

  test('every type is read from the text that a log has of it', async () => {
    const table = await planned(
      'types',
      `CREATE TABLE types (id bigint unsigned PRIMARY KEY, c decimal(65,30), d float, e double, f bit(64), g bit(3), h date,
         i datetime(6), j timestamp(3), l time(2), m year, n char(4), p text, q binary(4), t enum('a,b','c'), u set('x','y'),
         v json, w geometry, x vector(2), hidden int INVISIBLE, twice int AS (hidden * 2) STORED, z int DEFAULT 5)`,
    );
    const rows = [
      '18446744073709551615\t-12345678901234567890123456789012345.123456789012345678901234567899\t16777216\t1.7976931348623157e308\tffffffffffffffff\t05\t9999-12-31\t2024-01-02 03:04:05.678901\t2024-01-02 03:04:05.678\t-838:59:59.00\t1901\tab\t😀\t01000000\ta,b\tx,y\t{"a": [1, 1.5, "\\\\"x"]}\te6100000010100000000000000000000400000000000000840\t0000803f00000040\t7\t0',
      '0\t\\N\t-0\t-0\t0000000000000001\t\\N\t0000-00-00\t2024-02-31 00:00:00.000000\t0000-00-00 00:00:00.000\t\\N\t0000\t\t\t\\N\t\\N\t\tnull\t\\N\t\\N\t\\N\t\\N',
    ];
    expect(await load(table, chunkOf(rows))).toBe(2);
    const read = await fixture.rows(
      `SELECT id, c, CAST(d AS DOUBLE), e, HEX(f), HEX(g), h, i, j, l, m, n, p, HEX(q), t, u, v, HEX(w), HEX(x), hidden, z, twice
       FROM types ORDER BY id DESC`,
    );
    expect(read).toEqual([
      '18446744073709551615|-12345678901234567890123456789012345.123456789012345678901234567899|16777216|1.7976931348623157e308|FFFFFFFFFFFFFFFF|5|9999-12-31|2024-01-02 03:04:05.678901|2024-01-02 03:04:05.678|-838:59:59.00|1901|ab|😀|01000000|a,b|x,y|{"a": [1, 1.5, "\\"x"]}|E6100000010100000000000000000000400000000000000840|0000803F00000040|7|0|14',
      '0|NULL|-0|-0|1|NULL|0000-00-00|2024-02-31 00:00:00.000000|0000-00-00 00:00:00.000|NULL|0000|||NULL|NULL||null|NULL|NULL|NULL|NULL|NULL',
    ]);
  });

  test.each([
    ['a key that is there', '7\tsecret\t0', 'constraint items.PRIMARY (1062)'],
    ['a key that comes twice', '1\tsecret\t0', 'constraint items.PRIMARY (1062)'],
    ['a text that is too long', `2\t${'secret'.repeat(9)}\t0`, 'column v ('],
    ['a number that is out of range', '2\tsecret\t99999', 'column n (1264)'],
    ['a number that would be rounded', '2\tsecret\t1.005', 'column n (1265)'],
    ['no number', '2\ta\tsecret', 'column n (1366)'],
    ['a NULL that may not be', '2\tsecret\t\\N', ' refused a row: '],
  ])('%s stops the load without naming values', async (_, line, what) => {
    const table = await items();
    await fixture.db.run("INSERT INTO items VALUES (7, 'before', 0)");
    const failed = await load(table, chunkOf(['1\ta\t0', line])).catch((error: unknown) => error);
    expect(failed).toMatchObject({ code: 'TARGET.REFUSED', message: expect.stringContaining(what) });
    const cause = (failed as Error).cause as Error;
    expect(JSON.stringify([failed, (failed as Error).message, cause, cause.message, cause.cause])).not.toContain(
      'secret',
    );
    expect(await fixture.rows('SELECT v FROM items')).toEqual(['before']);
    expect(await chunks()).toEqual(['0|NULL|0']);
  });

  test('a target that keeps another number of rows than were sent is found out before the commit', async () => {
    const table = await items();
    await expect(load(table, chunkOf(['1\ta\t0'], 2))).rejects.toMatchObject({ code: 'COPY.ROWS' });
    await expectNothing();
  });

  test('a reader that fails half-way leaves nothing behind, its own error is reported, and the loader goes on', async () => {
    const table = await items();
    const bytes = Readable.from(
      (async function* () {
        yield Buffer.from('1\ta\t0\n');
        throw new Error('the source broke');
      })(),
    );
    const loader = fixture.loader();
    const failing: ChunkBytes = { format: 'text', bytes, rows: () => 1 };
    await expect(loader.load(table, WHOLE, AT, failing)).rejects.toThrow('the source broke');
    await expectNothing();
    expect(await loader.load(table, WHOLE, AT, chunkOf(['1\ta\t0']))).toBe(1);
    await loader.close();
  });

  test('a reader that failed before the load began fails the load with its error', async () => {
    const table = await items();
    const bytes = new Readable({ read: () => undefined });
    bytes.on('error', () => undefined);
    bytes.destroy(new Error('the source broke early'));
    await expect(load(table, { format: 'text', bytes, rows: () => 0 })).rejects.toThrow('the source broke early');
    await expectNothing();
  });

  test('a connection that is cut in the middle leaves nothing', async () => {
    const table = await planned('items', 'CREATE TABLE items (id int PRIMARY KEY, v longtext)');
    const before = await fixture.ids();
    const bytes = new Readable({ read: () => undefined });
    bytes.push(Buffer.from(`1\t${'a'.repeat(1 << 20)}\n`));
    const loading = load(table, { format: 'text', bytes, rows: () => 1 }).catch((error: unknown) => error);
    await fixture.db.run('SET SESSION TRANSACTION ISOLATION LEVEL READ UNCOMMITTED');
    while ((await fixture.one('SELECT COUNT(*) FROM items')) === '0');
    await fixture.db.run('SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ');
    const [id] = (await fixture.ids()).filter((each) => !before.includes(each));
    await fixture.db.run(`KILL ${id}`);
    while ((await fixture.ids()).includes(id ?? ''));
    bytes.push(Buffer.from('2\ta\n'));
    bytes.push(null);
    expect(await loading).toMatchObject({ code: 'TARGET.CONNECTION', disposition: 'retry' });
    await expectNothing();
  });

  test('a lock that is not given ends the load before anything is committed', async () => {
    const table = await items();
    const { session } = fixture.db;
    await session.query('START TRANSACTION');
    await session.query("INSERT INTO items VALUES (2, 'x', 0)");
    const loading = load(table, chunkOf(['1\ta\t0', '2\tb\t0'])).catch((error: unknown) => error);
    await fixture.rowLockWait();
    const id = await fixture.idOf(localInfile === 1 ? 'LOAD DATA%' : 'INSERT INTO `shop`%');
    await fixture.db.run(`KILL QUERY ${id}`, 'ROLLBACK');
    expect(await loading).toMatchObject({ code: 'TARGET.TRANSIENT', disposition: 'retry' });
    await expectNothing();
  });
});

describe('whatever the means', () => {
  beforeAll(() => fixture.db.run('SET GLOBAL local_infile = 1'));

  test('after a takeover nothing is written', async () => {
    const table = await items();
    await fixture.db.run('UPDATE migrate.lease SET epoch = epoch + 1');
    await expect(load(table, chunkOf(['1\ta\t0']))).rejects.toMatchObject({ code: 'LEASE.LOST' });
    await expectNothing();
  });

  test('a chunk that is already done is not written again', async () => {
    const table = await items();
    await load(table, chunkOf(['1\ta\t0']));
    await expect(load(table, chunkOf(['2\tb\t0']))).rejects.toMatchObject({ code: 'LEASE.LOST' });
    expect(await fixture.rows('SELECT id FROM items')).toEqual(['1']);
  });

  test('a source is read no further than the target takes', async () => {
    const table = await planned('large', 'CREATE TABLE large (id int PRIMARY KEY, a longblob)');
    const { session } = fixture.db;
    await session.query('START TRANSACTION');
    await session.query('INSERT INTO large VALUES (0, NULL)');
    const [rows, size] = [96, 1 << 20];
    let read = 0;
    const bytes = Readable.from(
      (async function* () {
        for (; read < rows; read++) yield Buffer.from(`${read}\t${'61'.repeat(size / 2)}\n`);
      })(),
    );
    const loading = load(table, { format: 'text', bytes, rows: () => rows }).catch((error: unknown) => error);
    await fixture.rowLockWait();
    for (let still = 0, before = read; still < 20; still = before === read ? still + 1 : 0, before = read) {
      await session.query('SELECT 1');
    }
    expect(read).toBeLessThan(rows / 2);
    await fixture.db.run(`KILL ${await fixture.idOf('LOAD DATA%')}`, 'ROLLBACK');
    expect(await loading).toMatchObject({ code: 'TARGET.CONNECTION' });
  });

  test('a value of 30 MB is loaded', async () => {
    const table = await planned('large', 'CREATE TABLE large (id int PRIMARY KEY, a longblob)');
    expect(await load(table, chunkOf([`1\t${'07'.repeat(30 << 20)}`]))).toBe(1);
    expect(await fixture.one('SELECT LENGTH(a) FROM large')).toBe(String(30 << 20));
  });

  test.each([1, 0])('statements stay below what the server takes, with local_infile = %i', async (localInfile) => {
    await fixture.db.run('SET GLOBAL max_allowed_packet = 16384', `SET GLOBAL local_infile = ${localInfile}`);
    try {
      const table = await planned('wide', 'CREATE TABLE wide (id int PRIMARY KEY, a text, b blob)');
      const lines = Array.from({ length: 40 }, (_, id) => `${id}\t${'é'.repeat(2_000)}\t${'61'.repeat(9_000)}`);
      expect(await load(table, chunkOf(lines))).toBe(40);
      expect(await fixture.one('SELECT SUM(LENGTH(a) + LENGTH(b)) FROM wide')).toBe(String(40 * 13_000));
      await fixture.db.run('UPDATE migrate.chunk SET `at` = NULL');
      const large = load(table, chunkOf([`99\t\t${'61'.repeat(20_000)}`]));
      // What is read from a file may be larger.
      if (localInfile === 1) expect(await large).toBe(1);
      else
        await expect(large).rejects.toMatchObject({
          code: 'TARGET.REFUSED',
          message: expect.stringContaining('16384'),
        });
    } finally {
      await fixture.db.run('SET GLOBAL max_allowed_packet = 67108864, local_infile = 1');
    }
  });
});

describe('behind a network', () => {
  beforeAll(() => fixture.db.run('SET GLOBAL local_infile = 1'));

  /** Runs one load of one row through a proxy. */
  async function loadThrough(
    act: Meddling,
    networkTimeoutMs: number,
    table: Table,
    chunk = chunkOf(['1\ta\t0']),
  ): Promise<number> {
    const proxy = await openMeddlingProxy(fleet.port, act);
    const server = new MysqlServer('target', `mysql://root@127.0.0.1:${proxy.port}/`);
    const loader = new MysqlLoader({ server, claim: CLAIM, conversionOf: otherForm, networkTimeoutMs });
    try {
      return await loader.load(table, WHOLE, AT, chunk);
    } finally {
      await loader.close();
      await server.close();
      proxy.close();
    }
  }

  const onCommit =
    (action: 'pass, then cut' | 'cut'): Meddling =>
    (data) =>
      data.toString('latin1').endsWith('COMMIT') ? action : 'pass';

  test('a COMMIT whose answer is lost counts as done when the chunk says so', async () => {
    const table = await items();
    expect(await loadThrough(onCommit('pass, then cut'), 30_000, table)).toBe(1);
    expect(await chunks()).toEqual(['0|5|1']);
  });

  test('a COMMIT that never arrived is reported as unknown and can be repeated', async () => {
    const table = await items();
    await expect(loadThrough(onCommit('cut'), 30_000, table)).rejects.toMatchObject({
      code: 'TARGET.COMMIT_UNKNOWN',
      disposition: 'retry',
    });
    await expectNothing();
    expect(await loadThrough(() => 'pass', 30_000, table)).toBe(1);
  });

  test('a target that takes no more bytes is given up after the network timeout', async () => {
    const table = await items();
    const block = Buffer.from(`1\t${'x'.repeat(1 << 20)}\t0\n`);
    const endless: ChunkBytes = {
      format: 'text',
      bytes: new Readable({
        read() {
          this.push(block);
        },
      }),
      rows: () => 1,
    };
    let sent = 0;
    const stalling: Meddling = (data) => {
      sent += data.length;
      return sent > 1 << 20 ? 'stall' : 'pass';
    };
    await expect(loadThrough(stalling, 400, table, endless)).rejects.toMatchObject({ code: 'TARGET.CONNECTION' });
    await expectNothing();
  });
});
