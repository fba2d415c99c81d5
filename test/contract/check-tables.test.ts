import { expect, test } from 'vitest';
import { readCatalog } from '../../src/databases/postgres/catalog.ts';
import { functionStatement, triggerStatement } from '../../src/databases/postgres/fence/function.ts';
import { sql, withFixture } from './catalog-fixture.ts';
import { codes, emptySubjects, findingsOf, only, pasteIntoPlan, withEmpties, withRole } from './check-fixture.ts';

const SELECTION = { include: ['public.*'], exclude: [] };

test('a plain schema has no error', () =>
  withFixture(async ({ source }) => {
    await sql(
      source,
      `SET search_path = public; CREATE TYPE mood AS ENUM ('a');
       CREATE TABLE p (id int PRIMARY KEY);
       CREATE TABLE t (id int PRIMARY KEY REFERENCES p, m mood, ms mood[], n numeric(9,2)[]);
       CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
       CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f(); ALTER TABLE p REPLICA IDENTITY FULL`,
    );
    const findings = await findingsOf(source, SELECTION);
    expect(codes(findings)).toEqual([]);
    expect(findings.filter(({ level }) => level === 'info').map(({ subject }) => subject)).toEqual([
      'function',
      'trigger',
      'all at once',
    ]);
  }));

test('empty values that the plan refuses, and the text that stands for one, are found column by column, or not looked for', () =>
  withFixture(async ({ source, connect }) => {
    await sql(
      source,
      `SET search_path = public; CREATE COLLATION ci (provider = icu, locale = 'und-u-ka-shifted-ks-level2', deterministic = false);
       CREATE TABLE t (id int PRIMARY KEY, a text, b bytea, c varchar(9) COLLATE ci, d text COLLATE ci, e text);
       INSERT INTO t SELECT n, ' ', '\\x00', 'NONE', '-', '' FROM generate_series(1, 9) n;
       CREATE TABLE other (a text, id int PRIMARY KEY); SET search_path = pg_catalog`,
    );
    const sentinel = { sentinel: 'none' };
    const catalog = withEmpties(await readCatalog(source, SELECTION), {
      ...{ a: 'refused', b: 'refused', c: sentinel, d: 'refused', e: 'null' },
    });
    const found = async (searchMs?: number) =>
      emptySubjects(await findingsOf(source, SELECTION, searchMs === undefined ? {} : { searchMs }, catalog));
    expect(await found()).toEqual([]);
    await sql(
      source,
      `UPDATE public.t SET a = '' WHERE id = 3; UPDATE public.t SET b = '' WHERE id IN (3, 4);
       UPDATE public.t SET c = 'none' WHERE id = 7; UPDATE public.t SET d = '' WHERE id = 9`,
    );
    expect(await found()).toEqual(['error public.t.a', 'error public.t.b', 'error public.t.c', 'error public.t.d']);
    expect(await found(0)).toEqual(['info search']);
    const other = await connect('source');
    await other.query('BEGIN');
    await other.query('LOCK TABLE public.t');
    const waited = await findingsOf(source, SELECTION, { searchMs: 50 }, catalog);
    expect(only(waited, 'ORACLE_EMPTY').message).toMatch(/looked for in public\.t$/);
  }));

/** code, subject, what provokes it */
const CURED_BY_SQL: readonly (readonly [string, string, string])[] = [
  ['COLUMN_TYPE', 'public.t.f', "CREATE TABLE t (id int PRIMARY KEY, f regproc); INSERT INTO t VALUES (1, 'now')"],
  ['UNLOGGED', 'public.t', 'CREATE UNLOGGED TABLE t (id int PRIMARY KEY)'],
  ['GENERATED_KEY', 'public.t.G', 'CREATE TABLE t (id int, "G" int GENERATED ALWAYS AS (id * 2) STORED PRIMARY KEY)'],
  ['GENERATED_IDENTITY', 'public.t', 'CREATE TABLE t (id int, g int GENERATED ALWAYS AS (id * 2) VIRTUAL)'],
];

test.each(CURED_BY_SQL)('%s on %s is found, and gone when its SQL was run (%s)', (code, subject, schema) =>
  withFixture(async ({ source }) => {
    await sql(source, `SET search_path = public; ${schema}; SET search_path = pg_catalog`);
    const finding = only(await findingsOf(source, SELECTION), code, subject);
    expect(finding.level).toBe('error');
    await sql(source, finding.cure ?? '');
    expect(codes(await findingsOf(source, SELECTION))).toEqual([]);
  }),
);

