// Everything that replication gets wrong: keys that chain and swap, unique values that change places, collations, and
// values at the edges of their types.

import { randomUUID } from 'node:crypto';
import { LEDGER, numbersOf, removed, type Step, type Turn, type Workload, wrote } from './workload.ts';

const SCHEMA = `${LEDGER}
CREATE TYPE work.mood AS ENUM ('sad', 'ok', 'it''s "fine"');
CREATE DOMAIN work.percent AS numeric(5, 2) CHECK (VALUE BETWEEN 0 AND 100);
CREATE TABLE work.names (key text COLLATE "en-x-icu" PRIMARY KEY, value text, token text);
CREATE TABLE work.chain (place bigint PRIMARY KEY, label text NOT NULL UNIQUE, token text);
CREATE TABLE work.seats (
  id bigint PRIMARY KEY, seat bigint NOT NULL UNIQUE DEFERRABLE INITIALLY DEFERRED, token text
);
CREATE TABLE work.wide (a integer, b text, c date, value text, token text, PRIMARY KEY (c, a, b));
CREATE TABLE work.things (
  id uuid PRIMARY KEY, numbers integer[], texts text[], feeling work.mood, amount numeric, share work.percent,
  j jsonb, js json, bytes bytea, at timestamp, atz timestamptz, day date, f8 double precision, f4 real, span interval,
  yes boolean, address inet, bits varbit, period int4range, spot point, empty text,
  doubled numeric GENERATED ALWAYS AS (amount * 2) STORED, token text
);
ALTER TABLE work.things REPLICA IDENTITY FULL;`;

const [NAMES, CHAIN, SEATS, WIDE, THINGS] = ['names', 'chain', 'seats', 'wide', 'things'].map((n) => `work.${n}`) as [
  string,
  string,
  string,
  string,
  string,
];

/** Texts that break what is quoted, split, trimmed or compared carelessly. The client's number keeps keys apart. */
const TEXTS = [
  '',
  ' ',
  'NULL',
  'null',
  '\\N',
  '\\.',
  `it's`,
  '"quoted"',
  'back\\slash',
  'tab\tnew\nline\r\n',
  '{a,"b"}',
  '$1',
  '%s',
  'ä',
  'a\u0308',
  'ß',
  'SS',
  'İ',
  '日本語',
  '😀',
  '\u200b',
  'x'.repeat(900),
];

/** Column → values that a type can only just hold. */
const VALUES: Readonly<Record<string, readonly (string | null)[]>> = {
  numbers: ['{}', '{1,NULL,-2147483648}', '{{1,2},{3,4}}', '[0:1]={5,6}', null],
  texts: ['{}', '{"",NULL,"NULL","a,b","q\\"","back\\\\slash","{}"}', null],
  feeling: ['sad', `it's "fine"`, null],
  amount: [
    '0',
    '-0.000',
    '12345678901234567890.123456789012345678901',
    '1e-30',
    'NaN',
    'Infinity',
    '-Infinity',
    '1.10',
  ],
  share: ['0', '100', '33.33', null],
  j: ['{"a": 1.10, "b": null, "c": "\\u00e4\\n"}', 'null', '[]', '12345678901234567890', null],
  js: ['{"b":1, "a":2,  "a":3}', 'null', null],
  bytes: ['\\x', '\\x00ff5c27', null],
  at: ['infinity', '-infinity', '0044-03-15 12:00:00 BC', '2024-02-29 23:59:59.999999', '294276-12-31 23:59:59', null],
  atz: ['infinity', '-infinity', '2024-03-31 02:30:00+02', '1900-01-01 00:00:00+00:19:32', null],
  day: ['infinity', '4713-01-01 BC', '5874897-12-31', null],
  f8: ['NaN', 'Infinity', '-Infinity', '-0', '0.1', '5e-324', '1.7976931348623157e308', null],
  f4: ['NaN', '-0', '0.1', '3.4028235e38', null],
  span: ['1 year -3 days 04:05:06.789', '-1 mon', '0', null],
  yes: ['t', 'f', null],
  address: ['::1', '10.0.0.1/8', null],
  bits: ['', '10101', null],
  period: ['empty', '[1,5)', '(,)', null],
  spot: ['(1.5,-2.5)', '(NaN,Infinity)', null],
  empty: ['', null, ...TEXTS],
};
const COLUMNS = Object.keys(VALUES);

const value = (turn: Turn, column: string): string | null => {
  const all = VALUES[column] ?? [];
  return all[turn.random(all.length)] ?? null;
};

function things(turn: Turn): readonly Step[] {
  const id = turn.pick(THINGS);
  const { token } = turn;
  if (id === undefined || turn.random(3) === 0) {
    const fresh = randomUUID();
    const places = COLUMNS.map((_, index) => `$${index + 3}`).join(', ');
    const text = `INSERT INTO work.things (id, token, ${COLUMNS.join(', ')}) VALUES ($1, $2, ${places})`;
    return [
      { text, values: [fresh, token, ...COLUMNS.map((column) => value(turn, column))], writes: [wrote(THINGS, fresh)] },
    ];
  }
  if (turn.random(4) === 0) {
    return [{ text: 'DELETE FROM work.things WHERE id = $1', values: [id], writes: [removed(THINGS, id)] }];
  }
  const [first = '', second = ''] = [COLUMNS[turn.random(10)], COLUMNS[10 + turn.random(COLUMNS.length - 10)]];
  return [
    {
      text: `UPDATE work.things SET ${first} = $3, ${second} = $4, token = $2 WHERE id = $1`,
      values: [id, token, value(turn, first), value(turn, second)],
      writes: [wrote(THINGS, id)],
    },
  ];
}

