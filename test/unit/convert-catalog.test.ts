// Schemas of one engine in the words of the other: what is carried, what is named as left behind, and what has to be cured.

import { describe, expect, it } from 'vitest';
import type { Joined } from '../../src/convert/in-turn.ts';
import { MysqlNames } from '../../src/convert/mysql-names.ts';
import { pairConversion } from '../../src/convert/pair-conversion.ts';
import { PostgresNames } from '../../src/convert/postgres-names.ts';
import type { Catalog, TableDefinition } from '../../src/model/catalog.ts';
import { tableId } from '../../src/model/table.ts';
import type { EngineKind } from '../../src/plan/endpoint.ts';
import { planSchema } from '../../src/plan/plan.ts';
import { catalog, column, constraint, foreign, object, sequence, table } from './catalog-fixture.ts';

function convert(source: EngineKind, target: EngineKind, found: Catalog, options: object = {}, joined: Joined = []) {
  const plan = planSchema.shape.convert.parse(options);
  const conversion = pairConversion(source, target, plan, (type) => `cast ${type}`);
  if (conversion === undefined) throw new Error('nothing is converted');
  const { catalog, findings } = conversion.catalog(found, joined);
  const told = findings.map(({ level, code, subject }) => `${level} ${code.replace('PREFLIGHT.', '')} ${subject}`);
  return { catalog, findings, told, target: catalog.onTarget, first: catalog.onTarget?.tables[0] };
}

const shown = (definition: TableDefinition | undefined) =>
  definition?.columns.map(({ name, type, notNull, defaultExpression }) => [name, type, notNull, defaultExpression]);
const texts = (list: readonly { readonly name: string; readonly definition: string }[] | undefined) =>
  list?.map(({ name, definition }) => `${name}: ${definition}`);

it('nothing is converted between two databases of PostgreSQL', () => {
  expect(pairConversion('postgres', 'postgres', planSchema.shape.convert.parse({}), String)).toBeUndefined();
});

