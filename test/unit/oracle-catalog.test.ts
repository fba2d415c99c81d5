// Schemas of PostgreSQL and MySQL in Oracle's words: what is carried, and what is named as left behind.

import { describe, expect, it } from 'vitest';
import { idOf } from '../../src/convert/in-turn.ts';
import { OracleNames } from '../../src/convert/oracle-names.ts';
import type { TableDefinition } from '../../src/model/catalog.ts';
import { tableId } from '../../src/model/table.ts';
import { catalog, column, constraint, generated, object, table } from './catalog-fixture.ts';
import { convert, OF_MYSQL, OF_POSTGRES } from './oracle-catalog-fixture.ts';

const shown = (definition: TableDefinition | undefined) =>
  definition?.columns.map(({ name, type, notNull, defaultExpression, identity }) =>
    [name, type, notNull ? 'NOT NULL' : '', identity ?? '', defaultExpression ?? ''].join(' ').trimEnd(),
  );
const texts = (list: readonly { readonly name: string; readonly definition: string }[] | undefined) =>
  list?.map(({ name, definition }) => `${name}: ${definition}`);
const handling = (definition: TableDefinition | undefined) =>
  definition?.table.columns.map(({ name, handling }) => [name, ...(handling ?? [])].join(' | '));

describe('from MySQL', () => {
  const { catalog: found, first, told, target, findings } = convert('mysql', OF_MYSQL);

  it('columns have the types that their own become, defaults, and names in capitals', () => {
    expect([first?.table.schema, first?.table.name, first?.table.id, target.schemas]).toEqual(['S', 'T', 's.t', ['S']]);
    expect(shown(first)).toEqual([
      'ID NUMBER(20) NOT NULL by default',
      'DAY DATE NOT NULL',
      'CODE VARCHAR2(20 CHAR)',
      "NAME VARCHAR2(900 CHAR)   'it''s'",
      'MOOD VARCHAR2(4 CHAR)',
      'PAID NUMBER(3) NOT NULL  0',
      'FLAG NUMBER(1)   1',
      "FLAGS RAW(2)   HEXTORAW('0005')",
      'AT TIMESTAMP(3) WITH TIME ZONE   SYSTIMESTAMP',
      'NOTED CLOB',
      'RAW RAW(16)',
      'ODD NUMBER(10)',
      'TWICE NUMBER(10)',
    ]);
    expect(first?.columns.at(-1)?.generated).toEqual({ expression: '("ID" * 2)', stored: false });
    expect(first?.table.columns.map(({ castType }) => castType).slice(7, 9)).toEqual([
      'RAW',
      'TIMESTAMP WITH TIME ZONE',
    ]);
    expect(target.sequences).toMatchObject([{ owner: { column: 'ID', identity: true } }]);
  });

  it('values travel in the forms that each side knows by itself', () => {
    expect(handling(found.tables[0])).toEqual([
      'id | as plain',
      'day | as date',
      'code | as plain | empty is null',
      'name | as plain | empty is null',
      'mood | as plain | empty is null',
      'paid | as plain',
      'flag | as boolean bit',
      'flags | as bits(11)',
      'at | as instant',
      'noted | as plain | empty is null',
      'raw | as bytes | empty is null',
      'odd | as plain',
    ]);
    expect(handling(first)).toEqual([
      'ID | as plain',
      'DAY | as date',
      'CODE | as plain',
      'NAME | as plain',
      'MOOD | as plain',
      'PAID | as plain',
      'FLAG | as boolean',
      'FLAGS | as bits(11)',
      'AT | as instant',
      'NOTED | as plain',
      'RAW | as bytes',
      'ODD | as plain',
    ]);
  });

  it('keys, indexes, checks and foreign keys are written in its words', () => {
    expect(texts([first!.key!, ...first!.uniqueConstraints, ...first!.foreignKeys])).toEqual([
      'T_PKEY: PRIMARY KEY ("ID")',
      'T_WHOLE: UNIQUE ("ID", "DAY")',
      'T_NAMED: UNIQUE ("NAME")',
      'T_SELF: FOREIGN KEY ("ID") REFERENCES "S"."T" ("ID") ON DELETE SET NULL',
    ]);
    // Two rows with the same day and no code are not equal to MySQL.
    const whole = 'CASE WHEN "CODE" IS NOT NULL THEN';
    expect(texts(first?.indexes)).toEqual([
      `T_PARTLY: CREATE UNIQUE INDEX "S"."T_PARTLY" ON "S"."T" (${whole} "DAY" END, ${whole} "CODE" END)`,
      'T_UNLIKE: CREATE UNIQUE INDEX "S"."T_UNLIKE" ON "S"."T" (SUBSTR("CODE", 1, 3))',
      'T_PLAIN: CREATE INDEX "S"."T_PLAIN" ON "S"."T" ("ID", "DAY" DESC)',
      'T_PART: CREATE INDEX "S"."T_PART" ON "S"."T" ("CODE")',
    ]);
    expect(texts(first?.checks)).toEqual([
      `T_MOOD_CHECK: CHECK ("MOOD" IN ('it''s'))`,
      'T_FLAG_CHECK: CHECK ("FLAG" IN (0, 1))',
      `T_POSITIVE: CHECK ((("ID" > 0) AND ("CODE" <> 'x')))`,
      `T_LATER: CHECK (("DAY" > DATE '2020-01-01'))`,
    ]);
  });

  it('what stays behind, or is another there, is named, and nothing is said of PostgreSQL', () => {
    expect(found.notCarried).toEqual([
      'view s.v',
      ...['generated column sum', 'default of odd', 'check named', 'index words'].map((what) => `${what} on s.t`),
      ...['index again', 'index large', 'check filled'].map((what) => `${what} on s.t`),
    ]);
    expect(told).toEqual([
      'warning CONVERT_COLLATION s.t named',
      'warning CONVERT_ON_UPDATE s.t.day',
      'info CONVERT_VALUES s.t',
      'warning CONVERT_EMPTY s.t',
      'info CONVERT_EMPTY s.t',
      'info CONVERT_CONSTRAINT s.t t_partly',
      'warning CONVERT_CONSTRAINT s.t t_self',
    ]);
    expect(JSON.stringify(findings)).not.toContain('PostgreSQL');
  });

  it('a type that is chosen is of Oracle, and what cannot hold the values is refused', () => {
    const chosen = convert('mysql', OF_MYSQL, {
      columns: {
        's.t.id': 'NUMBER(30)',
        's.t.paid': 'NUMBER(1)',
        's.t.raw': 'NUMBER(9)',
        's.t.at': 'TIMESTAMP(3)',
        's.t.none': 'CLOB',
      },
    });
    expect(texts(chosen.first?.checks)).toContain(`T_POSITIVE: CHECK ((("ID" > 0) AND ("CODE" <> 'x')))`);
    expect(shown(chosen.first)?.filter((each) => /^(ID|PAID|AT) /.test(each))).toEqual([
      'ID NUMBER(30) NOT NULL by default',
      'PAID NUMBER(1) NOT NULL  0',
      'AT TIMESTAMP(3)   SYS_EXTRACT_UTC(SYSTIMESTAMP)',
    ]);
    expect(chosen.told.filter((each) => each.startsWith('error'))).toEqual([
      'error CONVERT_COLUMN s.t.none',
      'error CONVERT_COLUMN s.t.raw',
    ]);
  });

  it('an empty text becomes NULL, is refused or another text, for all columns or for single ones', () => {
    const options = { emptyText: 'refuse', emptyColumns: { 's.t.name': 'sentinel', 's.t.code': 'relaxNotNull' } };
    const { first, catalog, told } = convert('mysql', OF_MYSQL, options);
    expect(handling(first)?.filter((each) => each.includes('empty'))).toEqual([
      'NAME | as plain | empty is " "',
      'MOOD | as plain | empty is refused',
      'NOTED | as plain | empty is refused',
      'RAW | as bytes | empty is refused',
    ]);
    expect(handling(catalog.tables[0])?.filter((each) => each.includes('empty'))).toEqual([
      'code | as plain | empty is null',
      'name | as plain | empty is " "',
      'mood | as plain | empty is refused',
      'noted | as plain | empty is refused',
      'raw | as bytes | empty is refused',
    ]);
    expect(shown(first)).toContain("NAME VARCHAR2(900 CHAR) NOT NULL  'it''s'");
    expect(told.filter((each) => each.includes('EMPTY'))).toEqual(['info CONVERT_EMPTY s.t', 'info CONVERT_EMPTY s.t']);
    const labels = convert('mysql', OF_MYSQL, { emptyText: 'sentinel', emptySentinel: '-' }).first;
    expect(texts(labels?.checks)?.[0]).toBe(`T_MOOD_CHECK: CHECK ("MOOD" IN ('it''s', '-'))`);
    expect(shown(labels)).toContain("MOOD VARCHAR2(4 CHAR)   '-'");
    const missing = convert('mysql', OF_MYSQL, { emptyColumns: { 's.t.none': 'refuse' } });
    expect(missing.findings.find(({ level }) => level === 'error')?.message).toContain('convert.emptyColumns');
  });

  it('a trigger that a finding prints has a name that the server takes', () => {
    const settings = ['ON UPDATE CURRENT_TIMESTAMP'];
    const long = catalog([
      table([column('id', 'int'), column('changed_at', 'datetime', { settings })], {}, 'old_customers'),
    ]);
    const nameWith = (longestName: number): string =>
      convert('mysql', long, { longestName })
        .findings.map(({ cure }) => /TRIGGER "S"."(\w+)"/.exec(cure ?? '')?.[1])
        .join('');
    expect(nameWith(128)).toBe('OLD_CUSTOMERS_CHANGED_AT_ON_UPDATE');
    expect(nameWith(30)).toMatch(/^OLD_CUSTOMERS_CHANGED_[0-9A-F]{8}$/);
  });

  it('in a key an empty text is never NULL', () => {
    const keyed = catalog([
      table([column('code', 'varchar(9)', { notNull: true })], { key: constraint('PRIMARY', 'PRIMARY KEY (`code`)') }),
    ]);
    const { first, catalog: found } = convert('mysql', keyed);
    expect([handling(first), handling(found.tables[0]), shown(first)]).toEqual([
      ['CODE | as plain | empty is refused'],
      ['code | as plain | empty is refused'],
      ['CODE VARCHAR2(9 CHAR) NOT NULL'],
    ]);
  });
});

