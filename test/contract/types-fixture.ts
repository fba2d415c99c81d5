// Every type that a run carries, each with values at its edges. The contract test takes every one of them through copy,
// stream and verification, and docs/types.md is printed from it.

export interface TypeEntry {
  /** As in CREATE TABLE, with search_path public. */
  readonly type: string;
  /** Texts that the type reads, each with another text that it prints. NULL is added where the type allows it. */
  readonly values: readonly string[];
  /** The form in which values are copied; every other way is by text. */
  readonly copied: 'binary' | 'text';
  /** It has an order, so that a primary key can be of this type. */
  readonly key: boolean;
  readonly notNull?: true;
  /** The oldest version that has the type, or that reads all of the values. */
  readonly since?: number;
}

export interface TypeGroup {
  readonly title: string;
  readonly note?: string;
  readonly entries: readonly TypeEntry[];
}

/** What users create; the types of the tables need it. */
export const USER_TYPES = `
CREATE SCHEMA "Own ""types""";
SET search_path = "Own ""types""", public;
CREATE TYPE "Mood" AS ENUM ('sad', 'it''s ok', 'back\\slash, "quoted"', '');
CREATE DOMAIN positive AS integer DEFAULT 7 CONSTRAINT above_zero CHECK (value > 0);
CREATE DOMAIN small_positive AS positive CHECK (value < 100);
CREATE DOMAIN required AS text COLLATE "C" NOT NULL;
CREATE DOMAIN short AS varchar(5);
CREATE DOMAIN padded AS char(4);
CREATE DOMAIN letter AS "char";
CREATE DOMAIN place AS point;
CREATE DOMAIN amounts AS numeric(8,2)[] CHECK (cardinality(value) < 9);
CREATE DOMAIN feeling AS "Mood" CHECK (value <> 'sad');
COMMENT ON TYPE "Mood" IS 'it''s how one feels';
COMMENT ON DOMAIN required IS 'back\\slash';
CREATE TYPE pair AS (a integer, gone integer, "B ""q""" text COLLATE "C");
ALTER TYPE pair DROP ATTRIBUTE gone;
CREATE TYPE nested AS (p pair, ps pair[], m "Mood", n positive, at timestamptz(3));
CREATE DOMAIN good_pair AS pair CHECK ((value).a > 0);
CREATE TYPE float_range AS RANGE (subtype = float8, subtype_diff = float8mi, multirange_type_name = many_floats);
CREATE TYPE text_range AS RANGE (subtype = text, collation = "C", subtype_opclass = text_pattern_ops);
CREATE DOMAIN some_floats AS float_range CHECK (NOT isempty(value));
CREATE TABLE public."Odd ""table""" (id integer PRIMARY KEY);
SET search_path = public;
`;

/** Extensions that come with PostgreSQL. */
export const EXTENSIONS: readonly string[] = ['citext', 'cube', 'hstore', 'intarray', 'isn', 'lo', 'ltree', 'seg'];

const own = (name: string): string => `"Own ""types""".${name}`;
const binary = (type: string, ...values: string[]): TypeEntry => ({ type, values, copied: 'binary', key: true });
const text = (type: string, ...values: string[]): TypeEntry => ({ ...binary(type, ...values), copied: 'text' });
const unordered = (entry: TypeEntry): TypeEntry => ({ ...entry, key: false });
const since = (version: number, entry: TypeEntry): TypeEntry => ({ ...entry, since: version });

const ALL_BYTES = `\\x${Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0')).join('')}`;
const SPECIAL = 'line\nbreak\ttab \\ "quote" \'single\' {brace,comma} (paren) \\N \\.';
// More than a page, and compressible by nobody.
const LARGE = Array.from({ length: 4_000 }, (_, index) => Math.imul(index + 1, 2_654_435_761).toString(36)).join(' ');

const NUMBERS: TypeGroup = {
  title: 'Numbers',
  entries: [
    binary('smallint', '-32768', '0', '32767'),
    binary('integer', '-2147483648', '0', '2147483647'),
    binary('bigint', '-9223372036854775808', '9007199254740993', '9223372036854775807'),
    binary(
      'numeric',
      'NaN',
      'Infinity',
      '-Infinity',
      '0',
      '0.000',
      '1.0',
      '1.00',
      '1e1000',
      '-1e-1000',
      '-123456789012345678901234567890.0123456789',
    ),
    binary('numeric(5,2)', '-999.99', '0.10', 'NaN'),
    since(15, binary('numeric(3,-2)', '-99900', '100')),
    since(15, binary('numeric(2,4)', '-0.0099', '0.0001')),
    binary('real', '0', '-0', '1e-45', '3.4028235e38', 'NaN', 'Infinity', '-Infinity', '0.1'),
    binary(
      'double precision',
      '0',
      '-0',
      '5e-324',
      '1.7976931348623157e308',
      'NaN',
      'Infinity',
      '-Infinity',
      '0.1',
      '0.30000000000000004',
    ),
    binary('money', '-92233720368547758.08', '0', '0.01', '92233720368547758.07'),
  ],
};

