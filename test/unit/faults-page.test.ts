import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const root = new URL('../../', import.meta.url);
const page = readFileSync(new URL('docs/faults.md', root), 'utf8');
const rows = page.split('\n').filter((line) => /^\| (?!fault |-)/.test(line));
const named = [...page.matchAll(/`(test\/[\w/-]+\.test\.ts)`: ([^;|\n]+)/g)].map(
  ([, file = '', words = '']) => [file, words.trim()] as const,
);

test('every fault on the page names a test', () => {
  expect(rows.length).toBeGreaterThan(30);
  expect(rows.filter((row) => !/`test\/[\w/-]+\.test\.ts`: \w/.test(row))).toEqual([]);
});

test.each(named)('%s has a test about: %s', (file, words) => {
  const url = new URL(file, root);
  expect(existsSync(url)).toBe(true);
  expect(readFileSync(url, 'utf8')).toContain(words);
});
