// Schemas of PostgreSQL and MySQL with something of everything, and what they become in Oracle.

import type { Joined } from '../../src/convert/in-turn.ts';
import { pairConversion } from '../../src/convert/pair-conversion.ts';
import { additionsOf, commentsOf, createSequence, createTable, Identities } from '../../src/databases/oracle/ddl.ts';
import type { Catalog } from '../../src/model/catalog.ts';
import { tableId } from '../../src/model/table.ts';
import type { EngineKind } from '../../src/plan/endpoint.ts';
import { planSchema } from '../../src/plan/plan.ts';
import { catalog, column, constraint, foreign, generated, object, sequence, table } from './catalog-fixture.ts';

export function convert(source: EngineKind, found: Catalog, options: object = {}, joined: Joined = []) {
  const plan = planSchema.shape.convert.parse(options);
  const conversion = pairConversion(source, 'oracle', plan, String);
  if (conversion === undefined) throw new Error('nothing is converted');
  const { catalog, findings } = conversion.catalog(found, joined);
  const { onTarget } = catalog;
  if (onTarget === undefined) throw new Error('nothing is on the target');
  const told = findings.map(({ level, code, subject }) => `${level} ${code.replace('PREFLIGHT.', '')} ${subject}`);
  return { catalog, findings, told, target: onTarget, first: onTarget.tables[0] };
}

/** As the adapter makes it. */
export function statements(target: Catalog): readonly string[] {
  const identities = new Identities(target);
  return [
    ...target.sequences.filter(({ owner }) => owner?.identity !== true).map((one) => createSequence(one)),
    ...target.tables.flatMap((definition) => [
      createTable(definition, identities),
      ...commentsOf(definition),
      ...additionsOf(definition).map(({ statement }) => statement),
      ...definition.foreignKeys.map(
        ({ name, definition: text }) =>
          `ALTER TABLE "${definition.table.schema}"."${definition.table.name}" ADD CONSTRAINT "${name}" ${text}`,
      ),
    ]),
  ];
}

