// Values whose text says less than they are, or differs from setting to setting: carried by a whole run, through the copy
// in both of its forms and through the log, between databases that print everything differently.

import { afterEach, expect, test } from 'vitest';
import { MANUAL, openScene, rowsOf, type Scene } from './scene.ts';

let scene: Scene | undefined;

afterEach(async () => {
  await scene?.close();
  scene = undefined;
});

/** What an administrator may have set for a database; no session of the run may go by it. */
async function printOtherwise(url: string, settings: Readonly<Record<string, string>>, s: Scene): Promise<void> {
  const name = new URL(url).pathname.slice(1);
  const statements = Object.entries(settings).map(([key, value]) => `ALTER DATABASE ${name} SET ${key} = '${value}'`);
  await (url === s.sourceUrl ? s.onSource(...statements) : s.onTarget(...statements));
}

// With an interval the copy has the form of text; without one the binary form.
const FLOATS = `CREATE SCHEMA app;
CREATE TABLE app.plain (id int PRIMARY KEY, f4 float4, f8 float8);
CREATE TABLE app.worded (id int PRIMARY KEY, f4 float4, f8 float8, span interval);`;

// Every tenth row is an extreme; the others have 17 digits that count, over all exponents.
const floats = (id: string): string => `SELECT ${id},
  (CASE WHEN n % 10 = 0 THEN (ARRAY['0','-0','1e-45','-1e-45','1.1754944e-38','1.1754942e-38','3.4028235e38','-3.4028235e38',
    'NaN','Infinity','-Infinity','0.1','16777217','8388608.5','1e-10'])[1 + n / 10 % 15]::float4
    ELSE (sqrt(n::float8) * ('1e' || n % 76 - 39)::float8)::float4 END),
  (CASE WHEN n % 10 = 0 THEN (ARRAY['0','-0','5e-324','-5e-324','2.2250738585072014e-308','2.225073858507201e-308',
    '1.7976931348623157e308','-1.7976931348623157e308','NaN','Infinity','-Infinity','0.1','0.30000000000000004',
    '9007199254740993','1e23','123456789012345678'])[1 + n / 10 % 16]::float8
    ELSE sqrt(n::float8) * ('1e' || n % 600 - 300)::float8 END)`;

const insertFloats = (from: number): string => `BEGIN;
  INSERT INTO app.plain ${floats('n')} FROM generate_series(${from}, ${from + 24_999}) n;
  INSERT INTO app.worded ${floats('n')}, '1 day' FROM generate_series(${from}, ${from + 24_999}) n; COMMIT`;

const BITS = ['plain', 'worded'].map(
  (
    table,
  ) => `SELECT count(*)::int, count(DISTINCT f8send)::int, md5(string_agg(id || ' ' || f4send || f8send, ',' ORDER BY id))
    FROM (SELECT id, float4send(f4)::text AS f4send, float8send(f8)::text AS f8send FROM app.${table}) t`,
);

async function bitsOf(url: string): Promise<readonly unknown[]> {
  return rowsOf(url, BITS.join(' UNION ALL '));
}

test('50,000 rows of extreme floats in one transaction arrive bit for bit through the copy and through the log', async () => {
  scene = await openScene({ schema: FLOATS, sections: { cutover: MANUAL, snapshot: { chunkRows: 10_000 } } });
  const s = scene;
  await printOtherwise(s.sourceUrl, { extra_float_digits: '-15' }, s);
  await printOtherwise(s.targetUrl, { extra_float_digits: '0' }, s);
  await s.onSource(insertFloats(1));
  const run = s.start();
  await s.ready(run);
  await s.onSource(insertFloats(25_001));
  await s.until(run, ({ stream }) => stream.changes === 50_000);
  await s.run(['cutover']);
  const done = await run.exited;
  expect(done, done.stderr).toMatchObject({ code: 0, json: { result: 'complete', verify: { differences: 0 } } });
  const bits = await bitsOf(s.targetUrl);
  expect(bits).toEqual(await bitsOf(s.sourceUrl));
  for (const [rows, distinct] of bits as [number, number][]) {
    expect(rows).toBe(50_000);
    expect(distinct).toBeGreaterThan(40_000);
  }
});

