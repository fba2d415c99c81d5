// docs/types.md, from the table of types that the contract tests take through every part of a run, and from the tables that
// convert between engines.

import { MYSQL_TYPES as MYSQL_FOR_ORACLE, oracleTypeOfMysql } from '../src/convert/mysql-to-oracle.ts';
import { MYSQL_TYPES, mappedType } from '../src/convert/mysql-to-postgres.ts';
import type { OracleType } from '../src/convert/oracle-types.ts';
import { mysqlType, OTHER_TYPES, POSTGRES_TYPES, resolvedType } from '../src/convert/postgres-to-mysql.ts';
import { oracleTypeOfPostgres, POSTGRES_TYPES as POSTGRES_FOR_ORACLE } from '../src/convert/postgres-to-oracle.ts';
import { planSchema } from '../src/plan/plan.ts';
import { TYPE_GROUPS, type TypeEntry } from '../test/contract/types-fixture.ts';
import { heading, table } from './markdown.ts';

const LONGEST = 48;

export function typesPage(): string {
  const sections = TYPE_GROUPS.map(({ title, note, entries }) =>
    [
      `## ${title}\n`,
      ...(note === undefined ? [] : [`${note}\n`]),
      table(['type', 'copied as', 'as a key', 'values in the test'], entries.map(row)),
    ].join('\n'),
  );
  return [
    heading('Types', 'src/convert and test/contract/types-fixture.ts'),
    '[Between two databases of PostgreSQL](#between-two-databases-of-postgresql) ·' +
      ' [from MySQL and MariaDB to PostgreSQL](#from-mysql-and-mariadb-to-postgresql) ·' +
      ' [from PostgreSQL to MySQL](#from-postgresql-to-mysql) ·' +
      ' [from MySQL and MariaDB to MySQL](#from-mysql-and-mariadb-to-mysql) ·' +
      ' [from PostgreSQL to Oracle](#from-postgresql-to-oracle) ·' +
      ' [from MySQL and MariaDB to Oracle](#from-mysql-and-mariadb-to-oracle)\n',
    '# Between two databases of PostgreSQL\n',
    'Each line is a test: these values, and NULL, go through the copy, through the log as sets and row by row, and through' +
      ' verification, between databases whose defaults for printing values differ. Values travel as the text that the server' +
      ' prints for them; only the copy of a table whose columns all allow it is binary.\n',
    '"As a key" says whether a primary key of the type is tested; a dash means that the type has no order in PostgreSQL, or' +
      ' is refused as a key.\n',
    sections.join('\n'),
    REFUSED,
    toPostgres(),
    toMysql(),
    BETWEEN_MYSQLS,
    fromPostgresToOracle(),
    fromMysqlToOracle(),
    TO_ORACLE,
  ].join('\n');
}

const CHOSEN =
  'A plan chooses for all columns in `convert`, and for single ones in `convert.columns`: only what can hold the values. A value' +
  ' that is refused stops the run; nothing is rounded, cut or made NULL in silence.\n';

function toPostgres(): string {
  const options = planSchema.shape.convert.parse({});
  const rows = MYSQL_TYPES.map(({ shown: name, example, choices, note = '' }) => {
    const mapped = mappedType({ type: example }, options);
    const becomes = mapped === undefined ? 'must be chosen' : `${code(example)} → ${code(mapped.type)}`;
    return [name, becomes, choices.map((choice) => code(choice.shown)).join(' '), note];
  });
  return [
    '# From MySQL and MariaDB to PostgreSQL\n',
    CHOSEN,
    table(['type', 'becomes', 'or', 'note'], rows),
    TO_POSTGRES,
  ].join('\n');
}

function toMysql(): string {
  const rows = POSTGRES_TYPES.map(({ shown: name, example, choices, note = '' }) => {
    const mapped = mysqlType(resolvedType(example, []), {});
    const refused = mapped?.refuses === undefined ? '' : `refused: ${mapped.refuses}`;
    return [
      name,
      `${code(example)} → ${code(mapped?.type ?? '')}`,
      choices.map((choice) => code(choice.shown)).join(' '),
      [note, refused].filter((text) => text !== '').join('; '),
    ];
  });
  const others = [OTHER_TYPES.shown, code('longtext'), code('varchar(n)'), 'the text that PostgreSQL prints'];
  const enums = ['enum', code('enum(…)'), code('varchar(n)'), 'a text where a label is empty or ends with a blank'];
  const domains = ['domain', 'what it is made of', '', 'without its checks'];
  return [
    '# From PostgreSQL to MySQL\n',
    CHOSEN,
    table(['type', 'becomes', 'or', 'note'], [...rows, enums, domains, others]),
    TO_MYSQL,
  ].join('\n');
}

interface OracleRule {
  readonly shown: string;
  readonly example: string;
  readonly choices: readonly { readonly shown: string }[];
  readonly note?: string;
}

function oracleRow({ shown: name, example, choices, note = '' }: OracleRule, made: OracleType | undefined) {
  const refused = made?.refuses === undefined ? '' : `refused: ${made.refuses}`;
  return [
    name,
    `${code(example)} → ${code(made?.type ?? '')}`,
    choices.map((choice) => code(choice.shown)).join(' '),
    [note, refused].filter((text) => text !== '').join('; '),
  ];
}