describe('from MySQL to PostgreSQL', () => {
  const columns = [
    column('id', 'bigint unsigned', { identity: 'by default', notNull: true }),
    column('Day`s', 'date', { notNull: true, defaultExpression: 'uuid()', settings: ['ON UPDATE CURRENT_TIMESTAMP'] }),
    column('code', 'varchar(20)', { collation: 'utf8mb4_bin' }),
    column('name', 'varchar(900)', { collation: 'utf8mb4_0900_ai_ci' }),
    column('mood', "enum('it''s','b')", { collation: 'utf8mb4_0900_ai_ci' }),
    column('twice', 'int', { generated: { expression: '(`id` * 2)', stored: false } }),
    column('odd', 'int', { generated: { expression: 'crc32(`code`)', stored: true } }),
  ];
  const source = catalog(
    [
      table(columns, {
        key: constraint('PRIMARY', 'PRIMARY KEY (`id`)'),
        checks: [
          object('positive', "CHECK ((`id` > 0) and (`code` <> _utf8mb4''))"),
          object('named', "CHECK ((`name` <> _utf8mb4'x'))"),
        ],
        uniqueConstraints: [object('u', 'UNIQUE (`Day``s`)'), object('n', 'UNIQUE (`name`)')],
        indexes: [
          object('plain', 'CREATE INDEX `plain` ON `s`.`t` (`id`, `Day``s` DESC)'),
          object('part', 'CREATE INDEX `part` ON `s`.`t` (`code`(3))'),
          object('start', 'CREATE INDEX `start` ON `s`.`t` (`name`(9) DESC)'),
          object('unlike', 'CREATE UNIQUE INDEX `unlike` ON `s`.`t` (`code`(3))'),
          object('computed', 'CREATE INDEX `computed` ON `s`.`t` (`odd`)'),
          object('words', 'CREATE FULLTEXT INDEX `words` ON `s`.`t` (`name`)'),
          object('made', 'CREATE INDEX `made` ON `s`.`t` ((lower(`id`)))'),
        ],
        foreignKeys: [
          foreign('self', 'FOREIGN KEY (`Day``s`) REFERENCES `s`.`t` (`id`) ON DELETE SET NULL'),
          foreign('loose', 'FOREIGN KEY (`id`) REFERENCES `s`.`t` (`id`, `Day``s`)'),
        ],
      }),
    ],
    { sequences: [sequence('t_id_seq', 'id')], notCarried: ['view s.v'] },
  );
  const { catalog: found, first, told, target } = convert('mysql', 'postgres', source, { zeroDates: 'setNull' });

  it('columns have types, defaults and the forms of their values', () => {
    expect(shown(first)).toEqual([
      ['id', 'numeric(20,0)', true, `nextval('"s"."t_id_seq"'::regclass)`],
      ['Day`s', 'date', false, null],
      ['code', 'varchar(20)', false, null],
      ['name', 'varchar(900)', false, null],
      ['mood', 'text', false, null],
      ['twice', 'integer', false, null],
    ]);
    expect(first?.columns.at(-1)?.generated).toEqual({ expression: '("id" * 2)', stored: true });
    expect(found.tables[0]?.table.columns.map(({ handling }) => handling)).toEqual([
      ['as plain'],
      ['as date', 'zero dates are null'],
      ['as plain'],
      ['as plain'],
      ['as plain'],
    ]);
    expect(first?.table.columns.map(({ castType }) => castType)).toEqual([
      'numeric',
      'date',
      'varchar',
      'varchar',
      'text',
    ]);
    expect(target?.sequences).toMatchObject([{ type: 'bigint', owner: { identity: false }, users: ['s.t'] }]);
  });

  it('keys, indexes, checks and foreign keys are written in its words', () => {
    expect(texts([first!.key!, ...first!.uniqueConstraints, ...first!.indexes, ...first!.foreignKeys])).toEqual([
      't_pkey: PRIMARY KEY ("id")',
      't_u: UNIQUE ("Day`s")',
      't_n: UNIQUE ("name")',
      't_plain: CREATE INDEX "t_plain" ON "s"."t" ("id", "Day`s" DESC)',
      't_part: CREATE INDEX "t_part" ON "s"."t" ("code")',
      't_start: CREATE INDEX "t_start" ON "s"."t" (left("name", 9) DESC)',
      't_unlike: CREATE UNIQUE INDEX "t_unlike" ON "s"."t" (left("code", 3))',
      't_self: FOREIGN KEY ("Day`s") REFERENCES "s"."t" ("id") ON DELETE SET NULL',
    ]);
    expect(texts(first?.checks)).toEqual([
      `t_mood_check: CHECK ("mood" IN ('it''s', 'b'))`,
      `t_positive: CHECK ((("id" > 0) AND ("code" <> '')))`,
    ]);
  });

  it('what stays behind or is weaker there is named', () => {
    expect(found.notCarried).toEqual([
      'view s.v',
      ...[
        'generated column odd',
        'default of Day`s',
        'check named',
        'index computed',
        'index words',
        'index made',
        'foreign key loose',
      ].map((what) => `${what} on s.t`),
    ]);
    expect(told).toEqual(['warning CONVERT_COLLATION s.t n', 'warning CONVERT_ON_UPDATE s.t.Day`s']);
  });

  it('what holds different texts to be equal gets such a collation where the plan says so and there is one', () => {
    const text = (name: string, collation: string) => column(name, 'varchar(9)', { collation });
    const folded = table(
      [text('a', 'utf8mb4_0900_ai_ci'), text('b', 'utf8mb3_general_ci'), text('c', 'latin1_german1_ci')],
      {
        key: constraint('PRIMARY', 'PRIMARY KEY (`a`)'),
        uniqueConstraints: [object('b', 'UNIQUE (`b`)'), object('c', 'UNIQUE (`c`)')],
        foreignKeys: [
          foreign('like', 'FOREIGN KEY (`a`) REFERENCES `s`.`t` (`a`)'),
          foreign('unlike', 'FOREIGN KEY (`b`) REFERENCES `s`.`t` (`a`)'),
        ],
      },
    );
    const icu = convert('mysql', 'postgres', catalog([folded]), { caseInsensitive: 'icu' });
    expect(icu.first?.columns.map(({ collation }) => collation)).toEqual([
      '"s"."utf8mb4_0900_ai_ci"',
      '"s"."utf8mb3_general_ci"',
      null,
    ]);
    expect(icu.target?.types.map(({ kind, schema, name }) => [kind, schema, name])).toEqual([
      ['collation', 's', 'utf8mb4_0900_ai_ci'],
      ['collation', 's', 'utf8mb3_general_ci'],
    ]);
    expect(icu.told).toEqual([
      'warning CONVERT_COLLATION s.t c',
      'info CONVERT_COLLATION utf8mb4_0900_ai_ci',
      'warning CONVERT_COLLATION utf8mb3_general_ci',
    ]);
    // Two collations of PostgreSQL would refer to nothing.
    expect(icu.first?.foreignKeys.map(({ name }) => name)).toEqual(['t_like']);
    expect(icu.catalog.notCarried).toEqual(['foreign key unlike on s.t']);
    const { findings } = convert('mysql', 'postgres', catalog([folded]));
    const cure = 'convert: { caseInsensitive: icu }  # in the plan';
    expect(findings.map((each) => each.cure)).toEqual([cure, cure, undefined, cure, cure]);
  });

  it('what PostgreSQL has nothing for is an error with its cure', () => {
    const places = catalog([table([column('id', 'int'), column('at', 'point'), column('b', 'blob')])]);
    const { findings, first } = convert('mariadb', 'postgres', places, {
      columns: { 's.t.b': 'integer', 's.t.c': 'text', 's.t.id': 'bigint' },
    });
    // So that the rehearsal of the schema tells of other things only.
    expect(first?.columns.map(({ type }) => type)).toEqual(['bigint', 'text', 'text']);
    expect(findings.map(({ level, code, subject, cure }) => [level, code, subject, cure])).toEqual([
      ['error', 'PREFLIGHT.CONVERT_COLUMN', 's.t.c', 'Correct or remove it in convert.columns of the plan.'],
      ['error', 'PREFLIGHT.CONVERT_TYPE', 's.t.at', 'convert.columns: { "s.t.at": bytea }'],
      ['error', 'PREFLIGHT.CONVERT_COLUMN', 's.t.b', 'Exclude the table: tables.exclude: ["s.t"]'],
    ]);
    const cured = convert('mysql', 'postgres', places, { columns: { 's.t.at': 'bytea' } });
    expect(cured.told).toEqual([]);
    expect(shown(cured.first)?.map(([, type]) => type)).toEqual(['integer', 'bytea', 'bytea']);
  });

  it('a zero date in a key never becomes NULL', () => {
    const dated = catalog([
      table([column('day', 'date', { notNull: true }), column('end', 'date', { notNull: true })]),
    ]);
    const { catalog: found, first } = convert('mysql', 'postgres', dated, { zeroDates: 'setNull' });
    expect(found.tables[0]?.table.columns.map(({ handling }) => handling)).toEqual([
      ['as date'],
      ['as date', 'zero dates are null'],
    ]);
    expect(first?.columns.map(({ notNull }) => notNull)).toEqual([true, false]);
  });

  it('names that PostgreSQL would cut, or has itself, are errors', () => {
    const long = 'ü'.repeat(32);
    const { told } = convert(
      'mysql',
      'postgres',
      catalog([table([column('id', 'int'), column(long, 'int'), column('xmin', 'int')], {}, long)]),
    );
    const place = `s."${long}"`;
    expect(told).toEqual(['', `.${long}`, '.xmin'].map((column) => `error CONVERT_NAME ${place}${column}`));
  });
});