/** code, what the finding says, what provokes it */
const TOLD: readonly (readonly [string, string, string])[] = [
  ['NO_KEY', 'all their values', 'CREATE TABLE t (a int NOT NULL, b int UNIQUE)'],
  ['NO_KEY', 'all their values', 'CREATE TABLE t (a text NOT NULL); CREATE UNIQUE INDEX ON t (a COLLATE "C")'],
  [
    'NO_KEY',
    'key t_pkey does not tell rows apart',
    'CREATE EXTENSION citext; CREATE TABLE t (n int, k citext, PRIMARY KEY (n, k))',
  ],
  [
    'NO_KEY',
    'key t_pkey does not tell rows apart',
    "CREATE COLLATION ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false); CREATE TABLE t (n int, k text COLLATE ci, PRIMARY KEY (n, k))",
  ],
  [
    'NO_KEY',
    'key t_pkey does not tell rows apart',
    "CREATE TYPE e AS ENUM ('a'); CREATE DOMAIN d AS e; CREATE TABLE t (k d PRIMARY KEY)",
  ],
  ['REPLICA_IDENTITY', 'REPLICA IDENTITY FULL,.* DEFAULT again', 'CREATE TABLE t (a int)'],
  ['REPLICA_IDENTITY', 'USING INDEX t_a_key,.* DEFAULT again', 'CREATE TABLE t (a int NOT NULL UNIQUE)'],
  [
    'REPLICA_IDENTITY',
    'DEFAULT,.* NOTHING again',
    'CREATE TABLE t (id int PRIMARY KEY); ALTER TABLE t REPLICA IDENTITY NOTHING',
  ],
  [
    'REPLICA_IDENTITY',
    'DEFAULT,.* USING INDEX t_u_key again',
    'CREATE TABLE t (id int PRIMARY KEY, u int NOT NULL UNIQUE); ALTER TABLE t REPLICA IDENTITY USING INDEX t_u_key',
  ],
  ['REPLICA_IDENTITY', 'FULL,.* DEFAULT again', 'CREATE TABLE t (id int PRIMARY KEY DEFERRABLE)'],
  [
    'REPLICA_IDENTITY',
    'FULL,.* USING INDEX t_u_key again',
    'CREATE TABLE t (id int PRIMARY KEY, u int NOT NULL UNIQUE); ALTER TABLE t REPLICA IDENTITY USING INDEX t_u_key; CREATE PUBLICATION theirs FOR TABLE t',
  ],
];

test.each(TOLD)('%s is no obstacle, and says what will be done: %s (%s)', (code, text, schema) =>
  withFixture(async ({ source }) => {
    await sql(source, `SET search_path = public; ${schema}; SET search_path = pg_catalog`);
    const findings = await findingsOf(source, SELECTION);
    expect(codes(findings)).toEqual([]);
    const finding = only(findings, code, 'public.t');
    expect(finding).toMatchObject({ level: 'info', message: expect.stringMatching(new RegExp(text)) });
    expect(finding).not.toHaveProperty('cure');
  }),
);

const CURED_BY_PLAN: readonly (readonly [string, string, string])[] = [
  [
    'GENERATED_IDENTITY',
    'public.t',
    'CREATE TABLE t (id int PRIMARY KEY DEFERRABLE, g int GENERATED ALWAYS AS (id * 2) STORED)',
  ],
  [
    'IDENTITY_IN_USE',
    'public.t',
    'CREATE TABLE t (id int PRIMARY KEY, u int NOT NULL UNIQUE, n int); ALTER TABLE t REPLICA IDENTITY USING INDEX t_u_key; CREATE PUBLICATION theirs FOR TABLE t (u, n)',
  ],
  [
    'HASH_OF_ENUM',
    'public.t',
    "CREATE TYPE mood AS ENUM ('a'); CREATE TABLE t (m mood PRIMARY KEY) PARTITION BY HASH (m)",
  ],
  [
    'FOREIGN_TABLE',
    'public.t',
    'CREATE EXTENSION postgres_fdw SCHEMA pg_catalog; CREATE SERVER s FOREIGN DATA WRAPPER postgres_fdw; CREATE FOREIGN TABLE t (id int) SERVER s',
  ],
  ['RULE', 'public.t', 'CREATE TABLE t (id int PRIMARY KEY); CREATE RULE r AS ON DELETE TO t DO INSTEAD NOTHING'],
  ['NO_COLUMNS', 'public.t', 'CREATE TABLE t ()'],
  ['TYPED_TABLE', 'public.t', 'CREATE TYPE c AS (id int); CREATE TABLE t OF c (PRIMARY KEY (id))'],
  ['COLUMN_TYPE', 'public.t.n', 'CREATE TABLE t (id int PRIMARY KEY, n pg_node_tree)'],
  ['COLUMN_TYPE', 'public.t.u', 'CREATE TABLE u (id int PRIMARY KEY); CREATE TABLE t (id int PRIMARY KEY, u u[])'],
];