function fromPostgresToOracle(): string {
  const rows = POSTGRES_FOR_ORACLE.map((rule) =>
    oracleRow(rule, oracleTypeOfPostgres(resolvedType(rule.example, []), {})),
  );
  const others = [OTHER_TYPES.shown, code('CLOB'), code('VARCHAR2(n CHAR)'), 'the text that PostgreSQL prints'];
  const enums = [
    'enum',
    code('VARCHAR2(n CHAR)'),
    `${code('VARCHAR2(n CHAR)')} ${code('CLOB')}`,
    'with a check for its labels',
  ];
  const domains = ['domain', 'what it is made of', '', 'without its checks'];
  return [
    '# From PostgreSQL to Oracle\n',
    CHOSEN,
    table(['type', 'becomes', 'or', 'note'], [...rows, enums, domains, others]),
  ].join('\n');
}

function fromMysqlToOracle(): string {
  const options = planSchema.shape.convert.parse({});
  const rows = MYSQL_FOR_ORACLE.map((rule) => oracleRow(rule, oracleTypeOfMysql({ type: rule.example }, {}, options)));
  return ['# From MySQL and MariaDB to Oracle\n', CHOSEN, table(['type', 'becomes', 'or', 'note'], rows)].join('\n');
}

function row({ type, copied, key, values, since }: TypeEntry): readonly string[] {
  const name = since === undefined ? code(type) : `${code(type)} (from PostgreSQL ${since})`;
  return [name, copied, key ? 'yes' : '-', values.map(shown).join(' ')];
}

/** JSON keeps what cannot be seen visible. */
function shown(value: string): string {
  const text = JSON.stringify(value).slice(1, -1).replaceAll('\\"', '"').replaceAll('\\\\', '\\');
  if (text !== text.trim()) return code(`"${text}"`);
  return code(text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text);
}

function code(text: string): string {
  return text === '' ? '(empty)' : `\`${text}\``;
}

const REFUSED = `## Refused

Preflight names the column, the reason and the cure.

- the row type of a table, and types made of one
- a range with a canonical function of its own, and base types written in C that belong to no extension
- \`regproc\` and \`regoper\`; the server's own \`pg_node_tree\`, \`pg_ndistinct\` and the like, which no client can write

## What is not what it seems

- \`xml\`: an encoding declaration is not part of the text that PostgreSQL prints, so it is gone on the target.
- A key of a type of an extension (\`citext\`), of a domain over an enum, a composite type or a range, or of a text with a
  nondeterministic collation does not tell rows apart for the run: the table is carried like one without a key.
- A domain's check that was never validated is made on the target when the rows are there. A row that breaks it and is changed in
  the meantime stops the run, as it would stop the application.
- A type, a label or an extension that changes on the source during a run stops it like any other change of the schema.
`;

const TO_POSTGRES = `## What else changes

- Names of indexes and constraints get their table's name before them: in PostgreSQL they are unique in a schema.
- Checks and generated columns are carried where both engines mean the same: comparisons, arithmetic but division, \`coalesce\`,
  \`concat\`, lengths; texts only with a collation that ends with \`_bin\`. Generated columns are stored. The rest is listed.
- An index on the first characters of a column is one on the whole column where that is short, else on \`left(…)\`. Full text, spatial
  and functional indexes are listed.
- A unique key over texts without regard to case or accents is weaker in PostgreSQL unless
  \`convert.caseInsensitive\` is \`icu\`, and \`ON UPDATE CURRENT_TIMESTAMP\` is not there: preflight warns of both, and offers a trigger.
`;

const TO_MYSQL = `## What else changes

- Texts get the collation \`utf8mb4_0900_bin\`: texts that differ stay different, in keys as well.
- A sequence becomes AUTO_INCREMENT where it numbers one whole-number column that an index begins with; others are listed.
- Partitions and heirs are refused. Indexes over expressions, for some rows or of other kinds than btree are listed, and so are
  constraints that are deferrable or exclude.
- Checks and generated columns: as above, texts for equality only.
- A moment with a time zone is kept in UTC; its default is \`utc_timestamp\`.
`;

const BETWEEN_MYSQLS = `# From MySQL and MariaDB to MySQL

Types stay as they are. Of MariaDB \`uuid\` becomes \`char(36)\`, \`inet4\` and \`inet6\` their texts, and \`json\` stays the \`longtext\` with
a check that it is there. Collations that MySQL does not have become the nearest that it has, with a warning; defaults and checks that
MySQL may not know are listed. What is in a \`json\` travels as text: a decimal in it becomes the double that is the same number, or stops
the run where there is none; dates and bytes in it become texts.
`;

const TO_ORACLE = `# What else changes in Oracle

- An empty text, or no bytes at all, is NULL to Oracle: \`convert.emptyText\` says what becomes of it. Verification takes the two for
  one where the plan does, and tells how many there were; in a key an empty text stops the run unless another text stands for it.
- Names are in capitals, so that they need no quotes there. What would be called the same, is too long (\`convert.longestName\`) or is
  \`ROWID\` gets a mark at its end, with a warning that tells the name. A schema, or a database of MySQL, is a user of that name.
- A text in a key or unique constraint becomes a \`VARCHAR2\` that fits an index, and what refers to it as well; a \`CLOB\` or \`BLOB\` is in
  no index: its index is listed.
- A unique constraint over several columns, one of which may be NULL, becomes a unique index over expressions: Oracle would take
  rows for equal that have the same values and a NULL beside them. A reference to such a constraint is listed.
- Sequences are carried. The first column of a table that has one becomes an identity column, others draw from theirs by default.
- Checks and generated columns are carried where they mean the same: comparisons, arithmetic but division, \`coalesce\`, lengths; not what
  compares with an empty text, joins texts or asks whether what may become NULL is. Generated columns are virtual.
- There is no ON UPDATE of a foreign key, and no time of update: preflight warns of both, and offers a trigger for the latter.
- Partitions and heirs are refused. Full text, spatial and functional indexes, those for some rows only, and a second index over the
  same columns are listed.
`;
