// Digests computed by real servers: what must make them differ, and what must not.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { EMPTY_IS_NULL, emptyHandling } from '../../src/databases/conversion.ts';
import { PostgresServer } from '../../src/databases/postgres/connection.ts';
import { PostgresDigests } from '../../src/databases/postgres/digest.ts';
import { MigrateError } from '../../src/lib/errors.ts';
import { type Table, tableId } from '../../src/model/table.ts';
import { openPair, type Pair, withClient } from '../fleet/databases.ts';

const ALL = { lower: null, upper: null };

function table(name: string, columns: Readonly<Record<string, string>>, key: readonly number[] = [0]): Table {
  return {
    id: tableId('public', name),
    schema: 'public',
    name,
    key,
    rowEstimate: 0,
    identity: 'key',
    spread: true,
    byteEstimate: 0,
    columns: Object.entries(columns).map(([column, type]) => {
      const castType = type.replace(/\(.*?\)/, '').replace(/^char\b/, 'bpchar');
      return { name: column, type, castType };
    }),
  };
}

function ddl(of: Table): string {
  const columns = of.columns.map((column) => `"${column.name}" ${column.type}`);
  const key = of.key.map((index) => `"${of.columns[index]!.name}"`);
  return `CREATE TABLE "${of.name}" (${columns.join(', ')}, PRIMARY KEY (${key.join(', ')}))`;
}

let pair: Pair;
let source: PostgresServer;
let target: PostgresServer;
let ours: PostgresDigests;
let theirs: PostgresDigests;

beforeAll(async () => {
  pair = await openPair();
  source = new PostgresServer('source', pair.sourceUrl, 'digest');
  target = new PostgresServer('target', pair.targetUrl, 'digest');
  ours = new PostgresDigests({ server: source });
  theirs = new PostgresDigests({ server: target });
});

afterAll(async () => {
  await Promise.all([ours?.close(), theirs?.close()]);
  await Promise.all([source?.close(), target?.close()]);
  await pair?.close();
});

async function fill(of: Table, onSource: string, onTarget: string): Promise<void> {
  const both = [
    [pair.sourceUrl, onSource],
    [pair.targetUrl, onTarget],
  ] as const;
  for (const [url, values] of both) {
    await withClient(url, async (client) => {
      await client.query(`DROP TABLE IF EXISTS "${of.name}"`);
      await client.query(ddl(of));
      if (values !== '') await client.query(`INSERT INTO "${of.name}" VALUES ${values}`);
    });
  }
}

describe('texts that mean the same', () => {
  const canonicalOf = ({ type }: { readonly type: string }) =>
    type === 'numeric' ? (text: string) => text.replace(/\.?0+$/, '') : undefined;

  test('are digested alike where the column says so, in this process as in the database', async () => {
    const digests = [source, target].map((server) => new PostgresDigests({ server, canonicalOf }));
    try {
      const meant = table('meant', { id: 'int4', n: 'numeric', t: 'text' });
      const rows = (text: (n: number) => string): string =>
        Array.from({ length: 1_001 }, (_, n) => `(${n}, ${text(n)}, ${n % 3 === 0 ? 'NULL' : `'a, "${n}" \\ '`})`).join(
          ', ',
        );
      await fill(
        meant,
        rows((n) => `${n}.50`),
        rows((n) => `${n}.5`),
      );
      const [one, other] = await Promise.all(digests.map((each) => each.range(meant, ALL)));
      expect(one).toEqual(other);
      expect(one?.rows).toBe(1_001);
      // Written as the form has it, the database's own digest is the same.
      expect(await theirs.range(meant, ALL)).toEqual(other);
      expect(await ours.range(meant, ALL)).not.toEqual(one);
      const [first, second] = await Promise.all(
        digests.map((each) => each.rows(meant, { lower: ['7'], upper: ['9'] }, 9)),
      );
      expect(first).toEqual(second);
      expect(second).toEqual(await theirs.rows(meant, { lower: ['7'], upper: ['9'] }, 9));
      const keys = [['3'], ['1000'], ['5000']];
      const [some, same] = await Promise.all(digests.map((each) => each.keys(meant, keys)));
      expect(some).toEqual(same);
      expect(same).toEqual(await theirs.keys(meant, keys));
    } finally {
      await Promise.all(digests.map((each) => each.close()));
    }
  });

  test('differ where one of them means something else', async () => {
    const [one, other] = [source, target].map((server) => new PostgresDigests({ server, canonicalOf })) as [
      PostgresDigests,
      PostgresDigests,
    ];
    try {
      const meant = table('meant', { id: 'int4', n: 'numeric' });
      await fill(meant, '(1, 1.50), (2, 2)', '(1, 1.5), (2, 2.01)');
      expect(await one.range(meant, ALL)).not.toEqual(await other.range(meant, ALL));
      const [ours, theirs] = await Promise.all([one, other].map((each) => each.rows(meant, ALL, 9)));
      expect(ours?.map(({ digest }, index) => digest === theirs?.[index]?.digest)).toEqual([true, false]);
    } finally {
      await Promise.all([one.close(), other.close()]);
    }
  });
});