const TEXTS: TypeGroup = {
  title: 'Texts and bytes',
  entries: [
    binary('text', '', 'NULL', ' a ', SPECIAL, 'naïve 東京 🐘 e\u0301'),
    binary('character varying', '', '\\N', SPECIAL),
    binary('character varying(5)', '', 'a    ', '東京 🐘x'),
    binary('character(4)', '', 'ab', ' ab'),
    binary('bpchar', '', 'x y', SPECIAL),
    since(15, binary('"char"', '', 'a', '\\', '\\377')),
    binary('name', '', 'Odd "name"', 'x'.repeat(63)),
    unordered(text('xml', '', 'text &amp; no element', '<a b="1">&lt;x</a>', '<a/><b/>', '<!DOCTYPE a><a/>')),
    unordered(binary('json', '{"a":1, "a" : 2}', 'null', '1e400', '"\\u0000 \\u00e9"', ' [1 , 2]\n', `"${LARGE}"`)),
    binary(
      'jsonb',
      '{"b": 1, "a": [1.10, 1.1]}',
      'null',
      '12345678901234567890.12345678901234567890',
      '"\\u00e9 \\" \\\\"',
      '{}',
    ),
    unordered(text('jsonpath', '$', 'strict $."a b"[*] ? (@.c > 1.5 && @ like_regex "^x")', '$.*.size()')),
    text('tsvector', '', "a:1A,2B b 'c''d \\\\e':3", 'z'),
    text('tsquery', '', "!a & (b:*A | 'c''d') <2> e", 'z'),
    binary('bytea', '', '\\x00', ALL_BYTES),
    binary(
      'uuid',
      '00000000-0000-0000-0000-000000000000',
      'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11',
      'ffffffff-ffff-ffff-ffff-ffffffffffff',
    ),
    binary('bit', '0', '1'),
    binary('bit(9)', '000000000', '101010101', '111111111'),
    binary('bit varying', '', '0', '1'.repeat(65)),
    binary('bit varying(7)', '', '0', '1111111'),
    binary('boolean', 'true', 'false'),
  ],
};

const TIMES: TypeGroup = {
  title: 'Dates and times',
  entries: [
    binary('date', '4713-01-01 BC', '0044-03-15 BC', '2024-02-29', '5874897-12-31', 'infinity', '-infinity'),
    binary('time', '00:00', '23:59:59.999999', '24:00'),
    binary('time(0)', '00:00', '23:59:59'),
    binary('time with time zone', '00:00:00+15:59', '12:00:00.000001-03:30', '24:00:00-15:59'),
    binary(
      'timestamp',
      '4713-01-01 00:00:00 BC',
      '2024-01-01 00:00:00.000001',
      '294276-12-31 23:59:59.999999',
      'infinity',
      '-infinity',
    ),
    binary('timestamp(0)', '2024-01-01 00:00:00', '2024-01-01 00:00:01'),
    binary('timestamp(3)', '2024-01-01 00:00:00.001', '2024-01-01 00:00:00.01'),
    binary(
      'timestamp with time zone',
      '4713-01-01 00:00:00+00 BC',
      '2024-03-31 01:30:00+01',
      '294276-12-31 23:59:59.999999+00',
      'infinity',
      '-infinity',
    ),
    binary('timestamp(6) with time zone', '1883-11-18 12:03:57+00', '2024-01-01 00:00:00.000001+00'),
    text(
      'interval',
      '-178000000 years',
      '00:00:00',
      '24:00',
      '1 day',
      '-1 mons +2 days -03:04:05.600001',
      '-00:00:00.000001',
    ),
    since(17, text('interval(3)', 'infinity', '-infinity', '1.123')),
    text('interval year to month', '1-2', '-178000000-11'),
    text('interval day to second(2)', '1 02:03:04.56', '-3 00:00:00.01'),
  ],
};

const GEOMETRY: TypeGroup = {
  title: 'Shapes',
  entries: [
    text('point', '(1,-0)', '(NaN,Infinity)', '(5e-324,-1.7976931348623157e308)'),
    text('line', '{1,2,3}', '{0,-1,0.1}'),
    text('lseg', '[(0,0),(1,1)]', '[(-1,0.1),(1e300,1)]'),
    text('box', '(3,4),(1,2)', '(0,0),(0,0)'),
    text('path', '[(0,0),(1,1)]', '((0,0),(1,1))'),
    text('polygon', '((0,0),(1,1),(1,0))', '((0.1,0.2))'),
    text('circle', '<(0,0),0>', '<(-1,1e300),5>'),
  ].map(unordered),
};