describe('from PostgreSQL', () => {
  const { catalog: found, first, told, target } = convert('postgres', OF_POSTGRES);

  it('columns have types, defaults and one that Oracle numbers', () => {
    expect(shown(first)).toEqual([
      'ID VARCHAR2(1000 CHAR) NOT NULL',
      'N NUMBER(10) NOT NULL by default',
      'M NUMBER(10)   "S"."M".NEXTVAL',
      'K NUMBER(10) NOT NULL  "S"."T_K_SEQ".NEXTVAL',
      'B NUMBER(1)   1',
      'U RAW(16)   SYS_GUID()',
      'TS TIMESTAMP(6) WITH TIME ZONE   SYSTIMESTAMP',
      'UTS TIMESTAMP(6) NOT NULL',
      'AT TIMESTAMP(6)   LOCALTIMESTAMP',
      "T INTERVAL DAY(3) TO SECOND(6)   INTERVAL '0 10:00:00' DAY TO SECOND",
      'NUM NUMBER',
      'PRICE NUMBER(12,2)   1.50',
      "E VARCHAR2(3 CHAR)   'ok'",
      'NAME VARCHAR2(80 CHAR)',
      "D DATE   DATE '2020-01-01'",
      "JS CLOB   '{}'",
      'RAW BLOB',
      'PARENT VARCHAR2(1000 CHAR)',
      'GEN NUMBER(10)',
      'BOTH NUMBER(1)',
    ]);
    expect(first?.columns.flatMap(({ generated }) => generated?.expression ?? [])).toEqual([
      '("N" * 2)',
      'CASE WHEN (("B" = 1) AND ("N" > 3)) THEN 1 WHEN NOT (("B" = 1) AND ("N" > 3)) THEN 0 END',
    ]);
    expect(target.sequences.map(({ name, owner }) => [name, owner?.column, owner?.identity])).toEqual([
      ['N_SEQ', 'N', true],
      ['M', undefined, undefined],
      ['T_K_SEQ', 'K', false],
    ]);
  });

  it('the source compares an empty text and bytes as NULL, and numbers by what they mean', () => {
    expect(handling(found.tables[0])?.filter((each) => each.includes('|'))).toEqual([
      'id | empty is refused',
      'num | compared as a number',
      'name | empty is null',
      'raw | empty is null',
      'parent | empty is null',
    ]);
  });

  it('keys, indexes, checks and foreign keys are written in its words', () => {
    expect(texts([first!.key!, ...first!.uniqueConstraints, ...first!.foreignKeys])).toEqual([
      'T_PKEY: PRIMARY KEY ("ID")',
      'T_U: UNIQUE ("UTS", "N") DEFERRABLE INITIALLY DEFERRED',
      'T_FK: FOREIGN KEY ("PARENT") REFERENCES "S"."T" ("ID") ON DELETE CASCADE DEFERRABLE',
    ]);
    const whole = 'CASE WHEN "PRICE" IS NOT NULL AND "D" IS NOT NULL THEN';
    expect(texts(first?.indexes)).toEqual([
      `T_X: CREATE UNIQUE INDEX "S"."T_X" ON "S"."T" (${whole} "PRICE" END, ${whole} "D" END)`,
      'T_NAME: CREATE INDEX "S"."T_NAME" ON "S"."T" ("NAME" DESC, SUBSTR("ID", 1, 750))',
    ]);
    expect(texts(first?.checks)).toEqual([
      'T_B_CHECK: CHECK ("B" IN (0, 1))',
      `T_E_CHECK: CHECK ("E" IN ('ok', 'bad'))`,
      'T_JS_CHECK: CHECK ("JS" IS JSON)',
      'C1: CHECK ((("B" = 1) OR ("N" > 3)))',
      `C2: CHECK (("NAME" IN ('a', 'b')))`,
      `C4: CHECK ((("AT" >= TIMESTAMP '2020-01-01 00:00:00') AND (NOT ("B" = 1))))`,
      'C5: CHECK (("NUM" BETWEEN 0 AND 9))',
    ]);
    expect(found.notCarried).toEqual(
      [
        'generated column joined',
        'constraint t_late',
        'constraint t_again',
        'index t_raw',
        'index t_low',
        'index t_some',
        'check c3',
        'check c6',
      ].map((what) => `${what} on s.t`),
    );
    expect(told).toContain('warning CONVERT_EMPTY s.t');
  });

  it('a check of what is NULL is made only where Oracle has the same values NULL', () => {
    const checked = (type: string, check: string, options: object = {}) =>
      texts(
        convert(
          'postgres',
          catalog([table([column('id', 'integer'), column('a', type)], { checks: [object('c', `CHECK (${check})`)] })]),
          options,
        ).first?.checks,
      );
    const text = 'character varying(9)';
    expect(checked(text, '(a IS NOT NULL)')).toEqual([]);
    expect(checked(text, `((COALESCE(a, 'x'::character varying))::text IS NOT NULL)`)).toEqual([]);
    expect(checked(text, '(COALESCE(length((a)::text), 0) < 4)')).toEqual([]);
    expect(checked(text, '(length((a)::text) < 4)')).toEqual(['C: CHECK ((LENGTH("A") < 4))']);
    expect(checked(text, '(a IS NOT NULL)', { emptyText: 'refuse' })).toEqual(['C: CHECK (("A" IS NOT NULL))']);
    expect(checked('integer', '(COALESCE(a, 0) < 4)')).toEqual(['C: CHECK ((COALESCE("A", 0) < 4))']);
  });

  it('of two indexes over one list the unique one is made', () => {
    const indexes = [
      object('a_plain', 'CREATE INDEX a_plain ON s.t USING btree (a)'),
      object('a_unique', 'CREATE UNIQUE INDEX a_unique ON s.t USING btree (a)'),
    ];
    const { first, catalog: found } = convert('postgres', catalog([table([column('a', 'integer')], { indexes })]));
    expect(texts(first?.indexes)).toEqual(['A_UNIQUE: CREATE UNIQUE INDEX "S"."A_UNIQUE" ON "S"."T" ("A")']);
    expect(found.notCarried).toEqual(['index a_plain on s.t']);
  });

  it('a truth value may become one of 23ai, in no key, and is in no check or expression', () => {
    const columns = [
      column('a', 'boolean', { defaultExpression: 'false' }),
      column('g', 'boolean', generated('(NOT a)')),
    ];
    const asked = { columns: { 's.t.a': 'boolean' } };
    const { first, catalog: found } = convert('postgres', catalog([table(columns)]), asked);
    expect([shown(first), first?.checks, handling(first)]).toEqual([['A BOOLEAN   FALSE'], [], ['A | as boolean']]);
    expect(found.notCarried).toEqual(['generated column g on s.t']);
    const keyed = table([column('a', 'boolean', { notNull: true })], { key: constraint('k', 'PRIMARY KEY (a)') });
    const { findings } = convert('postgres', catalog([keyed]), asked);
    expect(findings.map(({ message }) => message)).toEqual([
      'it is in a key or unique constraint, where Oracle takes no boolean',
    ]);
  });

  it('partitioned tables are refused', () => {
    const parent = { id: tableId('s', 'p'), schema: 's', name: 'p' };
    const part = table([column('a', 'integer')], { partitionOf: { parent, bound: 'FOR VALUES IN (1)' } });
    expect(convert('postgres', catalog([part])).told).toEqual(['error CONVERT_PARTITIONED s.t']);
  });
});

