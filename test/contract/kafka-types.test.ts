// What comes through Debezium is what the built-in log reader reads: transaction for transaction, value for value.

import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { placeholderOf, serverIdOf } from '../../src/compose/debezium.ts';
import { unconverted } from '../../src/databases/conversion.ts';
import { MysqlServer } from '../../src/databases/mysql/connection.ts';
import { MysqlDebezium } from '../../src/databases/mysql/debezium/source.ts';
import { RowsOf } from '../../src/databases/mysql/rows.ts';
import { MysqlLog } from '../../src/databases/mysql/source-log.ts';
import { readCatalog } from '../../src/databases/postgres/catalog.ts';
import { PostgresDebezium } from '../../src/databases/postgres/debezium/source.ts';
import { quoteLiteral } from '../../src/databases/postgres/sql.ts';
import { Closer } from '../../src/lib/closer.ts';
import type { Catalog } from '../../src/model/catalog.ts';
import { type Change, keyText } from '../../src/model/change.ts';
import type { Table } from '../../src/model/table.ts';
import { topicOf } from '../../src/stream/connect/options.ts';
import { openKafka } from '../../src/stream/kafka/client.ts';
import { sharedKafka } from '../fleet/kafka-shared.ts';
import { startMariadb } from '../fleet/mariadb.ts';
import { startMysql } from '../fleet/mysql.ts';
import type { MysqlServer as Server } from '../fleet/mysqld.ts';
import { partsOf } from './kafka-parts.ts';
import { LogReader, openLogFixture } from './log-fixture.ts';
import { MysqlLogFixture, RUN } from './mysql-log-fixture.ts';
import { MARIADB_ONLY, MYSQL_ONLY, MYSQL_TYPES } from './mysql-types-fixture.ts';
import { EXTENSIONS, TYPE_GROUPS, USER_TYPES } from './types-fixture.ts';

const servers = new Map<string, Server>();

beforeAll(async () => {
  const [mysql, mariadb] = await Promise.all([startMysql(), startMariadb()]);
  servers.set('mysql', mysql).set('mariadb', mariadb);
});

afterAll(async () => {
  for (const server of servers.values()) await server.close();
});

/**
 * Changes of each transaction, with the names of their tables; what carries nothing is left out. Debezium writes a change of a key
 * as a delete and an insert.
 */
function told(reader: LogReader): readonly (readonly unknown[])[] {
  return reader.taken.map(({ changes }) => changes.flatMap(shown)).filter((changes) => changes.length > 0);
}

function shown(change: Change): readonly unknown[] {
  if (change.op === 'marker') return change.content === '' ? [] : [change];
  if (change.op === 'truncate') return change.tables.map(({ id }) => ({ op: change.op, id }));
  const table = change.table.id;
  if (change.op !== 'update') return [{ ...change, table }];
  const { key, row } = change;
  const moved = keyText(change.table.key.map((index) => row[index] ?? null)) !== keyText(key);
  if (!moved || row.includes(undefined)) return [{ ...change, table }];
  return [
    { op: 'delete', key, table },
    { op: 'insert', row, table },
  ];
}

const ID = () => randomBytes(4).toString('hex');

async function readBoth(closer: Closer, streams: readonly [LogReader, LogReader]): Promise<void> {
  for (const reader of streams) closer.add(() => reader.close());
  await Promise.all(streams.map((reader) => reader.untilMarker('end')));
}

/** Debezium writes no dates that are no days, no bytes or times within JSON, and not what latin1 has no character for. */
const isCarried = (literal: string): boolean => !/0000-00-00|-00-|JSON_OBJECT|'\[1e100|USING latin1/.test(literal);

