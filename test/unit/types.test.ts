import { expect, test } from 'vitest';
import { globToPattern } from '../../src/databases/postgres/selection.ts';
import { type TypeFacts, whyNotCarried } from '../../src/databases/postgres/types.ts';

const base = (name: string, schema = 'pg_catalog', kind = 'b'): TypeFacts => ({ schema, name, kind, element: null });

test.each(['bool', 'int8', 'numeric', 'timestamptz', 'jsonb', 'char', 'macaddr8', 'varbit'])(
  '%s is carried',
  (name) => {
    expect(whyNotCarried(base(name))).toBeNull();
  },
);

test('enums are carried, and arrays of what is carried', () => {
  expect(whyNotCarried(base('mood', 'shop', 'e'))).toBeNull();
  expect(whyNotCarried({ ...base('_mood', 'shop'), element: base('mood', 'shop', 'e') })).toBeNull();
  expect(whyNotCarried({ ...base('_int4'), element: base('int4') })).toBeNull();
});

test.each([
  [base('positive', 'shop', 'd'), 'a domain'],
  [base('pair', 'shop', 'c'), 'a composite type'],
  [base('int4range', 'pg_catalog', 'r'), 'a range type'],
  [base('int4multirange', 'pg_catalog', 'm'), 'a range type'],
  [base('citext', 'public'), 'a type of an extension'],
  [base('text', 'public'), 'a type of an extension'],
  [base('money'), 'a type whose text depends on lc_monetary'],
  [base('regclass'), 'a type whose values belong to one server'],
  [base('oid'), 'a type whose values belong to one server'],
  [base('xml'), 'a type this version does not carry'],
  [base('record', 'pg_catalog', 'p'), 'not a type that a table can be copied with'],
])('%o is not carried, and the reason is told', (type, reason) => {
  expect(whyNotCarried(type)).toBe(reason);
});

test('an array is not carried for the reason of its elements', () => {
  expect(whyNotCarried({ ...base('_positive', 'shop'), element: base('positive', 'shop', 'd') })).toBe(
    'an array whose elements are a domain',
  );
});

test('a glob matches the whole name, and everything but * and ? stands for itself', () => {
  expect(globToPattern('shop.*')).toBe('^shop\\..*$');
  expect(globToPattern('a?[b]+"é_1')).toBe('^a.\\[b\\]\\+\\"é_1$');
});