describe('names', () => {
  it('that are the same in capitals, too long or kept by Oracle get a mark, which is told', () => {
    const long = 'é'.repeat(65);
    const alike = catalog([
      table([column('a', 'integer'), column('A', 'integer'), column('rowid', 'integer'), column(long, 'integer')]),
      table([column('a', 'integer')], {}, 'T'),
      table([column('a"b', 'integer')], {}, 'straße'),
    ]);
    const { target, told } = convert('postgres', alike);
    const [first, second, third] = target.tables;
    expect(first?.columns.map(({ name }) => name)).toEqual([
      'A',
      expect.stringMatching(/^A_[0-9A-F]{8}$/),
      expect.stringMatching(/^ROWID_[0-9A-F]{8}$/),
      expect.stringMatching(/^É{59}_[0-9A-F]{8}$/),
    ]);
    expect(second?.table.name).toMatch(/^T_[0-9A-F]{8}$/);
    expect([third?.table.name, third?.columns[0]?.name]).toEqual(['STRAßE', 'A_B']);
    expect(told.map((each) => each.replace(/é+/, 'é'))).toEqual([
      'warning CONVERT_NAME s.t.A',
      'warning CONVERT_NAME s.t.rowid',
      'warning CONVERT_NAME s.t.é',
      'warning CONVERT_NAME s."T"',
      'warning CONVERT_NAME s."straße".a"b',
    ]);
    const names = new OracleNames(9);
    names.in('space', 'origin', 'Name');
    expect(['other', 'NAME', 'rowid', 'a_long_name', 'a"b'].map((name) => names.obstacle('space', name))).toEqual([
      undefined,
      'in capitals it is the name of Name as well',
      'Oracle keeps this name for itself',
      'it has 11 bytes, and 9 are taken',
      'Oracle takes no quotation mark in a name',
    ]);
  });

  it('of constraints are given once in a schema, and are of the length that the plan says', () => {
    const one = table([column('a', 'integer')], { checks: [object('positive', 'CHECK ((a > 0))')] });
    const other = table([column('a', 'integer')], { checks: [object('Positive', 'CHECK ((a > 0))')] }, 'u');
    const { target } = convert('postgres', catalog([one, other]));
    expect(target.tables.map(({ checks }) => checks[0]?.name)).toEqual([
      'POSITIVE',
      expect.stringMatching(/^POSITIVE_[0-9A-F]{8}$/),
    ]);
    const short = new OracleNames(30);
    const name = short.in('space', 'origin', 'a_name_that_is_longer_than_thirty_bytes');
    expect([name, name.length]).toEqual([expect.stringMatching(/^A_NAME_THAT_IS_LONGER_[0-9A-F]{8}$/), 30]);
  });

  it('of a table that joins leave those of the others as they are', () => {
    const small = table([column('a', 'integer')], {}, 'u');
    const large = table([column('a', 'integer')], {}, 'U');
    const before = convert('postgres', catalog([large])).target.tables;
    const after = convert('postgres', catalog([small, large]), {}, [{ schema: 's', name: 'u' }]).target.tables;
    expect(before.map(({ table }) => table.name)).toEqual(['U']);
    expect(after.map((each) => [idOf(each), each.table.name])).toEqual([
      ['s.u', expect.stringMatching(/^U_[0-9A-F]{8}$/)],
      ['s."U"', 'U'],
    ]);
  });
});