describe('from PostgreSQL to MySQL', () => {
  const columns = [
    column('id', 'integer', { identity: 'always', notNull: true }),
    column('email', 'text', { notNull: true, defaultExpression: "'?'::text" }),
    column('n', 'numeric', { comment: 'x'.repeat(1_025) }),
    column('doc', 'jsonb', { defaultExpression: "'{}'::jsonb" }),
    column('at', 'timestamp with time zone', { defaultExpression: 'now()' }),
    column('mood', 's.mood'),
    column('size', 's.positive'),
    column('tags', 'text[]'),
    column('paid', 'boolean', { notNull: true, defaultExpression: 'false' }),
    column('sum', 'numeric(8,2)', { generated: { expression: '(size + 1)', stored: true } }),
    column('hash', 'text', { generated: { expression: 'md5(email)', stored: true } }),
  ];
  const source = catalog(
    [
      table(columns, {
        key: constraint('t_pkey', 'PRIMARY KEY (id)'),
        checks: [
          object(
            'c1',
            "CHECK (((email)::text = ANY ((ARRAY['a'::character varying, 'b'::character varying])::text[])))",
          ),
          object('c2', 'CHECK ((size > 0))'),
          object('c3', 'CHECK ((id > 0))'),
          object('c4', "CHECK ((email ~ 'x'::text))"),
          object('c5', 'CHECK ((paid OR (length(email) >= 3)))'),
        ],
        uniqueConstraints: [object('u', 'UNIQUE (email, "size")'), object('late', 'UNIQUE (size) DEFERRABLE')],
        indexes: [
          object('by_doc', 'CREATE INDEX by_doc ON s.t USING gin (doc)'),
          object('by_tags', 'CREATE INDEX by_tags ON s.t USING btree (tags, at DESC)'),
          object('some', 'CREATE INDEX some ON s.t USING btree (at) WHERE paid'),
          object('lower', 'CREATE INDEX lower ON s.t USING btree (lower(email))'),
          object('BY_TAGS', 'CREATE INDEX "BY_TAGS" ON s.t USING btree (size)'),
        ],
        foreignKeys: [
          foreign('parent', 'FOREIGN KEY (size) REFERENCES s.t(id) ON DELETE CASCADE'),
          foreign('other', 'FOREIGN KEY (at) REFERENCES s.t(id)'),
          foreign('match', 'FOREIGN KEY (size) REFERENCES s.t(id) MATCH FULL'),
        ],
      }),
    ],
    {
      sequences: [sequence('t_id_seq', 'id'), sequence('alone', null)],
      types: [
        { kind: 'enum', schema: 's', name: 'mood', labels: ['sad', 'ok'], comment: null },
        {
          kind: 'domain',
          schema: 's',
          name: 'positive',
          definition: 'AS integer DEFAULT 7',
          checks: [],
          comment: null,
        },
      ],
    },
  );
  const { catalog: found, first, told, target } = convert('postgres', 'mysql', source);

  it('columns have types, collations and defaults, and one of them counts', () => {
    expect(shown(first)).toEqual([
      ['id', 'int', true, null],
      ['email', 'varchar(255)', true, "'?'"],
      ['n', 'decimal(65,30)', false, null],
      ['doc', 'json', false, "'{}'"],
      ['at', 'datetime(6)', false, 'utc_timestamp(6)'],
      ['mood', "enum('sad','ok')", false, null],
      ['size', 'int', false, null],
      ['tags', 'longtext', false, null],
      ['paid', 'tinyint(1)', true, '0'],
      ['sum', 'decimal(8,2)', false, null],
    ]);
    expect(first?.columns.map(({ collation }) => collation)).toEqual(
      columns.slice(0, -1).map(({ name }) => (['email', 'mood', 'tags'].includes(name) ? 'utf8mb4_0900_bin' : null)),
    );
    expect(first?.columns[0]).toMatchObject({ identity: 'by default' });
    expect(first?.columns.at(-1)?.generated).toEqual({ expression: '(`size` + 1)', stored: true });
    expect(first?.table.columns[4]).toEqual({
      name: 'at',
      type: 'datetime(6)',
      castType: 'cast datetime(6)',
      handling: ['as instant'],
    });
    expect(
      found.tables[0]?.table.columns.flatMap(({ name, handling = [] }) => handling.map((word) => [name, word])),
    ).toEqual([
      ['n', 'compared as a number'],
      ['doc', 'compared as json'],
    ]);
  });

  it('only the sequence of that column is left, in the same place on both sides', () => {
    expect(found.sequences.map(({ name }) => name)).toEqual(['t_id_seq']);
    expect(target?.sequences).toMatchObject([
      { name: 't_id_seq', type: 'int', owner: { column: 'id', identity: true } },
    ]);
    expect(target).toMatchObject({ types: [], extensions: [], parents: [] });
  });

  it('keys, indexes, checks and foreign keys are written in its words', () => {
    expect(texts([first!.key!, ...first!.uniqueConstraints, ...first!.indexes, ...first!.foreignKeys])).toEqual([
      'PRIMARY: PRIMARY KEY (`id`)',
      'u: UNIQUE (`email`, `size`)',
      'by_tags: CREATE INDEX `by_tags` ON `s`.`t` (`tags`(255), `at` DESC)',
      expect.stringMatching(/^(BY_TAGS_[0-9a-f]{8}): CREATE INDEX `\1` ON `s`.`t` \(`size`\)$/),
      'parent: FOREIGN KEY (`size`) REFERENCES `s`.`t` (`id`) ON DELETE CASCADE',
    ]);
    expect(texts(first?.checks)).toEqual([
      "c1: CHECK ((`email` IN ('a', 'b')))",
      'c5: CHECK ((`paid` OR (char_length(`email`) >= 3)))',
    ]);
  });

  it('what stays behind or is another there is named', () => {
    expect(found.notCarried).toEqual([
      'generated column hash on s.t',
      'sequence s.alone',
      'foreign key other on s.t',
      'foreign key match on s.t',
      'comment on n on s.t',
      // A column that a foreign key may change, and the one that counts.
      'check c2 on s.t',
      'check c3 on s.t',
      'check c4 on s.t',
      'constraint late on s.t',
      'index by_doc on s.t',
      'index some on s.t',
      'index lower on s.t',
    ]);
    expect(told).toEqual([
      'warning CONVERT_KEY_LENGTH s.t.email',
      'warning CONVERT_DOMAIN s.t.size',
      'warning CONVERT_TEXT s.t.tags',
      'info CONVERT_VALUES s.t',
      'info CONVERT_VALUES s.t',
      'info CONVERT_VALUES s.t',
      'warning CONVERT_SEQUENCE s.alone',
      'warning CONVERT_CONSTRAINT s.t late',
    ]);
  });

  it('partitions, heirs and names that MySQL takes for one are errors', () => {
    const parent = { id: tableId('s', 'p'), schema: 's', name: 'p' };
    const wrong = catalog(
      [
        table([column('a', 'integer'), column('A', 'integer')]),
        table([column('a', 'integer')], { partitionOf: { parent, bound: 'DEFAULT' } }, 'part'),
        table([column('a', 'integer')], { inherits: [parent] }, 'heir'),
        table([column('a', 'integer')], {}, 'T'),
      ],
      { schemas: ['s', 'mysql'] },
    );
    expect(convert('postgres', 'mysql', wrong).told).toEqual([
      'error CONVERT_NAME mysql',
      'warning CONVERT_NAME s."T"',
      'error CONVERT_NAME s.t.A',
      'error CONVERT_PARTITIONED s.part',
      'error CONVERT_PARTITIONED s.heir',
    ]);
  });

  it('a row with many texts keeps the longest of them apart', () => {
    const many = Array.from({ length: 30 }, (_, n) => column(`c${n}`, `character varying(${n === 7 ? 1_000 : 900})`));
    const types = shown(convert('postgres', 'mysql', catalog([table([column('id', 'integer'), ...many])])).first);
    const lengths = types?.map(([, type]) => Number(/^varchar\((\d+)\)$/.exec(String(type))?.[1] ?? 0)) ?? [];
    expect(lengths.reduce((sum, length) => sum + 4 * length, 0)).toBeLessThan(60_000);
    expect(lengths.filter((length) => length > 0).length).toBeGreaterThan(15);
    expect(types?.[8]?.[1]).toBe('longtext');
  });
});

