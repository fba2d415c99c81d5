import { expect, test } from 'vitest';
import { globToPattern } from '../../src/databases/postgres/selection.ts';
import {
  betterType,
  canBeKey,
  handlingOf,
  isCopiedAsText,
  namesObjects,
  numbersObjects,
  ridesAsText,
  type TypeFacts,
  whyNotCarried,
} from '../../src/databases/postgres/types.ts';

const type = (name: string, facts: Partial<TypeFacts> = {}): TypeFacts => ({
  schema: 'pg_catalog',
  name,
  kind: 'b',
  origin: 'system',
  isArray: false,
  delimiter: ',',
  isRow: false,
  isCanonical: false,
  parts: [],
  ...facts,
});
const own = (name: string, kind: string, ...parts: TypeFacts[]): TypeFacts =>
  type(name, { schema: 'shop', origin: 'user', kind, parts });
const extension = (name: string, facts: Partial<TypeFacts> = {}): TypeFacts =>
  type(name, { schema: 'public', origin: 'extension', ...facts });
const array = (element: TypeFacts): TypeFacts =>
  type(`_${element.name}`, { schema: element.schema, isArray: true, parts: [element] });
const [int, text, mood] = [type('int4'), type('text'), own('mood', 'e')];
const pair = own('pair', 'c', int, text);

test.each([
  int,
  type('xml'),
  type('regclass'),
  mood,
  array(mood),
  own('positive', 'd', int),
  pair,
  own('nested', 'c', array(pair), own('positive', 'd', int)),
  own('floats', 'r', type('float8')),
  extension('hstore'),
  array(extension('hstore')),
])('$name is carried', (carried) => {
  expect(whyNotCarried(carried)).toBeNull();
});

test.each([
  [type('record', { kind: 'p' }), 'a pseudo-type'],
  [type('pg_node_tree'), 'a type whose text cannot be read back'],
  [type('pg_brin_bloom_summary'), 'a type whose text cannot be read back'],
  [type('regproc'), 'a type whose text does not say which of several is meant'],
  [own('people', 'c', int), null],
  [{ ...own('people', 'c', int), isRow: true }, 'the row type of a table'],
  [{ ...own('steps', 'r', int), isCanonical: true }, 'a range with a canonical function of its own'],
  [own('custom', 'b'), 'a base type that no extension provides'],
  [array(own('custom', 'b')), 'made of custom, which is a base type that no extension provides'],
  [
    own('p', 'c', int, own('d', 'd', type('regoper'))),
    'made of d, which is made of regoper, which is a type whose text',
  ],
])('%o is refused with the reason', (refused, reason) => {
  if (reason === null) expect(whyNotCarried(refused)).toBeNull();
  else expect(whyNotCarried(refused)).toContain(reason);
});

test('a refused type has a better one where the server has it', () => {
  expect([type('regproc'), type('regoper'), int].map(betterType)).toEqual(['regprocedure', 'regoperator', null]);
});

test('what an array of values would not come apart into rides as text', () => {
  const asText = (of: TypeFacts): boolean => ridesAsText({ handling: handlingOf(of) });
  expect([int, mood, own('d', 'd', array(int)), own('r', 'r', int)].map(asText)).toEqual([false, false, false, false]);
  const apart = [
    array(int),
    pair,
    own('d', 'd', pair),
    type('box', { delimiter: ';' }),
    extension('geometry', { delimiter: ':' }),
  ];
  expect(apart.map(asText)).toEqual(apart.map(() => true));
});

test('a binary form is used where it names no type by number and is the same in every version', () => {
  const isBinary = (of: TypeFacts): boolean => !isCopiedAsText({ handling: handlingOf(of) });
  const binary = [int, mood, own('d', 'd', mood), own('d', 'd', array(int)), array(int)];
  expect(binary.map(isBinary)).toEqual(binary.map(() => true));
  const asText = [
    array(mood),
    array(own('d', 'd', int)),
    pair,
    own('r', 'r', int),
    extension('hstore'),
    type('interval'),
  ];
  // The system's own, and yet made anew by every initdb.
  asText.push(array(type('cardinal_number', { schema: 'information_schema', kind: 'd', parts: [int] })));
  expect(asText.map(isBinary)).toEqual(asText.map(() => false));
});

test('names and numbers of objects are found at any depth', () => {
  expect([type('regclass'), own('c', 'c', int, array(type('aclitem'))), int].map(namesObjects)).toEqual([
    true,
    true,
    false,
  ]);
  expect([type('oid'), extension('lo', { kind: 'd' }), own('d', 'd', type('oid')), int].map(numbersObjects)).toEqual([
    true,
    true,
    true,
    false,
  ]);
});

test('a key is of a type that the operators of the system compare', () => {
  const keys = [int, mood, pair, own('r', 'r', int), own('d', 'd', int), own('d', 'd', array(mood))];
  expect(keys.map(canBeKey)).toEqual(keys.map(() => true));
  const none = [extension('citext'), own('d', 'd', own('e', 'd', extension('citext')))];
  for (const base of [mood, pair, own('r', 'r', int)]) none.push(own('d', 'd', base));
  expect(none.map(canBeKey)).toEqual(none.map(() => false));
});

test('a glob matches the whole name, and everything but * and ? stands for itself', () => {
  expect(globToPattern('shop.*')).toBe('^shop\\..*$');
  expect(globToPattern('a\\*\\?\\\\b\\')).toBe('^a\\*\\?\\\\b\\\\$');
  expect(globToPattern('a?[b]+"é_1')).toBe('^a.\\[b\\]\\+\\"é_1$');
});