test.each(['mysql', 'mariadb'] as const)('changes of every type of %s', async (kind) => {
  const closer = new Closer();
  try {
    const server = servers.get(kind)!;
    const fixture = await MysqlLogFixture.open(server);
    closer.add(() => fixture.close());
    const entries = [...MYSQL_TYPES, ...(kind === 'mysql' ? MYSQL_ONLY : MARIADB_ONLY)];
    const type = (text: string): string => (kind === 'mariadb' && text.startsWith('json') ? 'json' : text);
    const zero = "SET sql_mode = '', time_zone = '+00:00', cte_max_recursion_depth = 10000";
    const settings = kind === 'mysql' ? zero : "SET sql_mode = '', time_zone = '+00:00'";
    await fixture.run(
      settings,
      ...entries.map(([text], index) => `CREATE TABLE z${index} (id int PRIMARY KEY, v ${type(text)})`),
      'CREATE TABLE plain (a int, b varchar(20))',
      'CREATE TABLE computed (id int PRIMARY KEY, a int, b int AS (a * 2) STORED, c int AS (a * 3) VIRTUAL, d int)',
    );
    const url = `${kind}://root@127.0.0.1:${server.port}/`;
    const own = new MysqlServer('source', url, RUN);
    closer.add(() => own.close());
    const all = await Promise.all(entries.map((_, index) => fixture.table(`z${index}`)));
    const id = ID();
    const engine = new MysqlDebezium({
      server: own,
      kind,
      url,
      run: RUN,
      serverId: serverIdOf(id),
      networkTimeoutMs: 60_000,
    });
    const findings = await engine.check({ tables: all.map((table) => ({ table })) } as unknown as Catalog);
    const refused = findings.filter(({ level }) => level === 'error').map(({ subject }) => subject);
    const types = refused.map((subject) => entries[Number(/z(\d+)/.exec(subject)?.[1])]?.[0]);
    expect(types).toMatchSnapshot();
    const tables = [
      ...all.filter(({ id: table }) => !refused.includes(`${table}.v`)),
      await fixture.table('plain', { key: [0, 1], identity: 'row' }),
      await fixture.table('computed'),
    ];
    const log = new MysqlLog({
      server: own,
      run: RUN,
      rows: new RowsOf(unconverted),
      readers: 1,
      tables,
      prove: async () => undefined,
    });
    const parts = partsOf(log, url, id, engine);
    closer.add(() => parts.source.log.release());
    const start = await parts.source.log.pin(tables);
    await start.close();
    const carried = entries.flatMap(([, values], index) => {
      if (refused.includes(`shop.z${index}.v`)) return [];
      const literals = [...values.filter(isCarried), 'NULL'];
      const rows = literals.map((literal, row) => `(${row}, ${literal})`);
      return [
        `INSERT INTO z${index} VALUES ${rows.join(', ')}`,
        `UPDATE z${index} SET v = NULL WHERE id = 0`,
        `UPDATE z${index} SET id = id + 100`,
        `DELETE FROM z${index} WHERE id = 100`,
      ];
    });
    await fixture.run(
      settings,
      'SET SESSION group_concat_max_len = 1000000',
      ...carried,
      'BEGIN',
      "INSERT INTO plain VALUES (1, 'x'), (1, 'x'), (NULL, NULL)",
      'INSERT INTO computed (id, a, d) VALUES (1, 2, 3), (2, NULL, 4)',
      'UPDATE computed SET a = 7',
      'COMMIT',
      'DELETE FROM plain LIMIT 1',
      'TRUNCATE computed',
      'INSERT INTO computed (id, a, d) VALUES (9, 9, 9)',
    );
    await log.mark('end');
    const native = await LogReader.open(fixture.stream(tables), start.at);
    const debezium = await LogReader.open(parts.stream(tables), start.at);
    await readBoth(closer, [native, debezium]);
    expect(told(debezium)).toEqual(told(native));
    // Again from somewhere in the topic.
    const at = debezium.taken[Math.floor(debezium.taken.length / 2)]!.position;
    const later = await LogReader.open(parts.stream(tables), at);
    closer.add(() => later.close());
    await later.untilMarker('end');
    expect(later.taken.map(({ position }) => position)).toEqual(
      debezium.taken.slice(Math.floor(debezium.taken.length / 2) + 1).map(({ position }) => position),
    );
    await fixture.run('CREATE TABLE passed_over (id int)', 'ALTER TABLE plain MODIFY b varchar(30)');
    expect(await later.failure()).toMatchObject({ code: 'SCHEMA.CHANGED', where: 'shop.plain' });
  } finally {
    await closer.close();
  }
});

const UNLIKE = [
  ['DateStyle', 'SQL, DMY'],
  ['IntervalStyle', 'sql_standard'],
  ['TimeZone', 'America/St_Johns'],
  ['extra_float_digits', '-3'],
  ['bytea_output', 'escape'],
  ['xmloption', 'document'],
] as const;

/** Of each row a value that the log leaves out of the second change. */
const LARGE: readonly (readonly [string, string])[] = [
  ['text', "string_agg(md5(i::text), '')"],
  ['varchar', "string_agg(md5(i::text), '')"],
  ['bytea', "string_agg(md5(i::text), '')::bytea"],
  ['json', "to_json(string_agg(md5(i::text), ''))"],
  ['jsonb', "to_jsonb(string_agg(md5(i::text), ''))"],
  ['xml', "string_agg(md5(i::text), '')::xml"],
  ['tsvector', "string_agg(md5(i::text), ' ')::tsvector"],
  ['numeric', "('1' || string_agg((i * 7919)::text, ''))::numeric"],
  ['numrange', "numrange(('1' || string_agg((i * 7919)::text, ''))::numeric, null)"],
  ['nummultirange', "nummultirange(numrange(('1' || string_agg((i * 7919)::text, ''))::numeric, null))"],
  ['"Own ""types""".pair', 'row(1, string_agg(md5(i::text), \'\'))::"Own ""types""".pair'],
  ['hstore', 'hstore(array_agg(i::text), array_agg(md5(i::text)))'],
  ['citext', "string_agg(md5(i::text), '')::citext"],
  ['text[]', 'array_agg(md5(i::text))'],
  ['int4[]', 'array_agg(i * 7919)'],
  ['int8[]', 'array_agg(i * 791900000::int8)'],
  ['uuid[]', 'array_agg(md5(i::text)::uuid)'],
  ['date[]', "array_agg('2024-01-01'::date + i)"],
  ['jsonb[]', 'array_agg(to_jsonb(md5(i::text)))'],
];