test.each(CURED_BY_PLAN)('%s on %s is found, and gone when the plan excludes it (%s)', (code, subject, schema) =>
  withFixture(async ({ source }) => {
    await sql(
      source,
      `SET search_path = public; ${schema}; CREATE TABLE fine (id int PRIMARY KEY); SET search_path = pg_catalog`,
    );
    const finding = only(await findingsOf(source, SELECTION), code, subject);
    expect(finding.level).toBe('error');
    const cured = pasteIntoPlan(SELECTION, finding.cure ?? '');
    expect(cured.exclude).toEqual(['public.t']);
    expect(codes(await findingsOf(source, cured))).toEqual([]);
  }),
);

test('a part whose table is not selected is an error, and one that is left out a warning', () =>
  withFixture(async ({ source }) => {
    await sql(
      source,
      `SET search_path = public; CREATE SCHEMA x; CREATE TABLE t (id int PRIMARY KEY) PARTITION BY LIST (id);
       CREATE TABLE x.p PARTITION OF t FOR VALUES IN (1); CREATE TABLE u (id int PRIMARY KEY);
       CREATE TABLE x.v (PRIMARY KEY (id)) INHERITS (u); SET search_path = pg_catalog`,
    );
    const parts = { include: ['x.*'], exclude: [] };
    const found = await findingsOf(source, parts);
    expect(codes(found)).toEqual(['PARENT', 'PARENT']);
    const cured = pasteIntoPlan(parts, only(found, 'PARENT', 'x.p').cure ?? '');
    expect(codes(await findingsOf(source, pasteIntoPlan(cured, only(found, 'PARENT', 'x.v').cure ?? '')))).toEqual([
      'PARENT',
    ]);
    expect(codes(await findingsOf(source, { include: ['*'], exclude: [] }))).toEqual([]);
    const left = await findingsOf(source, SELECTION);
    expect(codes(left)).toEqual([]);
    expect(codes(left, 'warning')).toEqual(['PART_LEFT_OUT', 'PART_LEFT_OUT', 'PARTITIONED']);
    expect(only(left, 'PART_LEFT_OUT', 'x.p').message).toContain('public.t');
  }));

test('tables that get partitions by a schedule are warned of, once for each tree', () =>
  withFixture(async ({ source }) => {
    await sql(
      source,
      `SET search_path = public; CREATE TABLE t (id int PRIMARY KEY) PARTITION BY RANGE (id);
       CREATE TABLE p PARTITION OF t FOR VALUES FROM (1) TO (9) PARTITION BY LIST (id);
       CREATE TABLE q PARTITION OF p FOR VALUES IN (2);
       CREATE TABLE h (id int PRIMARY KEY) PARTITION BY HASH (id); SET search_path = pg_catalog`,
    );
    const found = await findingsOf(source, SELECTION);
    expect(codes(found)).toEqual([]);
    expect(codes(found, 'warning')).toEqual(['PARTITIONED']);
    expect(only(found, 'PARTITIONED', 'public.t').cure).toContain('pg_partman');
    // Alone it is the top of its tree.
    only(await findingsOf(source, { include: ['public.p', 'public.q'], exclude: [] }), 'PARTITIONED', 'public.p');
  }));

test('a large table without a key is a warning that says what it costs', () =>
  withFixture(async ({ source }) => {
    await sql(source, 'CREATE TABLE public.t (a int)');
    const catalog = await readCatalog(source, SELECTION);
    const tables = catalog.tables.map((definition) => ({
      ...definition,
      table: { ...definition.table, rowEstimate: 12_000_000, byteEstimate: 4e9 },
    }));
    const finding = only(await findingsOf(source, SELECTION, {}, { ...catalog, tables }), 'NO_KEY', 'public.t');
    expect(finding).toMatchObject({
      level: 'warning',
      message: expect.stringMatching(/12,000,000 rows, 4,000 MB.*some 20 s more/),
      cure: expect.stringContaining('primary key'),
    });
  }));

test('tables that another run has closed for good are found before the cutover would, and gone with its fence', () =>
  withFixture(async ({ source }) => {
    await sql(source, 'CREATE TABLE public.t (id int PRIMARY KEY); CREATE TABLE public.u (id int PRIMARY KEY)');
    await sql(source, 'CREATE SCHEMA migrate');
    const tables = ['t', 'u'].map((name) => ({ schema: 'public', name }));
    for (const mode of ['open', 'permanent'] as const) await sql(source, functionStatement('Other', mode));
    for (const table of tables) await sql(source, triggerStatement('Other', table));
    expect(codes(await findingsOf(source, SELECTION, { id: 'Other' }))).toEqual([]);
    const finding = only(await findingsOf(source, SELECTION), 'FENCED', 'fence migrate."fence_Other"');
    expect(finding).toMatchObject({ level: 'error', message: expect.stringContaining('public.t, public.u') });
    expect(codes(await findingsOf(source, { include: ['public.x'], exclude: [] }))).not.toContain('FENCED');
    const [drop = ''] = finding.cure?.split(' -- ') ?? [];
    await sql(source, functionStatement('Other', 'open'));
    expect(codes(await findingsOf(source, SELECTION))).toEqual([]);
    await sql(source, functionStatement('Other', 'permanent'));
    await sql(source, drop);
    expect(codes(await findingsOf(source, SELECTION))).toEqual([]);
  }));

