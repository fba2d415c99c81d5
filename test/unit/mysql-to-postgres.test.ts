// MySQL's types, values, defaults and names as PostgreSQL has them. What PostgreSQL really prints is compared in first-look.

import { describe, expect, it } from 'vitest';
import { convertCatalog } from '../../src/convert/mysql-catalog.ts';
import { defaultFor } from '../../src/convert/mysql-defaults.ts';
import { mappedType } from '../../src/convert/mysql-to-postgres.ts';
import { doubleText, realText } from '../../src/convert/postgres-floats.ts';
import { PostgresNames } from '../../src/convert/postgres-names.ts';
import { connectionOptions } from '../../src/databases/mysql/url.ts';
import type { ColumnDefinition, TableDefinition } from '../../src/model/catalog.ts';
import { tableId } from '../../src/model/table.ts';

const mapped = (type: string, options = {}) => mappedType({ name: 'c', type }, options);

describe('types', () => {
  it.each([
    ['tinyint(1)', 'smallint'],
    ['tinyint unsigned', 'smallint'],
    ['smallint(5) unsigned', 'integer'],
    ['int(10) unsigned zerofill', 'bigint'],
    ['bigint unsigned', 'numeric(20,0)'],
    ['decimal(65,30)', 'numeric(65,30)'],
    ['float(7,2)', 'real'],
    ['double unsigned', 'double precision'],
    ['char(0)', 'text'],
    ['varchar(255)', 'varchar(255)'],
    ["enum('a\nb zerofill')", 'text'],
    ['varbinary(16)', 'bytea'],
    ['bit(1)', 'bit(1)'],
    ['datetime', 'timestamp(0)'],
    ['timestamp(6)', 'timestamptz(6)'],
    ['time(3)', 'interval(3)'],
    ['json', 'json'],
    ['point', undefined],
    ['vector(3)', undefined],
  ])('%s becomes %s', (type, expected) => {
    expect(mapped(type)?.type).toBe(expected);
  });

  it('print what PostgreSQL prints, and a key is said back as it was', () => {
    const both = (type: string, value: string | Buffer, options = {}) => {
      const conversion = mapped(type, options);
      const printed = conversion?.print(value);
      return [printed, printed === null || printed === undefined ? printed : conversion?.read(printed)];
    };
    expect(both('bit(11)', Buffer.from([4, 1]))).toEqual(['10000000001', Buffer.from([4, 1])]);
    expect(both('varbinary(4)', Buffer.from([0, 255]))).toEqual(['\\x00ff', Buffer.from([0, 255])]);
    expect(both('timestamp(3)', '2024-02-29 01:02:03.120')).toEqual([
      '2024-02-29 01:02:03.12+00',
      '2024-02-29 01:02:03.12',
    ]);
    expect(both('year', '0000')).toEqual(['0', '0']);
    expect(both('tinyint(1)', '1', { tinyint1AsBoolean: true })).toEqual(['t', '1']);
    expect(() => both('tinyint(1)', '2', { tinyint1AsBoolean: true })).toThrow('column c');
    expect(() => both('date', '2024-00-01')).toThrow('column c');
    expect(both('datetime', '0000-00-00 00:00:00', { zeroDates: 'null' })).toEqual([null, null]);
    expect(both('date', '1000-10-10')).toEqual(['1000-10-10', '1000-10-10']);
  });

  it('of floating point are as short as PostgreSQL makes them, and never midway between two numbers', () => {
    const doubles = [
      '0',
      '-0',
      '1e15',
      '123456789012345',
      '0.0001',
      '0.00001',
      '1e23',
      '5e-324',
      '-9.007199254740993e15',
      '1.7976931348623157e308',
    ];
    expect(doubles.map(doubleText)).toEqual([
      '0',
      '-0',
      '1e+15',
      '123456789012345',
      '0.0001',
      '1e-05',
      '9.999999999999999e+22',
      '5e-324',
      '-9.007199254740992e+15',
      '1.7976931348623157e+308',
    ]);
    const reals = ['0.1', '16777217', '100000016', '123456', '1234567', '1e-45', '3.4028235e38', '-0.00012', '2.5'];
    expect(reals.map(realText)).toEqual([
      '0.1',
      '1.6777216e+07',
      '1.00000016e+08',
      '123456',
      '1.234567e+06',
      '1e-45',
      '3.4028235e+38',
      '-0.00012',
      '2.5',
    ]);
  });
});

it('defaults are carried as literals or the current time, and nothing is guessed', () => {
  const cases: readonly (readonly [string, string, string | undefined])[] = [
    ['integer', '5', '5'],
    ['text', "'it''s \\\\ \\'n'", " E'it''s \\\\ ''n'"],
    ['text', "'a-00'", "'a-00'"],
    ['boolean', '1', 'true'],
    ['bit(3)', "b'1'", "B'001'"],
    ['timestamp(3)', 'CURRENT_TIMESTAMP(3)', 'CURRENT_TIMESTAMP(3)'],
    ['timestamp(0)', 'current_timestamp()', 'CURRENT_TIMESTAMP'],
    ['date', "'0000-00-00'", undefined],
    ['bytea', "'x'", undefined],
    ['text', 'uuid()', undefined],
  ];
  for (const [type, expression, expected] of cases) expect(defaultFor(type, expression)).toBe(expected);
});

it('names are given once in a schema and fit', () => {
  const at = (name: string) => ({ id: tableId('s', name), schema: 's', name });
  const names = new PostgresNames([at('a'), at('a_b')]);
  const long = 'ü'.repeat(40);
  const given = [names.in(at('a'), 'b'), names.in(at('a'), 'b_c'), names.in(at('a_b'), 'c'), names.in(at('a'), long)];
  expect(given[0]).toMatch(/^a_b_[0-9a-f]{8}$/);
  expect(given[1]).toBe('a_b_c');
  expect(given[2]).toMatch(/^a_b_c_[0-9a-f]{8}$/);
  expect(Buffer.byteLength(given[3] ?? '')).toBeLessThanOrEqual(63);
  expect(new Set(given).size).toBe(4);
});