export const OF_MYSQL = catalog(
  [
    table(
      [
        column('id', 'bigint unsigned', { identity: 'by default', notNull: true }),
        column('day', 'date', { notNull: true, settings: ['ON UPDATE CURRENT_TIMESTAMP'] }),
        column('code', 'varchar(20)', { collation: 'utf8mb4_bin' }),
        column('name', 'varchar(900)', {
          notNull: true,
          collation: 'utf8mb4_0900_ai_ci',
          defaultExpression: "'it''s'",
          comment: "it's",
        }),
        column('mood', "enum('it''s','')", { collation: 'utf8mb4_0900_ai_ci', defaultExpression: "''" }),
        column('paid', 'tinyint(1)', { notNull: true, defaultExpression: '0' }),
        column('flag', 'bit(1)', { defaultExpression: "b'1'" }),
        column('flags', 'bit(11)', { defaultExpression: "b'101'" }),
        column('at', 'timestamp(3)', { defaultExpression: 'CURRENT_TIMESTAMP(3)' }),
        column('noted', 'longtext', { collation: 'utf8mb4_bin' }),
        column('raw', 'varbinary(16)'),
        column('odd', 'int', { defaultExpression: 'rand()' }),
        column('twice', 'int', generated('(`id` * 2)')),
        column('sum', 'int', generated('crc32(`code`)')),
      ],
      {
        key: constraint('PRIMARY', 'PRIMARY KEY (`id`)'),
        checks: [
          object('positive', "CHECK ((`id` > 0) and (`code` <> _utf8mb4'x'))"),
          object('filled', "CHECK ((`code` <> _utf8mb4''))"),
          object('named', "CHECK ((`name` <> _utf8mb4'x'))"),
          object('later', "CHECK ((`day` > '2020-01-01'))"),
        ],
        uniqueConstraints: [
          object('whole', 'UNIQUE (`id`, `day`)'),
          object('partly', 'UNIQUE (`day`, `code`)'),
          object('named', 'UNIQUE (`name`)'),
        ],
        indexes: [
          object('plain', 'CREATE INDEX `plain` ON `s`.`t` (`id`, `day` DESC)'),
          object('part', 'CREATE INDEX `part` ON `s`.`t` (`code`(3))'),
          object('unlike', 'CREATE UNIQUE INDEX `unlike` ON `s`.`t` (`code`(3))'),
          object('again', 'CREATE INDEX `again` ON `s`.`t` (`id`)'),
          object('large', 'CREATE INDEX `large` ON `s`.`t` (`noted`(9))'),
          object('words', 'CREATE FULLTEXT INDEX `words` ON `s`.`t` (`name`)'),
        ],
        foreignKeys: [
          foreign('self', 'FOREIGN KEY (`id`) REFERENCES `s`.`t` (`id`) ON DELETE SET NULL ON UPDATE CASCADE'),
        ],
      },
    ),
  ],
  { sequences: [sequence('t_id_seq', 'id')], notCarried: ['view s.v'] },
);
const mood = { kind: 'enum', schema: 's', name: 'mood', labels: ['ok', 'bad'], comment: null } as const;
export const OF_POSTGRES = catalog(
  [
    table(
      [
        column('id', 'text', { notNull: true }),
        column('n', 'integer', { notNull: true, defaultExpression: `nextval('s.n_seq'::regclass)` }),
        column('m', 'integer', { defaultExpression: `nextval('s."M"'::regclass)` }),
        column('k', 'integer', { notNull: true, identity: 'always' }),
        column('b', 'boolean', { defaultExpression: 'true' }),
        column('u', 'uuid', { defaultExpression: 'gen_random_uuid()' }),
        column('ts', 'timestamp with time zone', { defaultExpression: 'now()' }),
        column('uts', 'timestamp with time zone', { notNull: true }),
        column('at', 'timestamp without time zone', { defaultExpression: 'CURRENT_TIMESTAMP' }),
        column('t', 'time without time zone', { defaultExpression: `'10:00:00'::time without time zone` }),
        column('num', 'numeric'),
        column('price', 'numeric(12,2)', { defaultExpression: '1.50' }),
        column('e', 's.mood', { defaultExpression: `'ok'::s.mood` }),
        column('name', 'character varying(80)', { notNull: true, defaultExpression: `''::character varying` }),
        column('d', 'date', { defaultExpression: `'2020-01-01'::date` }),
        column('js', 'jsonb', { defaultExpression: `'{}'::jsonb` }),
        column('raw', 'bytea', { notNull: true, comment: 'bytes' }),
        column('parent', 'text'),
        column('gen', 'integer', generated('(n * 2)')),
        column('both', 'boolean', generated('(b AND (n > 3))')),
        column('joined', 'text', generated('((name)::text || (name)::text)')),
      ],
      {
        key: constraint('t_pkey', 'PRIMARY KEY (id)'),
        uniqueConstraints: [
          object('t_u', 'UNIQUE (uts, n) DEFERRABLE INITIALLY DEFERRED'),
          object('t_late', 'UNIQUE (uts, price) DEFERRABLE'),
          object('t_again', 'UNIQUE (id)'),
        ],
        indexes: [
          object('t_name', 'CREATE INDEX t_name ON s.t USING btree (name DESC NULLS LAST, id)'),
          object('t_raw', 'CREATE INDEX t_raw ON s.t USING btree (raw)'),
          object('t_x', 'CREATE UNIQUE INDEX t_x ON s.t USING btree (price, d)'),
          object('t_low', 'CREATE INDEX t_low ON s.t USING btree (lower((name)::text))'),
          object('t_some', 'CREATE INDEX t_some ON s.t USING btree (n) WHERE b'),
        ],
        checks: [
          object('c1', 'CHECK ((b OR (n > 3)))'),
          object('c2', `CHECK (((name)::text = ANY (ARRAY['a'::text, 'b'::text])))`),
          object('c3', 'CHECK (((length(name) > 3) AND (name IS NOT NULL)))'),
          object('c4', `CHECK (((at >= '2020-01-01 00:00:00'::timestamp without time zone) AND (NOT b)))`),
          object('c5', 'CHECK ((num BETWEEN (0)::numeric AND (9)::numeric))'),
          object('c6', `CHECK (((name)::text <> ''::text))`),
        ],
        foreignKeys: [foreign('t_fk', 'FOREIGN KEY (parent) REFERENCES s.t(id) ON DELETE CASCADE DEFERRABLE')],
        comment: 'the table',
      },
    ),
  ],
  {
    sequences: [
      sequence('n_seq', 'n', { owner: { table: tableId('s', 't'), column: 'n', identity: false } }),
      sequence('M', null),
      sequence('t_k_seq', 'k'),
    ],
    types: [mood],
  },
);
