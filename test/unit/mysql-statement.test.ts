import { expect, test } from 'vitest';
import { inPieces, sql, tuple } from '../../src/databases/mysql/statement.ts';

test('values of a statement are quoted, lists are for IN, and an empty one matches nothing', () => {
  expect(sql`a = ${`it's \\`} AND b IN ${[1, "'"]} AND c IN ${[]} AND d = ${null} LIMIT ${5}`).toBe(
    `a = 'it''s \\\\' AND b IN (1, '''') AND c IN (NULL) AND d = NULL LIMIT 5`,
  );
  expect(sql`SELECT 1`).toBe('SELECT 1');
  expect(tuple(['x', null, 7])).toBe("('x', NULL, 7)");
});

test('rows are sent in pieces of limited size, and one that is larger alone', () => {
  const large = 'x'.repeat(1 << 19);
  expect([...inPieces(['a', large, 'b', 'c'])]).toEqual(['a', large, 'b,\nc']);
  expect([...inPieces(Array.from({ length: 2_001 }, () => 'r'))].map((piece) => piece.length)).toEqual([2998, 2998, 1]);
  expect([...inPieces([])]).toEqual([]);
});