const NETWORK: TypeGroup = {
  title: 'Network addresses',
  entries: [
    binary('inet', '0.0.0.0/0', '10.0.0.1/8', '10.0.0.1', '::1', '::ffff:1.2.3.4/100'),
    binary('cidr', '0.0.0.0/0', '10.0.0.0/8', 'fe80::/10'),
    binary('macaddr', '00:00:00:00:00:00', 'ff:ff:ff:ff:ff:ff'),
    binary('macaddr8', '00:00:00:00:00:00:00:00', 'ff:ff:ff:ff:ff:ff:ff:ff'),
  ],
};

const RANGES: TypeGroup = {
  title: 'Ranges and multiranges',
  entries: [
    text('int4range', 'empty', '(,)', '[1,5)', '[-2147483648,)'),
    text('int8range', 'empty', '[9007199254740993,9223372036854775807)'),
    text('numrange', '[1.0,1.00]', '[1.0,1.000]', '(,NaN)', '(-Infinity,5]'),
    text('tsrange', '["2024-01-01 00:00:00","2024-01-01 00:00:00.000001")', '[-infinity,infinity]', '(,)'),
    text('tstzrange', '["2024-01-01 00:00:00+00",infinity)', 'empty'),
    text('daterange', '[2024-01-01,2024-02-29]', '(,infinity)', 'empty'),
    text('int4multirange', '{}', '{[1,2),[5,)}'),
    text('int8multirange', '{}', '{(,)}'),
    text('nummultirange', '{}', '{[1.0,1.00],(5,)}'),
    text('tsmultirange', '{}', '{["2024-01-01 00:00:00","2024-01-02 00:00:00"]}'),
    text('tstzmultirange', '{}', '{["2024-01-01 00:00:00+00",)}'),
    text('datemultirange', '{}', '{[2024-01-01,2024-01-03),[2024-02-01,)}'),
  ],
};

const ARRAYS: TypeGroup = {
  title: 'Arrays',
  note: 'Of every type above and below, with any number of dimensions, any lower bounds, and NULLs inside.',
  entries: [
    binary('integer[]', '{}', '{1,NULL,3}', '[0:1]={1,2}', '{{1,2},{3,4}}', '[-1:0][2:3]={{1,2},{3,NULL}}'),
    binary('text[]', '{}', '{"",NULL,"NULL"}', '{"a,b","c\\"d","e\\\\f","{g}"," h "}', '{a\u2028,\u3000}', '{{{x}}}'),
    binary('character(3)[]', '{a,"b  ",NULL}', '{}'),
    binary('numeric(5,2)[]', '{1.5,NaN,NULL}', '{{-999.99}}'),
    binary('timestamp with time zone[]', '{"2024-01-01 00:00:00.000001+00",infinity}', '{NULL}'),
    binary('bytea[]', '{"\\\\x00ff","\\\\x"}', '{NULL}'),
    binary('jsonb[]', '{"{\\"a\\": 1}","null",NULL}', '{}'),
    binary('"char"[]', '{a,"",NULL}', '{}'),
    binary('money[]', '{$1.50,-$0.01}', '{NULL}'),
    binary('boolean[]', '{t,f,NULL}', '{{t},{f}}'),
    unordered(text('point[]', '{"(1,2)",NULL}', '{}')),
    unordered(text('box[]', '{(3,4),(1,2);(0,0),(0,0)}', '{NULL}')),
    unordered(text('xml[]', '{"<a b=\\"1\\"/>",NULL}', '{}')),
    text('int4range[]', '{"[1,5)",empty,NULL}', '{}'),
    text('interval[]', '{"1 day","-00:00:01"}', '{NULL}'),
  ],
};

const OWN: TypeGroup = {
  title: 'Types that users create',
  note: 'Enums, domains, composite types and ranges that a table uses are made on the target before the tables.',
  entries: [
    binary(own('"Mood"'), 'sad', "it's ok", 'back\\slash, "quoted"', ''),
    text(own('"Mood"[]'), '{sad,"it\'s ok",NULL,""}', '{"back\\\\slash, \\"quoted\\""}'),
    binary(own('positive'), '1', '2147483647'),
    binary(own('small_positive'), '1', '99'),
    { ...binary(own('required'), '', 'NULL', SPECIAL), notNull: true },
    binary(own('short'), '', 'abcde'),
    binary(own('padded'), 'ab', 'abcd'),
    binary(own('letter'), '', 'a', '\\'),
    unordered(text(own('place'), '(1,2)', '(-0,NaN)')),
    binary(own('amounts'), '{}', '{1.50,NULL}', '[0:0]={2.00}'),
    unordered(binary(own('feeling'), "it's ok", '')),
    text(own('positive[]'), '{1,NULL}', '{{2}}'),
    text(own('amounts[]'), '{"{1.50,2.00}","{}"}', '{NULL}'),
    text(own('pair'), '(1,"a,b")', '(,)', '(2,"")', '(3,"\\\\ ""q""")'),
    text(own('pair[]'), '{"(1,x)",NULL}', '{}'),
    text(own('nested'), '("(1,x)","{""(2,y)"",NULL}",sad,1,"2024-01-01 00:00:00.001+00")', '(,,,,)'),
    unordered(text(own('good_pair'), '(1,x)', '(2,)')),
    text(own('good_pair[]'), '{"(1,x)"}', '{NULL}'),
    text(own('float_range'), 'empty', '[-0,1.5)', '(,NaN]'),
    text(own('many_floats'), '{}', '{[0,1.5),(2,)}'),
    text(own('text_range'), '["a,""b""",c)', '(,)', 'empty'),
    text(own('float_range[]'), '{"[1,2)",empty,NULL}', '{}'),
    unordered(text(own('some_floats'), '[1,2]', '(,)')),
  ],
};

