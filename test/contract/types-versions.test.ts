// Every type from an older PostgreSQL to the one of the tests, where the older one is installed as on Debian.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { PostgresServer } from '../../src/databases/postgres/connection.ts';
import { readHolders, WRITE_MODES } from '../../src/databases/postgres/lock-holders.ts';
import { openEmbedded } from '../../src/demo/embedded.ts';
import { Closer } from '../../src/lib/closer.ts';
import { openPair } from '../fleet/databases.ts';
import { findOlder } from '../fleet/postgres.ts';
import { changeKeys, changeValues } from './types-changes.ts';
import { nameOf, openTypesWorld, type TypesWorld } from './types-world.ts';

const OLDER = findOlder('14', '15', '16', '17');
/** Not where everything must run. */
const SKIPPED = OLDER === undefined && process.env.CI !== 'true';
const ALL = { lower: null, upper: null };

const closer = new Closer();
let world: TypesWorld;
let older = '';

beforeAll(async () => {
  if (OLDER === undefined) {
    if (process.env.CI === 'true') throw new Error('no older PostgreSQL: apt-get install postgresql-15');
    return;
  }
  const pair = await closer.open(openPair());
  const server = await openEmbedded({ root: OLDER, settings: { fsync: 'off', wal_level: 'logical' } });
  closer.add(() => server.close());
  older = server.url('postgres');
  world = await closer.open(openTypesWorld({ ...pair, sourceUrl: server.url('postgres') }));
  await world.copy();
  await changeValues(world);
  await changeKeys(world);
});
afterAll(() => closer.close());

test.skipIf(SKIPPED)('who holds a table is found on the older server, too', async () => {
  const server = new PostgresServer('source', older, 'types');
  const holder = await server.session({ purpose: 'holder' });
  const asking = await server.session({ purpose: 'asking' });
  closer.add(() => server.close());
  await holder.query('CREATE TABLE public.held (id int)');
  await holder.query('BEGIN; LOCK TABLE public.held IN ROW EXCLUSIVE MODE');
  const holders = await readHolders(asking, { tables: ['public.held'], fence: '', modes: WRITE_MODES });
  expect(holders.map(({ id }) => id)).toEqual([String(holder.pid)]);
});

test.skipIf(SKIPPED)('values and keys of every type arrive as they were, with equal digests', async () => {
  expect(world.entries.length).toBeGreaterThan(100);
  for (const [index, { key, type }] of world.entries.entries()) {
    for (const name of [nameOf('t', index), ...(key ? [nameOf('k', index)] : [])]) {
      const [source, target] = await Promise.all([world.rows('source', name), world.rows('target', name)]);
      expect(target, type).toEqual(source);
      const table = world.table(name);
      expect(await world.digests.target.range(table, ALL), type).toEqual(await world.digests.source.range(table, ALL));
    }
  }
});