test('changes of every type of PostgreSQL', async () => {
  const closer = new Closer();
  try {
    const fixture = await openLogFixture();
    closer.add(() => fixture.close());
    const { db, server, url } = fixture;
    for (const extension of EXTENSIONS) await db.query(`CREATE EXTENSION ${extension} SCHEMA public`);
    await db.query(USER_TYPES);
    const entries = TYPE_GROUPS.flatMap(({ entries: group }) => group);
    await db.query(
      entries
        .map(({ type }, index) => `CREATE TABLE z${index} (id int PRIMARY KEY, v ${type})`)
        .concat(
          LARGE.map(
            ([type], index) =>
              `CREATE TABLE l${index} (id int PRIMARY KEY, v ${type}); ALTER TABLE l${index} ALTER v SET STORAGE EXTERNAL`,
          ),
          'CREATE TABLE plain (a int, b text)',
          'ALTER TABLE plain REPLICA IDENTITY FULL',
          'CREATE TABLE computed (id int PRIMARY KEY, a int, b int GENERATED ALWAYS AS (a * 2) STORED, d int)',
        )
        .join(';'),
    );
    const catalog = await server.with('catalog', (session) =>
      readCatalog(session, { include: ['public.*'], exclude: [] }),
    );
    const all = catalog.tables.map(({ table }) => table);
    // What the connector's sessions would print, if they were not told otherwise.
    const database = new URL(url).pathname.slice(1);
    await db.query(
      UNLIKE.map(([name, value]) => `ALTER DATABASE ${database} SET ${name} = ${quoteLiteral(value)}`).join(';'),
    );
    const id = ID();
    const slot = `migrate_debezium_${id}`;
    const placeholder = placeholderOf(RUN, id);
    const engine = new PostgresDebezium({ server, slot, publication: slot, url, placeholder });
    const findings = await engine.check(catalog);
    const refused = new Set(findings.filter(({ level }) => level === 'error').map(({ subject }) => subject));
    const typeOf = ({ columns }: Table): string => columns[1]?.type ?? '';
    expect(
      all
        .filter(({ id: table }) => refused.has(`${table}.v`))
        .map(typeOf)
        .toSorted(),
    ).toMatchSnapshot();
    const tables = all.filter(
      ({ id: table, name }) => !refused.has(`${table}.v`) && /^([zl]\d+|plain|computed)$/.test(name),
    );
    const log = fixture.log({ slot, publication: slot });
    const parts = partsOf(log, url, id, engine);
    closer.add(() => parts.source.log.release());
    const start = await parts.source.log.pin(tables);
    await start.close();
    const compared = fixture.log();
    const other = await compared.pin(tables);
    await other.close();
    closer.add(() => compared.release());
    await db.query("SET search_path = public; SET TimeZone = 'UTC'");
    for (const { name } of tables.filter(({ name: table }) => table.startsWith('z'))) {
      const { values, type, notNull } = entries[Number(name.slice(1))]!;
      const carried = values.filter((value) => !isLost(type, value));
      const all = [...carried, ...(notNull === true ? [] : [null])];
      const rows = all.map((value, row) => `(${row}, ${value === null ? 'NULL' : quoteLiteral(value)})`);
      await db.query(
        `INSERT INTO ${name} VALUES ${rows.join(', ')}; UPDATE ${name} SET id = id + 100; DELETE FROM ${name} WHERE id = 100`,
      );
    }
    for (const { name } of tables.filter(({ name: table }) => table.startsWith('l'))) {
      await db.query(
        `INSERT INTO ${name} SELECT 1, ${LARGE[Number(name.slice(1))]![1]} FROM generate_series(1, 4000) i`,
      );
      await db.query(`INSERT INTO ${name} VALUES (2, NULL)`);
      await db.query(`UPDATE ${name} SET id = id`);
      await db.query(`UPDATE ${name} SET id = id + 2`);
    }
    await db.query(
      "BEGIN; INSERT INTO plain VALUES (1, 'x'), (1, 'x'), (NULL, NULL); UPDATE plain SET a = 4 WHERE a IS NULL; COMMIT",
    );
    await db.query('INSERT INTO computed (id, a, d) VALUES (1, 2, 3), (2, NULL, 4); UPDATE computed SET a = 7');
    await db.query('BEGIN; DELETE FROM plain; TRUNCATE computed, plain; INSERT INTO computed (id) VALUES (5); COMMIT');
    await log.mark('end');
    const native = await fixture.read(other.at, tables);
    const debezium = await LogReader.open(parts.stream(tables), start.at);
    await readBoth(closer, [native, debezium]);
    const [got, want] = [told(debezium), told(native)];
    for (const [index, one] of want.entries()) expect(got[index]).toEqual(one);
    expect(got).toHaveLength(want.length);
    // The end of each transaction is the same place.
    const ends = ({ taken }: LogReader): readonly string[] =>
      taken
        .filter(({ changes }) => changes.flatMap(shown).length > 0)
        .map(({ position }) => position.replace(/^.*@/, ''));
    expect(ends(debezium)).toEqual(ends(native));
    await db.query("ALTER TABLE plain RENAME TO simple; INSERT INTO simple VALUES (1, 'x')");
    expect(await debezium.failure()).toMatchObject({ code: 'SCHEMA.CHANGED', where: 'public.simple' });
  } finally {
    await closer.close();
  }
});

