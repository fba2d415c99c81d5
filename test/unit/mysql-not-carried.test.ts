// What stays behind of a source of MySQL, as preflight tells it.

import { expect, test } from 'vitest';
import { notCarried } from '../../src/databases/mysql/check/tables.ts';

test('what another engine has nothing for is told beside views and triggers, each kind with all names', async () => {
  const left = [
    'view s.v',
    'generated column label on s.t',
    'FULLTEXT of nobody',
    'index words on s.t',
    'unique key u on s.t',
    'index place on s.t',
  ];
  const found = await notCarried({ catalog: { notCarried: left } } as never);
  expect(found.map(({ code, subject, message }) => [code, subject, message.split(': ').at(-1)])).toEqual([
    ['PREFLIGHT.NOT_CARRIED', 'view', 's.v'],
    ['PREFLIGHT.NOT_CARRIED', 'generated column', 'label on s.t'],
    ['PREFLIGHT.NOT_CARRIED', 'unique key', 'u on s.t'],
    ['PREFLIGHT.NOT_CARRIED', 'index', 'words on s.t, place on s.t'],
  ]);
});