function names(turn: Turn): readonly Step[] {
  const { token, client, count } = turn;
  const key = turn.pick(NAMES);
  const fresh = `${TEXTS[turn.random(TEXTS.length)]}${client}.${count}`;
  if (key === undefined || turn.random(2) === 0) {
    const text = 'INSERT INTO work.names VALUES ($1, $2, $3)';
    return [{ text, values: [fresh, TEXTS[turn.random(TEXTS.length)], token], writes: [wrote(NAMES, fresh)] }];
  }
  if (turn.random(2) === 0) {
    return [{ text: 'DELETE FROM work.names WHERE key = $1', values: [key], writes: [removed(NAMES, key)] }];
  }
  const text = 'UPDATE work.names SET key = $2, token = $3 WHERE key = $1';
  return [{ text, values: [key, fresh, token], writes: [removed(NAMES, key), wrote(NAMES, fresh)] }];
}

/** Three rows of the client's own piece of the chain; the fourth place of each piece is free outside transactions. */
const PIECE = 4;

/** Keys move 3→4, 2→3, 1→2, 4→1: a rotation in which each key is freed just before it is taken. */
function rotate(turn: Turn): readonly Step[] {
  const picked = turn.pick(CHAIN);
  if (picked === undefined) return [];
  const first = Math.floor((Number(picked) - 1) / PIECE) * PIECE + 1;
  const move = (from: number, to: number): Step => ({
    text: 'UPDATE work.chain SET place = $2, token = $3 WHERE place = $1',
    values: [first + from, first + to, turn.token],
    writes: [removed(CHAIN, first + from), wrote(CHAIN, first + to)],
  });
  return [move(2, 3), move(1, 2), move(0, 1), move(3, 0)];
}

/** The labels of two neighbours change places, and so does everything that is unique about them. */
function swapLabels(turn: Turn): readonly Step[] {
  const picked = turn.pick(CHAIN);
  if (picked === undefined) return [];
  const first = Math.floor((Number(picked) - 1) / PIECE) * PIECE + 1;
  const label = (place: number, text: string, from: number): Step => ({
    text: `UPDATE work.chain c SET label = ${text}, token = $3 FROM work.chain o WHERE c.place = $1 AND o.place = $2`,
    values: [place, from, turn.token],
    writes: [wrote(CHAIN, place)],
  });
  return [
    label(first, `c.label || ' ' || o.label`, first + 1),
    label(first + 1, `split_part(o.label, ' ', 1)`, first),
    label(first, `split_part(c.label, ' ', 2)`, first + 1),
  ];
}

/** Two rows exchange a unique value that is checked at COMMIT only: both hold the same value for a moment. */
function swapSeats(turn: Turn): readonly Step[] {
  const [left, right] = [turn.pick(SEATS), turn.pick(SEATS)];
  if (left === undefined || right === undefined) return [];
  // One statement: both new values come from the rows as they were before.
  const text = `UPDATE work.seats s SET seat = o.seat, token = $3 FROM work.seats o
    WHERE (s.id, o.id) IN (($1::bigint, $2::bigint), ($2::bigint, $1::bigint))`;
  return [{ text, values: [left, right, turn.token], writes: [wrote(SEATS, left), wrote(SEATS, right)], rows: 2 }];
}

function wide(turn: Turn): readonly Step[] {
  const key = turn.pick(WIDE);
  const { token, client, count } = turn;
  if (key === undefined || turn.random(2) === 0) {
    const [a, b, c] = [client * 1_000_000 + count, TEXTS[turn.random(TEXTS.length)] ?? '', '2024-02-29'];
    const text = 'INSERT INTO work.wide VALUES ($1, $2, $3, $4, $5)';
    return [{ text, values: [a, b, c, 'x', token], writes: [wrote(WIDE, `${c}|${a}|${b}`)] }];
  }
  const [c, a, ...rest] = key.split('|');
  const values = [c, a, rest.join('|')];
  if (turn.random(3) === 0) {
    const text = 'DELETE FROM work.wide WHERE c = $1 AND a = $2 AND b = $3';
    return [{ text, values, writes: [removed(WIDE, key)] }];
  }
  const text = 'UPDATE work.wide SET value = value || $4, token = $4 WHERE c = $1 AND a = $2 AND b = $3';
  return [{ text, values: [...values, token], writes: [wrote(WIDE, key)] }];
}

export const torture: Workload = {
  schema: SCHEMA,
  seed: (rows) => [
    `INSERT INTO work.names SELECT 'Seed ' || n, n::text FROM generate_series(1, ${rows}) n`,
    `INSERT INTO work.chain SELECT n, 'label' || n FROM generate_series(1, ${rows * PIECE}) n WHERE n % ${PIECE} <> 0`,
    `INSERT INTO work.seats SELECT n, n FROM generate_series(1, ${rows}) n`,
    `INSERT INTO work.wide SELECT n, '', '2000-01-01', 'seed' FROM generate_series(1, ${rows}) n`,
  ],
  owned: (share) =>
    numbersOf(share, share.rows).flatMap((n) => [
      wrote(NAMES, `Seed ${n}`),
      wrote(CHAIN, (n - 1) * PIECE + 1),
      wrote(SEATS, n),
      wrote(WIDE, `2000-01-01|${n}|`),
    ]),
  transaction: (turn) => {
    const kinds = [things, things, names, rotate, swapLabels, swapSeats, wide];
    return (kinds[turn.random(kinds.length)] ?? things)(turn);
  },
};