it('a catalog is carried under other types and names, and all that stays behind is named', () => {
  const column = (name: string, type: string, more: Partial<ColumnDefinition> = {}): ColumnDefinition => ({
    name,
    type,
    collation: null,
    notNull: true,
    notNullName: null,
    defaultExpression: null,
    identity: null,
    generated: null,
    settings: [],
    comment: null,
    ...more,
  });
  const object = (name: string, definition: string) => ({ name, definition, comment: null, roles: [] });
  const columns = [
    column('id', 'bigint unsigned', { identity: 'by default' }),
    column('Day`s', 'date', { defaultExpression: 'uuid()', settings: ['ON UPDATE NOW'] }),
    column('g', 'int', { generated: { expression: '1', stored: true } }),
  ];
  const id = tableId('s', 't');
  const definition: TableDefinition = {
    table: {
      id,
      schema: 's',
      name: 't',
      columns: columns.slice(0, 2).map(({ name, type }) => ({ name, type, castType: '' })),
      key: [0],
      identity: 'key',
      spread: true,
      rowEstimate: 0,
      byteEstimate: 0,
    },
    inherits: [],
    columns,
    key: { ...object('PRIMARY', 'PRIMARY KEY (`id`)'), kind: 'constraint' },
    checks: [object('positive', 'CHECK (1)')],
    uniqueConstraints: [object('u', 'UNIQUE (`Day``s`)')],
    indexes: [
      object('plain', 'CREATE INDEX `plain` ON `s`.`t` (`id`, `Day``s` DESC)'),
      object('part', 'CREATE INDEX `part` ON `s`.`t` (`id`(3))'),
      object('words', 'CREATE FULLTEXT INDEX `words` ON `s`.`t` (`id`)'),
      object('made', 'CREATE INDEX `made` ON `s`.`t` ((lower(`id`)))'),
    ],
    foreignKeys: [
      { ...object('self', 'FOREIGN KEY (`Day``s`) REFERENCES `s`.`t` (`id`)'), references: id },
      { ...object('loose', 'FOREIGN KEY (`id`) REFERENCES `s`.`t` (`id`, `Day``s`)'), references: id },
    ],
    partitionOf: null,
    settings: [],
    comment: null,
  };
  const sequence = {
    schema: 's',
    name: 't_id_seq',
    type: 'bigint unsigned',
    start: '1',
    increment: '1',
    minimum: '1',
    maximum: '9223372036854775807',
    cache: '1',
    cycle: false,
    owner: { table: id, column: 'id', identity: true },
    users: [],
    comment: null,
  };
  const empty = { parents: [], types: [], extensions: [], schemas: ['s'], notCarried: ['view s.v'] };
  const { catalog, unmapped } = convertCatalog(
    { ...empty, tables: [definition], sequences: [sequence] },
    { zeroDates: 'null' },
  );
  expect(unmapped).toEqual([]);
  expect(catalog.notCarried).toEqual([
    'view s.v',
    ...[
      'check positive',
      'default of Day`s',
      'ON UPDATE of Day`s',
      'generated column g',
      'index part',
      'index words',
      'index made',
      'foreign key loose',
    ].map((what) => `${what} on s.t`),
  ]);
  const [made] = catalog.onTarget?.tables ?? [];
  expect(
    made?.columns.map(({ name, type, notNull, defaultExpression }) => [name, type, notNull, defaultExpression]),
  ).toEqual([
    ['id', 'numeric(20,0)', true, `nextval('"s"."t_id_seq"'::regclass)`],
    ['Day`s', 'date', false, null],
  ]);
  expect(
    [made?.key, ...(made?.uniqueConstraints ?? []), ...(made?.indexes ?? []), ...(made?.foreignKeys ?? [])].map(
      (one) => [one?.name, one?.definition],
    ),
  ).toEqual([
    ['t_pkey', 'PRIMARY KEY ("id")'],
    ['t_u', 'UNIQUE ("Day`s")'],
    ['t_plain', 'CREATE INDEX "t_plain" ON "s"."t" ("id", "Day`s" DESC)'],
    ['t_self', 'FOREIGN KEY ("Day`s") REFERENCES "s"."t" ("id")'],
  ]);
  expect(catalog.onTarget?.sequences).toMatchObject([{ type: 'bigint', owner: { identity: false }, users: ['s.t'] }]);
});

it('urls are read, with TLS for everything that leaves the machine', () => {
  const read = (url: string) => connectionOptions('source', url);
  expect(read('mysql://me:p%40ss@127.0.0.1/')).toMatchObject({
    host: '127.0.0.1',
    port: 3306,
    user: 'me',
    password: 'p@ss',
  });
  expect(read('mysql://me@127.0.0.1')).not.toHaveProperty('ssl');
  expect(read('mariadb://me@db.example:3307/shop').ssl).toEqual({ rejectUnauthorized: true, verifyIdentity: true });
  expect(read('mysql://me@db.example/?sslmode=require').ssl).toEqual({ rejectUnauthorized: false });
  expect(read('mysql://me@db.example/?sslmode=disable')).not.toHaveProperty('ssl');
  for (const url of ['postgres://me@host/db', 'mysql://host/', 'nonsense', 'mysql://me@host/?sslmode=maybe']) {
    expect(() => read(url)).toThrow(expect.objectContaining({ code: 'SOURCE.URL' }));
  }
});