describe('from MariaDB to MySQL', () => {
  it('what is called the same stays as it is, without a second catalog', () => {
    const plain = catalog([
      table([column('id', 'int'), column('a', 'varchar(9)', { collation: 'utf8mb4_bin' }), column('b', 'tinyint(1)')], {
        checks: [object('c', "CHECK ((regexp_like(`a`,_utf8mb4'x')))")],
      }),
    ]);
    const { catalog: found, told } = convert('mysql', 'mysql', plain);
    expect(found).toBe(plain);
    expect(told).toEqual([]);
  });

  it('checks of MariaDB that have one name in several tables have several names', () => {
    const columns = [column('id', 'int(11)'), column('doc', 'longtext')];
    const checks = [
      object('doc', 'CHECK (json_valid(`doc`))'),
      object('CONSTRAINT_1', 'CHECK (`id` > 0)'),
      object('small', 'CHECK (`id` < 9)'),
    ];
    const found = catalog([table(columns, { checks }), table(columns, { checks }, 'u')]);
    const names = convert('mariadb', 'mysql', found).catalog.onTarget?.tables.map((one) =>
      one.checks.map(({ name }) => name),
    );
    expect(names).toEqual([
      ['t_doc', 't_CONSTRAINT_1', 'small'],
      ['u_doc', 'u_CONSTRAINT_1', expect.stringMatching(/^small_[0-9a-f]{8}$/)],
    ]);
  });

  it('what only MariaDB has becomes what MySQL has, or is named', () => {
    const columns = [
      column('id', 'bigint(20) unsigned'),
      column('a', 'varchar(9)', { collation: 'utf8mb4_uca1400_ai_ci', defaultExpression: "'x'" }),
      column('b', 'varchar(9)', { collation: 'utf8mb4_nopad_bin', defaultExpression: 'concat(1)' }),
      column('u', 'uuid', { defaultExpression: 'uuid()' }),
      column('i', 'inet6'),
      column('at', 'datetime(3)', { defaultExpression: 'current_timestamp(3)' }),
      column('doc', 'longtext', { collation: 'utf8mb4_bin' }),
    ];
    const checks = [
      object('doc', 'CHECK (json_valid(`doc`))'),
      object('c', 'CHECK (`id` > 0)'),
      object('d', "CHECK (json_exists(`doc`,'$.a'))"),
    ];
    const { first, told, catalog: found } = convert('mariadb', 'mysql', catalog([table(columns, { checks })]));
    expect(
      first?.columns.map(({ type, collation, defaultExpression }) => [type, collation, defaultExpression]),
    ).toEqual([
      ['bigint unsigned', null, null],
      ['varchar(9)', 'utf8mb4_0900_ai_ci', "'x'"],
      ['varchar(9)', 'utf8mb4_0900_bin', null],
      ['char(36)', 'ascii_bin', 'uuid()'],
      ['varchar(45)', 'ascii_bin', null],
      ['datetime(3)', null, 'CURRENT_TIMESTAMP(3)'],
      ['longtext', 'utf8mb4_bin', null],
    ]);
    expect(texts(first?.checks)).toEqual(['t_doc: CHECK (json_valid(`doc`))', 'c: CHECK (`id` > 0)']);
    expect(found.notCarried).toEqual(['default of b on s.t', 'check d on s.t']);
    expect(told).toEqual([
      'warning CONVERT_COLLATION s.t.a',
      'warning CONVERT_TEXT s.t.u',
      'warning CONVERT_TEXT s.t.i',
    ]);
    expect(first?.table.columns.map(({ castType }) => castType)).toEqual([
      'cast bigint unsigned',
      '',
      '',
      'cast char(36)',
      'cast varchar(45)',
      '',
      '',
    ]);
  });
});