/** Values that the preflight warns of, or that stop the reading. */
function isLost(type: string, value: string): boolean {
  if (type.startsWith('interval')) return value.includes('infinity');
  if (type === 'timestamp') return value.startsWith('294276');
  return type.endsWith('[]') && /^\[|\{\{|NULL/.test(value) && !(type.startsWith('text') && value.includes('"NULL"'));
}

test('a table that joins within a large transaction is there from the next pair on, and the others once', async () => {
  const closer = new Closer();
  const kind = 'mysql';
  const server = servers.get(kind)!;
  try {
    const fixture = await MysqlLogFixture.open(server);
    closer.add(() => fixture.close());
    await fixture.run(...['one', 'other'].map((name) => `CREATE TABLE ${name} (id int PRIMARY KEY, v int)`));
    const [one, other] = [await fixture.table('one'), await fixture.table('other')];
    const url = `${kind}://root@127.0.0.1:${server.port}/`;
    const own = new MysqlServer('source', url, RUN);
    closer.add(() => own.close());
    const id = ID();
    const shared = { server: own, run: RUN, networkTimeoutMs: 60_000 };
    const engine = new MysqlDebezium({ ...shared, kind, url, serverId: serverIdOf(id) });
    const reading = { rows: new RowsOf(unconverted), readers: 1, tables: [one], prove: async () => undefined };
    const log = new MysqlLog({ ...shared, ...reading });
    const parts = partsOf(log, url, id, engine, [one]);
    closer.add(() => parts.source.log.release());
    const start = await parts.source.log.pin([one]);
    await start.close();
    const rows = (name: string, from: number): string =>
      `INSERT INTO ${name} WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 200) SELECT ${from} + n, n FROM s`;
    const parted = Array.from({ length: 100 }, (_, part) => [rows('other', part * 200), rows('one', part * 200)]);
    await fixture.run('BEGIN', ...parted.flat(), 'COMMIT');
    await written(id, 2_000);
    await parts.source.log.publish([other]);
    const pair = await parts.source.log.pair();
    await pair.close();
    await fixture.run('UPDATE one SET v = 0 WHERE id < 10', 'UPDATE other SET v = 0 WHERE id < 10');
    await log.mark('end');
    const native = await LogReader.open(fixture.stream([one, other]), start.at);
    const debezium = await LogReader.open(parts.stream([one, other]), start.at);
    await readBoth(closer, [native, debezium]);
    const seen = [native, debezium].map((reader) => {
      const [early, late] = [true, false].map((isEarly) =>
        reader.taken
          .filter(({ position }) => reader.stream.covers(pair.at, position) === isEarly)
          .flatMap(({ changes }) => changes.flatMap(shown) as readonly { readonly table: string }[]),
      );
      return { early: early?.filter(({ table }) => table === one.id), late };
    });
    expect(seen[1]).toEqual(seen[0]);
    expect(seen[0]?.early).toHaveLength(20_000);
    expect(seen[0]?.late).toHaveLength(19);
  } finally {
    await closer.close();
  }
});

/** Resolves when so many messages are in the topic of the run. */
async function written(id: string, count: number): Promise<void> {
  const kafka = await openKafka({ brokers: [sharedKafka().broker], clientId: 'count', networkTimeoutMs: 20_000 });
  const admin = kafka.admin();
  await admin.connect();
  for (let end = 0; end < count; ) {
    end = Number((await admin.fetchTopicOffsets(topicOf(`migrate-${RUN}-${id}`)))[0]?.high ?? 0);
  }
  await admin.disconnect();
}