// Each line is one column: what is written, and how it is read on both sides afterwards under one setting of everything.
const MEANINGS: readonly (readonly [type: string, written: string, read: string])[] = [
  ['numeric', '1.0', '1.0'],
  ['numeric', '1.000', '1.000'],
  ['numeric(12,3)', '1.5', '1.500'],
  ['numeric', '-0.00', '0.00'],
  ['float8', '-0.0', '-0'],
  ['char(5)', 'ab ', 'ab   '],
  ['varchar(5)', 'ab ', 'ab '],
  ['json', '{"b": 1.0, "a": 1e2,  "b": -0.0}', '{"b": 1.0, "a": 1e2,  "b": -0.0}'],
  ['jsonb', '{"bb": 1.0, "a": 1.00, "bb": 2.50}', '{"a": 1.00, "bb": 2.50}'],
  // The same hour of the clock twice in New York, and one that is on no clock there.
  ['timestamptz', '2024-11-03 01:30:00-04', '2024-11-03 05:30:00+00'],
  ['timestamptz', '2024-11-03 01:30:00-05', '2024-11-03 06:30:00+00'],
  ['timestamptz', '2024-03-10 07:30:00.000001Z', '2024-03-10 07:30:00.000001+00'],
  ['timestamp', '2024-03-10 02:30:00', '2024-03-10 02:30:00'],
  ['timetz', '01:30:00-04', '01:30:00-04'],
  ['date', '2024-02-03', '2024-02-03'],
  [
    'tstzrange',
    '[2024-11-03 01:30:00-04,2024-11-03 01:30:00-05)',
    '["2024-11-03 05:30:00+00","2024-11-03 06:30:00+00")',
  ],
  ['interval', '-1 mons +2 days -03:04:05', '-1 mons +2 days -03:04:05'],
  ['bytea', '\\x005c27', '\\x005c27'],
  ['xml', 'a <b/> c', 'a <b/> c'],
];

const SOURCE_PRINTS = {
  TimeZone: 'America/New_York',
  DateStyle: 'SQL, DMY',
  IntervalStyle: 'iso_8601',
  bytea_output: 'escape',
};
const TARGET_PRINTS = {
  TimeZone: 'Asia/Kolkata',
  DateStyle: 'German, MDY',
  IntervalStyle: 'sql_standard',
  xmloption: 'document',
};

test('values that each side prints in its own way compare as equal and stay what they are, to the scale and the hour', async () => {
  const columns = MEANINGS.map(([type], index) => `c${index} ${type}`).join(', ');
  const values = MEANINGS.map(([type, written]) => `'${written}'::${type}`).join(', ');
  const schema = `CREATE SCHEMA app; SET xmloption = 'content'; SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD';
    CREATE TABLE app.said (id int PRIMARY KEY, ${columns});`;
  const row = (id: number): string =>
    `SET xmloption = 'content'; SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD'; INSERT INTO app.said VALUES (${id}, ${values})`;
  scene = await openScene({ schema: schema + row(1), sections: { cutover: MANUAL } });
  const s = scene;
  await printOtherwise(s.sourceUrl, SOURCE_PRINTS, s);
  await printOtherwise(s.targetUrl, TARGET_PRINTS, s);
  const run = s.start();
  await s.ready(run);
  await s.onSource(row(2));
  await s.until(run, ({ stream }) => stream.changes === 1);
  await s.run(['cutover']);
  const done = await run.exited;
  expect(done, done.stderr).toMatchObject({ code: 0, json: { result: 'complete', verify: { differences: 0 } } });
  const plain = `SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD'; SET IntervalStyle = 'postgres'; SET bytea_output = 'hex'`;
  const texts = MEANINGS.map((_, index) => `format('%s', c${index})`).join(', ');
  for (const url of [s.sourceUrl, s.targetUrl]) {
    const client = await s.connect(url);
    await client.query(plain);
    const { rows } = await client.query({ text: `SELECT ${texts} FROM app.said ORDER BY id`, rowMode: 'array' });
    const expected = MEANINGS.map(([, , read]) => read);
    expect(rows).toEqual([expected, expected]);
  }
});