describe('names', () => {
  const columns = [column('id', 'bigint')];
  const checked = (name: string, condition = '`id` > 0') =>
    table(columns, { checks: [object('small', `CHECK (${condition})`)] }, name);
  const indexed = (name: string, index: string) =>
    table(columns, { indexes: [object(index, `CREATE INDEX \`${index}\` ON \`s\`.\`${name}\` (\`id\`)`)] }, name);

  it.each([
    ['postgres', 'mysql', [checked('t', '(id > 0)'), checked('u', '(id > 0)')], checked('a', '(id > 0)')],
    ['mariadb', 'mysql', [checked('t'), checked('u')], checked('a')],
    ['mysql', 'postgres', [indexed('t_x', 'i')], indexed('t', 'x_i')],
  ] as const)('of %s on %s stay when a table joins that comes before', (source, target, run, joining) => {
    const namesOf = (tables: readonly TableDefinition[], joined: Joined = []) =>
      convert(source, target, catalog(tables), {}, joined).target?.tables.map(({ table, checks, indexes }) => [
        table.name,
        ...[...checks, ...indexes].map(({ name }) => name),
      ]);
    const [first, ...rest] = namesOf([joining, ...run], [joining.table]) ?? [];
    expect(rest).toEqual(namesOf(run));
    expect(first).toEqual([joining.table.name, expect.stringMatching(/_[0-9a-f]{8}$/)]);
  });

  it('of PostgreSQL are given once in a schema and fit', () => {
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

  it('of MySQL are given once in their space, whatever their case', () => {
    const names = new MysqlNames();
    const given = ['a', 'A', 'a'].map((name) => names.in('s', tableId('s', 't'), name));
    expect(given[0]).toBe('a');
    expect(new Set(given.map((name) => name.toLowerCase())).size).toBe(3);
    expect(names.in('other', tableId('s', 't'), 'a')).toBe('a');
    expect([...names.in('s', tableId('s', 't'), 'x'.repeat(65))].length).toBe(64);
  });
});