const SYSTEM: TypeGroup = {
  title: 'Numbers of the system',
  note: 'Carried as the values they are. An `oid` may stand for a large object: these are not carried, and preflight says so.',
  entries: [
    binary('oid', '0', '4294967295'),
    text('oidvector', '', '1 4294967295'),
    unordered(text('int2vector', '', '-1 0 32767')),
    unordered(text('xid', '0', '4294967295')),
    unordered(text('cid', '0', '4294967295')),
    text('xid8', '0', '18446744073709551615'),
    text('tid', '(0,1)', '(4294967295,65535)'),
    text('pg_lsn', '0/0', 'FFFFFFFF/FFFFFFFF'),
    unordered(text('pg_snapshot', '10:20:10,14,15', '1:1:')),
    unordered(text('txid_snapshot', '10:20:10,14,15', '1:1:')),
    unordered(text('refcursor', '', 'my cursor')),
  ],
};

const NAMES: TypeGroup = {
  title: 'Names of objects',
  note:
    'Stored as numbers of one server, carried by name: the run stops at an object that does not exist on the target, and' +
    ' goes on when it was made there. `regproc` and `regoper`, which do not say which of several functions or operators of a' +
    ' name is meant, are refused; `regprocedure` and `regoperator` hold the same values.',
  entries: [
    text('regclass', 'pg_catalog.pg_class', 'public."Odd ""table"""', '4000000000', '-'),
    text('regtype', 'integer', own('"Mood"'), own('"Mood"[]'), '-'),
    text('regprocedure', 'pg_catalog.sum(integer)', 'pg_catalog.sum(bigint)', '-'),
    text('regoperator', 'pg_catalog.+(integer,integer)', 'pg_catalog.-(NONE,integer)', '0'),
    text('regnamespace', 'pg_catalog', 'public', '-'),
    text('regrole', 'postgres', 'pg_monitor', '-'),
    text('regcollation', 'pg_catalog."C"', 'pg_catalog."default"', '-'),
    text('regconfig', 'pg_catalog.english', 'pg_catalog.simple', '-'),
    text('regdictionary', 'pg_catalog.english_stem', 'pg_catalog.simple', '-'),
    text('aclitem', 'postgres=arwd/postgres', '=r*/postgres'),
    text('regclass[]', '{pg_class,-,NULL}', '{}'),
  ].map(unordered),
};

const OF_EXTENSIONS: TypeGroup = {
  title: 'Types of extensions',
  note:
    'Every type of every extension travels by the text it prints and reads; these are tested. The extension must be on the' +
    ' target, in the same schema: preflight names the statement. Not as a key.',
  entries: [
    text('citext', '', 'Same', 'same', SPECIAL),
    text('citext[]', '{A,a,NULL}', '{}'),
    text('hstore', '', '"a"=>"1", "b"=>NULL', '"q\\"\\\\"=>"x, y"'),
    text('hstore[]', '{"\\"a\\"=>\\"1\\"",NULL}', '{}'),
    text('ltree', '', 'a.b.c', 'Top.x_1'),
    text('lquery', 'a.*{1,2}.!b', '*'),
    text('ltxtquery', 'a & !b@', 'c'),
    text('cube', '(1, 2),(3, 4)', '(0.1)', '(NaN)'),
    text('seg', '1.0', '1.00', '~5 .. <7', '2.5 ..'),
    text('isbn', '978-0-393-04002-9', '0-11-000533-3'),
    text('query_int', '1&(2|!3)', '4'),
    binary('lo', '1', '4294967295'),
  ].map(unordered),
};

export const TYPE_GROUPS: readonly TypeGroup[] = [
  NUMBERS,
  TEXTS,
  TIMES,
  NETWORK,
  GEOMETRY,
  RANGES,
  ARRAYS,
  OWN,
  SYSTEM,
  NAMES,
  OF_EXTENSIONS,
];