describe('empty texts and bytes', () => {
  const canonicalOf = ({ type }: { readonly type: string }) =>
    type === 'numeric' ? (text: string) => text.replace(/\.?0+$/, '') : undefined;
  const types = { id: 'int4', t: 'text', v: 'varchar(9)', b: 'bytea', x: 'xml', n: 'numeric' };

  test('are NULL where the column says that the other side has them so, in the database as in this process', async () => {
    const plain = table('empties', types);
    await fill(
      plain,
      `(1, '', '', '', '', 1.0), (2, 'a', NULL, '\\x00', '<a/>', 2)`,
      `(1, NULL, NULL, NULL, NULL, 1), (2, 'a', NULL, '\\x00', '<a/>', 2)`,
    );
    const nulled: Table = {
      ...plain,
      columns: plain.columns.map((column) =>
        column.name === 'id' ? column : { ...column, handling: [EMPTY_IS_NULL] },
      ),
    };
    const [one, other] = [source, target].map((server) => new PostgresDigests({ server, canonicalOf })) as [
      PostgresDigests,
      PostgresDigests,
    ];
    const texts = (of: Table): Table => ({ ...of, columns: of.columns.filter(({ name }) => name !== 'n') });
    try {
      // The whole table passes through this process because of its numbers.
      for (const [of, there] of [
        [nulled, plain],
        [texts(nulled), texts(plain)],
      ] as const) {
        expect(await one.range(of, ALL)).toEqual(await other.range(there, ALL));
        expect(await one.rows(of, ALL, 9)).toEqual(await other.rows(there, ALL, 9));
        expect(await one.keys(of, [['1']])).toEqual(await other.keys(there, [['1']]));
      }
      expect(await one.range(texts(plain), ALL)).not.toEqual(await other.range(texts(plain), ALL));
    } finally {
      await Promise.all([one.close(), other.close()]);
    }
  });
});

describe('empty values that the other side has something else for', () => {
  test('are counted by column and range, and no NULL, no blank and no other column', async () => {
    const plain = table('empties', { id: 'int4', t: 'text', s: 'varchar(9)', b: 'bytea', kept: 'text', full: 'text' });
    const words: Readonly<Record<string, string>> = {
      t: EMPTY_IS_NULL,
      s: emptyHandling({ sentinel: 'x' }),
      b: EMPTY_IS_NULL,
      kept: emptyHandling('refused'),
      full: EMPTY_IS_NULL,
    };
    const columns = plain.columns.map((column) => ({ ...column, handling: [words[column.name] ?? ''] }));
    const told: Table = { ...plain, columns };
    const rows = `(1, '', '', '\\x', '', 'a'), (2, NULL, NULL, NULL, NULL, NULL), (3, ' ', '', '\\x00', '', 'b'), (4, '', 'x', '\\x', '', 'c')`;
    await fill(plain, rows, rows);
    expect(await ours.empties(told, ALL)).toEqual([
      { column: 't', values: 2 },
      { column: 's', values: 2 },
      { column: 'b', values: 2 },
    ]);
    expect(await ours.empties(told, { lower: ['2'], upper: ['4'] })).toEqual([{ column: 's', values: 1 }]);
    expect(await ours.empties(plain, ALL)).toEqual([]);
  });
});

