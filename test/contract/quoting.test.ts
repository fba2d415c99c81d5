// Names and texts with every character, as a real server takes them.

import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { asGlob, excludeCure } from '../../src/databases/findings.ts';
import type { Session } from '../../src/databases/postgres/connection.ts';
import { globToPattern, selectionValues } from '../../src/databases/postgres/selection.ts';
import { quoteLiteral, quoteName, quoteTable } from '../../src/databases/postgres/sql.ts';
import { tableId } from '../../src/model/table.ts';
import { readName } from '../../src/plan/names.ts';
import { withFixture } from './catalog-fixture.ts';

/** Every ASCII character that a name can have, alone, doubled and among others; then longer texts of all of them. */
function texts(): readonly string[] {
  const characters = Array.from({ length: 127 }, (_, code) => String.fromCharCode(code + 1));
  const random = mulberry(7);
  const pick = (): string => characters[Math.floor(random() * characters.length)] ?? '';
  return [
    ...characters.flatMap((character) => [character, character.repeat(2), `a${character}b`]),
    ...Array.from({ length: 300 }, () => Array.from({ length: 1 + Math.floor(random() * 40) }, pick).join('')),
    'é"\\',
    "🐘'",
    '\\',
    "E'\\'",
    '$$',
    '::int',
    '%s%I',
  ];
}

function mulberry(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** What the server makes of the expression that `select` gives for each text. */
async function column(session: Session, select: (text: string, index: number) => string): Promise<readonly string[]> {
  const rows = await session.query(
    texts()
      .map((text, index) => `SELECT ${index} AS n, ${select(text, index)} AS v`)
      .join(' UNION ALL '),
  );
  return rows.toSorted((one, other) => Number(one.n) - Number(other.n)).map(({ v }) => String(v));
}

test('a literal comes back as it was given, whatever standard_conforming_strings says', () =>
  withFixture(async ({ source }) => {
    for (const standard of ['on', 'off']) {
      await source.query(`SET standard_conforming_strings = ${standard}; SET escape_string_warning = off`);
      expect(await column(source, (text) => quoteLiteral(text))).toEqual(texts());
    }
  }));

test('a name is the name it was given', () =>
  withFixture(async ({ source }) => {
    const names = texts().filter((text) => Buffer.byteLength(text) <= 63);
    for (let from = 0; from < names.length; from += 100) {
      const batch = names.slice(from, from + 100);
      // A column each: the names that the server heard are those of the row.
      const row = await source.one(
        `SELECT to_json(named)::text AS j FROM (SELECT ${batch.map((name) => `1 AS ${quoteName(name)}`).join(', ')}) named`,
      );
      const heard = [...new Set(Object.keys(JSON.parse(String(row?.j)) as object))];
      expect(heard.toSorted()).toEqual([...new Set(batch)].toSorted());
    }
    await source.query(`CREATE TABLE ${quoteTable({ schema: 'public', name: `a.b"c'\\` })} ()`);
    expect(
      await source.one(`SELECT to_regclass($1)::oid::regclass::text AS name`, [tableId('public', `a.b"c'\\`)]),
    ).toEqual({
      name: `public."a.b""c'\\"`,
    });
  }));

test('a pattern matches what it names and nothing else', () =>
  withFixture(async ({ source }) => {
    const matches = (pattern: string, text: string): string =>
      `${quoteLiteral(text)} ~ ${quoteLiteral(globToPattern(pattern))}`;
    expect(new Set(await column(source, (text) => matches(asGlob(text), text)))).toEqual(new Set(['t']));
    expect(new Set(await column(source, (text) => matches(asGlob(text), `${text}x`)))).toEqual(new Set(['f']));
    expect(new Set(await column(source, (text) => matches(asGlob(text), `x${text}`)))).toEqual(new Set(['f']));
    expect(new Set(await column(source, (text) => matches(`*${asGlob(text)}?`, `any ${text}x`)))).toEqual(
      new Set(['t']),
    );
    // Any other backslash means the character after it; at the end it is itself.
    expect(selectionValues({ include: ['a\\b*\\'], exclude: [] })[0]).toEqual(['^ab.*\\\\$']);
  }));

test('a name of a plan has two parts, whatever is in them', () => {
  const written = (part: string): string => part.replace(/[\\.*]/g, '\\$&');
  for (const text of texts()) {
    expect(readName(`${written(text)}.${written(text)}`)).toEqual({ schema: text, name: text });
    expect(readName(`${written(text)}.*`)).toEqual({ schema: text, name: null });
  }
  expect(readName('a.b.c')).toEqual({ schema: 'a', name: 'b.c' });
  for (const wrong of ['a', '.a', 'a.', 'a.b\\', '']) expect(readName(wrong)).toBeUndefined();
});

test('what leaves a table out can be pasted into a plan, whatever the table is called', () => {
  for (const text of texts()) expect(parse(excludeCure(text))).toEqual({ tables: { exclude: [asGlob(text)] } });
});