test('row level security is an error only where it would hide rows from the run', () =>
  withFixture(async ({ source, connect }) => {
    await withRole([source], async (role) => {
      await sql(source, `CREATE TABLE public.t (id int PRIMARY KEY); ALTER TABLE public.t ENABLE ROW LEVEL SECURITY`);
      await sql(source, `CREATE POLICY po ON public.t USING (id > 1); GRANT SELECT ON public.t TO ${role}`);
      expect(codes(await findingsOf(source, SELECTION))).toEqual([]);
      const session = await connect('source', role);
      const finding = only(await findingsOf(session, SELECTION), 'ROW_SECURITY', 'public.t');
      await sql(source, finding.cure ?? '');
      expect(codes(await findingsOf(session, SELECTION))).not.toContain('ROW_SECURITY');
    });
  }));

test('a foreign key that leaves the selection is cured in the plan or on the source', () =>
  withFixture(async ({ source }) => {
    await sql(
      source,
      'CREATE TABLE public.a (id int PRIMARY KEY); CREATE TABLE public.b (id int PRIMARY KEY REFERENCES public.a)',
    );
    const selection = { include: ['public.b'], exclude: [] };
    const finding = only(await findingsOf(source, selection), 'FOREIGN_KEY', 'public.b');
    const cure = finding.cure ?? '';
    expect(codes(await findingsOf(source, pasteIntoPlan(selection, cure)))).toEqual([]);
    await sql(source, cure.slice(cure.indexOf('ALTER TABLE')));
    expect(codes(await findingsOf(source, selection))).toEqual([]);
  }));

test('a pattern that matches nothing is an error of its own, and so is an empty selection', () =>
  withFixture(async ({ source }) => {
    await sql(source, 'CREATE TABLE public.a (id int PRIMARY KEY)');
    const some = await findingsOf(source, { include: ['public.a', 'a', 'shop.*'], exclude: [] });
    expect(some.filter(({ level }) => level === 'error').map(({ subject }) => subject)).toEqual([
      'tables.include: a',
      'tables.include: shop.*',
    ]);
    const none = await findingsOf(source, { include: ['public.*'], exclude: ['*'] });
    const cure = only(none, 'NO_TABLES').cure ?? '';
    expect(codes(await findingsOf(source, pasteIntoPlan({ include: [], exclude: [] }, cure)))).toEqual([]);
  }));

test('what is not carried is one finding per kind', () =>
  withFixture(async ({ source }) => {
    await sql(
      source,
      `SET search_path = public; CREATE TABLE t (id int PRIMARY KEY) WITH (fillfactor = 50);
       CREATE VIEW "V" AS SELECT 1; CREATE VIEW w AS SELECT 1; COMMENT ON TABLE t IS 'x';
       CREATE MATERIALIZED VIEW m AS SELECT 1; CREATE STATISTICS st ON id, (id + 1) FROM t;
       CREATE PROCEDURE pr() LANGUAGE sql AS 'SELECT 1'; CREATE TYPE rt AS RANGE (subtype = int4);
       CREATE TYPE ct AS (a int); CREATE POLICY po ON t; CREATE RULE ru AS ON DELETE TO t DO NOTHING;
       CREATE AGGREGATE ag (int) (sfunc = int4pl, stype = int); GRANT SELECT (id) ON t TO PUBLIC;
       SET search_path = pg_catalog`,
    );
    const found = (await findingsOf(source, SELECTION)).filter(({ level }) => level === 'info');
    expect(found.map(({ subject, message }) => [subject, message.split(': ')[1]])).toEqual([
      ['aggregate', 'public.ag(integer)'],
      ['materialized view', 'public.m'],
      ['policy', 'po on public.t'],
      ['privileges', 'on public.t'],
      ['procedure', 'public.pr()'],
      ['rule', 'ru on public.t'],
      ['statistics', 'st on public.t'],
      ['unused composite type', 'public.ct'],
      ['unused range type', 'public.rt'],
      ['view', 'public."V", public.w'],
      ['all at once', 'give it again just before the cutover'],
    ]);
  }));