describe('a range digest', () => {
  const DIFFERENT: readonly (readonly [string, string, string, string])[] = [
    ['a flipped byte in text', 'text', `'abc'`, `'abd'`],
    ['a flipped byte in bytea', 'bytea', `'\\x00ff'`, `'\\x00fe'`],
    ['a flipped byte in jsonb', 'jsonb', `'{"a":1}'`, `'{"a":2}'`],
    ['the spacing of json', 'json', `'{"a":1}'`, `'{"a": 1}'`],
    ['a uuid', 'uuid', `'00000000-0000-0000-0000-000000000001'`, `'00000000-0000-0000-0000-000000000002'`],
    ['NULL and an empty text', 'text', 'NULL', `''`],
    ['the text NULL and NULL', 'text', `'NULL'`, 'NULL'],
    ['1.0 and 1.00', 'numeric', '1.0', '1.00'],
    ['a large integer by one', 'int8', '9007199254740993', '9007199254740992'],
    ['the last bit of a double', 'float8', '0.1', '0.10000000000000002'],
    ['zero and minus zero', 'float8', `'0'`, `'-0'`],
    ['a trailing space', 'varchar(10)', `'a'`, `'a '`],
    ['a microsecond', 'timestamptz', `'2024-01-01 00:00:00.000001+00'`, `'2024-01-01 00:00:00.000002+00'`],
    ['the unit of an interval', 'interval', `'24:00'`, `'1 day'`],
    ['an array and its reverse', 'int4[]', `'{1,2}'`, `'{2,1}'`],
    ['an empty and a missing array', 'text[]', `'{}'`, 'NULL'],
    ['the lower bound of an array', 'int4[]', `'[0:1]={1,2}'`, `'{1,2}'`],
    ['a boolean', 'boolean', 'true', 'false'],
    ['the host bits of an address', 'inet', `'10.0.0.1/24'`, `'10.0.0.1/25'`],
    ['a bound of a range', 'int4range', `'[1,5)'`, `'[1,6)'`],
    ['composed and decomposed letters', 'text', `U&'\\00e9'`, `U&'e\\0301'`],
    ['an amount of money', 'money', `'1.00'`, `'1.01'`],
  ];

  test.each(DIFFERENT)('tells apart %s', async (_, type, one, other) => {
    const wide = table('wide', { id: 'int4', v: type });
    await fill(wide, `(1, ${one})`, `(1, ${other})`);
    const [a, b] = await Promise.all([ours.range(wide, ALL), theirs.range(wide, ALL)]);
    expect(a.rows).toBe(b.rows);
    expect(a.digest).not.toBe(b.digest);
    await fill(wide, `(1, ${one})`, `(1, ${one})`);
    const [c, d] = await Promise.all([ours.range(wide, ALL), theirs.range(wide, ALL)]);
    expect(c).toEqual(d);
  });

  test('tells apart values that moved to the neighbouring column', async () => {
    const wide = table('wide', { id: 'int4', a: 'text', b: 'text' });
    await fill(wide, `(1, 'x,y', 'z')`, `(1, 'x', 'y,z')`);
    expect((await ours.range(wide, ALL)).digest).not.toBe((await theirs.range(wide, ALL)).digest);
  });

  test('does not depend on the order rows were written in, nor on settings of the database', async () => {
    const wide = table('wide', { id: 'int4', at: 'timestamptz', d: 'date', x: 'bytea', f: 'float8', m: 'money' });
    const row = (id: number): string => `(${id}, '2024-03-10 12:00+00', '2024-03-10', '\\x01', 0.1, '3.50')`;
    await fill(wide, [1, 2, 3].map(row).join(), [3, 2, 1].map(row).join());
    await withClient(pair.targetUrl, async (client) => {
      for (const setting of ['TimeZone = "Asia/Tokyo"', 'DateStyle = "German"', 'bytea_output = escape']) {
        await client.query(`ALTER ROLE postgres IN DATABASE ${client.database} SET ${setting}`);
      }
    });
    const other = new PostgresDigests({ server: target });
    expect(await other.range(wide, ALL)).toEqual(await ours.range(wide, ALL));
    await other.close();
    await withClient(pair.targetUrl, (client) =>
      client.query(`ALTER ROLE postgres IN DATABASE ${client.database} RESET ALL`),
    );
  });

  test('covers exactly the rows of its range, also of a composite key', async () => {
    const wide = table('wide', { a: 'int4', b: 'text', v: 'int4' }, [0, 1]);
    await fill(wide, `(1,'a',0),(1,'b',0),(2,'a',0),(3,'a',0)`, `(1,'b',0),(2,'a',0)`);
    const inner = await ours.range(wide, { lower: ['1', 'b'], upper: ['3', 'a'] });
    expect(inner).toEqual(await theirs.range(wide, ALL));
    expect(inner.rows).toBe(2);
  });

  test('of an empty table is equal on both sides', async () => {
    const wide = table('wide', { id: 'int4' });
    await fill(wide, '', '');
    expect(await ours.range(wide, ALL)).toEqual(await theirs.range(wide, ALL));
  });
});

