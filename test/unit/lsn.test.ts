import fc from 'fast-check';
import { expect, test } from 'vitest';
import { covers, distance, formatLsn, ordinalOf, parseLsn } from '../../src/databases/postgres/log/lsn.ts';
import { isBeyond } from '../../src/databases/postgres/log/timeline.ts';
import type { Position } from '../../src/model/position.ts';

const lsn = fc.bigInt({ min: 0n, max: (1n << 64n) - 5n });
const at = (text: string): Position => text as Position;

test('a position is written as the server writes it and read back', () => {
  expect(formatLsn(0x16_b374d848n)).toBe('16/B374D848');
  expect(formatLsn(0n)).toBe('0/0');
  fc.assert(fc.property(lsn, (value) => parseLsn(formatLsn(value)) === value));
});

test('positions are compared as numbers, not as text', () => {
  expect(covers(at('10/0'), at('9/FFFFFFFF'))).toBe(true);
  expect(covers(at('9/FFFFFFFF'), at('10/0'))).toBe(false);
  expect(covers(at('0/A'), at('0/0000000A'))).toBe(true);
  fc.assert(fc.property(lsn, lsn, (a, b) => covers(formatLsn(a), formatLsn(b)) === a >= b));
  fc.assert(
    fc.property(
      lsn,
      fc.bigInt(-2n, 2n),
      (a, step) => covers(formatLsn(a + 2n), formatLsn(a + 2n + step)) === step <= 0n,
    ),
  );
});

const place = fc.record({ lsn: fc.bigInt(0n, 3n), ordinal: fc.nat(12) });

test('places within a transaction come after everything before its commit, in order, and before its end', () => {
  const order = fc.property(place, place, (a, b) => {
    const expected = a.lsn === b.lsn ? a.ordinal >= b.ordinal : a.lsn > b.lsn;
    return covers(formatLsn(a.lsn, a.ordinal), formatLsn(b.lsn, b.ordinal)) === expected;
  });
  fc.assert(order);
  expect(formatLsn(0x16_b374d848n, 12)).toBe('16/B374D848#12');
  expect([parseLsn('16/B374D848#12'), ordinalOf(at('16/B374D848#12')), ordinalOf(at('16/B374D848'))]).toEqual([
    0x16_b374d848n,
    12,
    0,
  ]);
});

test('a distance is never negative', () => {
  expect(distance(at('0/10'), at('1/10'))).toBe(2 ** 32);
  expect(distance(at('1/10'), at('0/10'))).toBe(0);
});

test('anything else is refused', () => {
  for (const text of ['', '1', '1/', '/1', '1/G', '1/123456789', '0/0 ', '0/1#', '0/1#0', '0/1#x']) {
    expect(() => parseLsn(text)).toThrow(/not a position/);
  }
  for (const text of ['', '0', 'x/0', '0/', '0/G']) {
    expect(() => covers(at(text), at('0/0'))).toThrow(/not a position/);
  }
});

test('where a line of history ends, a commit record that begins there is not part of it, and none of its pieces', () => {
  const end = 0x16_0000_00c0n;
  const beyond = ['16/B8', '16/B8#7', '16/C0', '16/C0#1', '16/C8'].filter((position) => isBeyond(at(position), end));
  expect(beyond).toEqual(['16/C0#1', '16/C8']);
});