describe('row digests', () => {
  test('by key come back under the key as the caller wrote it', async () => {
    const wide = table('wide', { id: 'numeric', v: 'int4' });
    await fill(wide, '(1.00, 5), (2, 6)', '(1.0, 5)');
    const found = await ours.keys(wide, [['1.0'], ['1.00'], ['2'], ['3']]);
    expect([...found.keys()].toSorted()).toEqual(['1.0', '1.00', '2']);
    expect(found.get('1.0')).toBe(found.get('1.00'));
    expect((await theirs.keys(wide, [['1.00']])).get('1.00')).not.toBe(found.get('1.00'));
  });

  test.each([
    ['text with quotes, braces and commas', 'text', [`a"b`, 'c,d{}', 'NULL', '', ' x\\y ']],
    ['uuid', 'uuid', ['00000000-0000-0000-0000-000000000001']],
    ['bytea', 'bytea', ['\\x00ff']],
    ['timestamptz', 'timestamptz', ['2024-01-01 00:00:00.000001+00']],
    ['char', 'char(4)', ['ab  ']],
    ['array', 'int4[]', ['{1,2}', '{}']],
    ['bigint', 'int8', ['9223372036854775807', '-1']],
  ])('find keys of type %s', async (_, type, keys) => {
    const wide = table('wide', { id: type, v: 'int4' });
    const values = keys.map((key) => `('${key.replaceAll("'", "''")}', 1)`).join();
    await fill(wide, values, values);
    const rows = await ours.rows(wide, ALL, 100);
    expect(rows.map((row) => String(row.key[0])).toSorted()).toEqual([...keys].toSorted());
    const found = await theirs.keys(
      wide,
      rows.map((row) => row.key),
    );
    expect(rows.map((row) => found.get(String(row.key[0])))).toEqual(rows.map((row) => row.digest));
  });

  test('of a composite key are found by all of its parts', async () => {
    const wide = table('wide', { v: 'int4', b: 'text', a: 'int4' }, [2, 1]);
    await fill(wide, `(0,'x',1),(0,'y',1)`, '');
    const rows = await ours.rows(wide, ALL, 100);
    expect(rows.map((row) => row.key)).toEqual([
      ['1', 'x'],
      ['1', 'y'],
    ]);
    expect((await ours.keys(wide, [['1', 'y']])).size).toBe(1);
    expect((await ours.keys(wide, [['2', 'y']])).size).toBe(0);
  });
});

describe('splitting a range', () => {
  test('gives ascending inner bounds that cut it into even pieces', async () => {
    const wide = table('wide', { id: 'int4' });
    await fill(wide, Array.from({ length: 100 }, (_, id) => `(${id})`).join(), '');
    expect(await ours.split(wide, ALL, 4)).toEqual([['25'], ['50'], ['75']]);
    expect(await ours.split(wide, { lower: ['10'], upper: ['14'] }, 2)).toEqual([['12']]);
    expect(await ours.split(wide, { lower: ['10'], upper: ['11'] }, 8)).toEqual([]);
    expect(await theirs.split(wide, ALL, 4)).toEqual([]);
    expect(await ours.split(wide, ALL, 1)).toEqual([]);
  });
});

describe('sessions of digests', () => {
  test('fail rather than compare what a row policy lets through', async () => {
    const wide = table('guarded', { id: 'int4' });
    await fill(wide, '(1)', '(1)');
    const role = `reader_${new URL(pair.sourceUrl).pathname.slice(1)}`;
    await withClient(pair.sourceUrl, (client) =>
      client.query(
        `CREATE ROLE ${role} LOGIN; GRANT SELECT ON guarded TO ${role}; ALTER TABLE guarded ENABLE ROW LEVEL SECURITY`,
      ),
    );
    const url = new URL(pair.sourceUrl);
    url.username = role;
    const server = new PostgresServer('source', url.href, 'digest');
    const digests = new PostgresDigests({ server });
    await expect(digests.range(wide, ALL)).rejects.toMatchObject({ code: 'SOURCE.REFUSED' });
    await digests.close();
    await server.close();
    await withClient(pair.sourceUrl, (client) => client.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`));
  });

  // As the server calls them, and as a conversion does.
  test.each(['text', 'varchar', 'character varying'])(
    'of keys of type %s that a collation holds to be equal belong to the very text that is stored',
    async (type) => {
      const words = table(`words_${type}`, { word: type, n: 'int4' });
      await withClient(pair.targetUrl, async (client) => {
        const collation = "(provider = icu, locale = 'und-u-ks-level2', deterministic = false)";
        await client.query(`CREATE COLLATION IF NOT EXISTS any_case ${collation}`);
        await client.query(`CREATE TABLE "${words.name}" (word ${type} COLLATE any_case PRIMARY KEY, n int)`);
        await client.query(`INSERT INTO "${words.name}" VALUES ('A', 1)`);
      });
      const found = await theirs.keys(words, [['a'], ['A'], ['b']]);
      expect([...found.keys()]).toEqual(['A']);
    },
  );

  test('are cut by close, and refuse to work after it', async () => {
    const wide = table('wide', { id: 'int4' });
    await fill(wide, '(1)', '(1)');
    const digests = new PostgresDigests({ server: source, concurrency: 1 });
    await withClient(pair.sourceUrl, async (client) => {
      await client.query('BEGIN; LOCK TABLE wide IN ACCESS EXCLUSIVE MODE');
      const stuck = digests.range(wide, ALL).catch((error: unknown) => error);
      const queued = digests.range(wide, ALL).catch((error: unknown) => error);
      const waits = 'SELECT 1 FROM pg_locks JOIN pg_class c ON c.oid = relation WHERE NOT granted AND relname = $1';
      while ((await client.query(waits, ['wide'])).rowCount === 0);
      await digests.close();
      await digests.close();
      expect(await stuck).toBeInstanceOf(MigrateError);
      expect(await stuck).toMatchObject({ code: 'SOURCE.CONNECTION' });
      expect(await queued).toMatchObject({ code: 'SOURCE.CONNECTION' });
      await client.query('ROLLBACK');
    });
    await expect(digests.range(wide, ALL)).rejects.toMatchObject({ code: 'SOURCE.CONNECTION' });
  });
});
