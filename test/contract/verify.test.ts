// The comparison of two real databases. The apply is a stand-in that is always caught up, so whatever differs was
// put there by the test.

import { describe, expect, test } from 'vitest';
import type { Digests } from '../../src/databases/digests.ts';
import type { TableProgress } from '../../src/journal/journal.ts';
import type { Key } from '../../src/model/change.ts';
import { type Table, tableId } from '../../src/model/table.ts';
import { compareTables } from '../../src/verify/compare.ts';
import { differencesError } from '../../src/verify/differences.ts';
import { settleFrozen, settleLive } from '../../src/verify/settle.ts';
import { tableOf } from './copy-fixture.ts';
import { CaughtUp, verifyWorld } from './verify-fixture.ts';

const ITEMS: Table = {
  ...tableOf('items', [
    ['id', 'int4'],
    ['v', 'text'],
    ['n', 'numeric'],
    ['at', 'timestamptz'],
  ]),
  rowEstimate: 5000,
};
const SCHEMA = `CREATE TABLE items (id int PRIMARY KEY, v text, n numeric, at timestamptz);
  INSERT INTO items SELECT i, 'value ' || i, i / 10.0, timestamptz '2024-01-01' + i * interval '1 second'
  FROM generate_series(1, 5000) i`;

const world = verifyWorld(SCHEMA, {
  tables: [ITEMS],
  progress: [progress([['1000'], ['4500']], [999, 3500, 501])],
  limits: { chunkRows: 2500, concurrency: 2, rounds: 4 },
});

function progress(bounds: readonly Key[], rows: readonly number[]): TableProgress {
  return {
    id: ITEMS.id,
    lane: 0,
    spread: ITEMS.spread,
    bounds,
    keyChunks: [],
    chunks: rows.map((count, ordinal) => ({
      ordinal,
      range: { lower: bounds[ordinal - 1] ?? null, upper: bounds[ordinal] ?? null },
      at: null,
      rows: count,
    })),
  };
}

describe('comparing tables while writes go on', () => {
  test('counts every row of equal tables and leaves nothing pending', async () => {
    expect(await compareTables(world.context)).toEqual({ rowsCompared: 5000, differences: [], unstable: 0 });
    expect(world.context.pending.size).toBe(0);
    const { verify } = world.context.status.snapshot();
    expect(verify).toMatchObject({ rowsCompared: 5000, differences: 0, pendingKeys: 0 });
    expect(verify.chunksDone).toBe(verify.chunks);
  });

  test('ends, finds every difference and counts each row once where the sides sort keys differently', async () => {
    const words = `CREATE TABLE words (w text COLLATE ORDER_BY PRIMARY KEY);
      INSERT INTO words SELECT CASE i % 2 WHEN 0 THEN 'a' ELSE 'B' END || i FROM generate_series(1, 8000) i`;
    await world.onSource(words.replace('ORDER_BY', '"und-x-icu"'));
    await world.onTarget(words.replace('ORDER_BY', '"C"'));
    const column = { name: 'w', type: 'text', castType: 'text' };
    const table = { ...ITEMS, id: tableId('public', 'words'), name: 'words', columns: [column], rowEstimate: 8000 };
    const compare = () => compareTables({ ...world.context, tables: [table], progress: [] });
    expect(await compare()).toEqual({ rowsCompared: 8000, differences: [], unstable: 0 });
    await world.onTarget(
      "DELETE FROM words WHERE w IN ('a2', 'B7999'); INSERT INTO words VALUES ('A2'), ('b7999'), ('')",
    );
    const { rowsCompared, differences } = await compare();
    expect(rowsCompared).toBe(7998);
    expect(differences.map(({ keys }) => [...keys].sort())).toEqual([['', 'A2', 'B7999', 'a2', 'b7999']]);
  });

  test.each([
    ['a flipped byte', `UPDATE items SET v = 'valuf 77' WHERE id = 77`],
    ['a trailing space', `UPDATE items SET v = v || ' ' WHERE id = 77`],
    ['an empty text for NULL', `UPDATE items SET v = '' WHERE id = 77`],
    ['another scale of the same number', 'UPDATE items SET n = n::numeric(40,30) WHERE id = 77'],
    ['a microsecond', `UPDATE items SET at = at + interval '1 microsecond' WHERE id = 77`],
    ['a missing row', 'DELETE FROM items WHERE id = 77'],
  ])('finds %s', async (_, sql) => {
    if (sql.includes(`v = ''`)) await world.onSource('UPDATE items SET v = NULL WHERE id = 77');
    await world.onTarget(sql);
    const result = await compareTables(world.context);
    expect(result.differences).toEqual([{ table: 'public.items', count: 1, more: false, keys: ['77'] }]);
    expect(result.rowsCompared).toBe(4999);
  });

  test('finds rows that only the target has, at both ends of the key space', async () => {
    await world.onTarget(`INSERT INTO items VALUES (-5), (6000)`);
    const result = await compareTables(world.context);
    expect(result.differences).toMatchObject([{ count: 2, more: false }]);
    expect(result.differences[0]?.keys.toSorted()).toEqual(['-5', '6000']);
    expect(result.rowsCompared).toBe(5000);
  });

  test('finds two rows that swapped their contents', async () => {
    await world.onTarget(`UPDATE items i SET v = o.v, n = o.n, at = o.at FROM items o
      WHERE (i.id, o.id) IN ((10, 11), (11, 10))`);
    expect((await compareTables(world.context)).differences).toMatchObject([{ count: 2, keys: ['10', '11'] }]);
  });

  test('lists at most twenty keys and stops searching a table that is wrong as a whole', async () => {
    await world.onTarget(`UPDATE items SET v = 'x'`);
    const [found] = (await compareTables(world.context)).differences;
    expect(found?.keys.length).toBe(20);
    expect(found?.more).toBe(true);
    expect(found?.count).toBeGreaterThanOrEqual(1000);
  });

  test('describes differences by table and count, without keys', async () => {
    await world.onTarget('DELETE FROM items WHERE id = 4321');
    const { code, message } = differencesError((await compareTables(world.context)).differences);
    expect(code).toBe('VERIFY.DIFFERENCES');
    expect(message).toBe('rows differ in public.items (1)');
  });

  test('calls a row unstable, not different, when the source changes it every time', async () => {
    await world.onTarget(`UPDATE items SET v = 'behind' WHERE id = 42`);
    world.apply.between = async () => {
      await world.onSource(`UPDATE items SET n = n + 1 WHERE id = 42`);
    };
    const result = await compareTables(world.context);
    expect(result).toEqual({ rowsCompared: 4999, differences: [], unstable: 1 });
    expect(world.context.pending.has(ITEMS, ['42'])).toBe(true);
  });

  test('accepts a target that is ahead of the first read of the source', async () => {
    world.apply.between = async () => {
      world.apply.between = async () => undefined;
      for (const run of [world.onSource, world.onTarget])
        await run(`UPDATE items SET v = 'new' WHERE id IN (1, 2000, 4999)`);
    };
    expect(await compareTables(world.context)).toMatchObject({ rowsCompared: 5000, differences: [] });
  });

  test('leaves a key to the freeze when the apply touched it, however it looks', async () => {
    // A, B, A: the source looks unchanged while the target shows what was there in between.
    await world.onTarget(`UPDATE items SET v = 'between' WHERE id = 9`);
    world.context.pending.changed(ITEMS, ['9']);
    expect(await compareTables(world.context)).toMatchObject({ differences: [], unstable: 1 });
  });

  test('refuses to call nothing a comparison', async () => {
    for (const run of [world.onSource, world.onTarget]) await run('TRUNCATE items');
    await expect(compareTables(world.context)).rejects.toMatchObject({ code: 'VERIFY.EMPTY' });
    await expect(compareTables({ ...world.context, tables: [] })).rejects.toMatchObject({ code: 'VERIFY.EMPTY' });
    const empty = { ...world.context, tables: [{ ...ITEMS, rowEstimate: 0 }] };
    expect(await compareTables(empty)).toEqual({ rowsCompared: 0, differences: [], unstable: 0 });
  });

  test('compares a table whose chunks were never planned as one range', async () => {
    expect(await compareTables({ ...world.context, progress: [] })).toMatchObject({ rowsCompared: 5000 });
  });

  test('stops with the reason of an abort while it waits for the apply', async () => {
    const controller = new AbortController();
    world.apply.between = () => {
      controller.abort(new Error('stopping'));
      return new Promise(() => undefined);
    };
    await expect(compareTables({ ...world.context, signal: controller.signal })).rejects.toThrow('stopping');
  });

  test('fails with the apply', async () => {
    const failing = Object.assign(new CaughtUp(), { met: () => Promise.reject(new Error('apply failed')) });
    await expect(compareTables({ ...world.context, replication: failing })).rejects.toThrow('apply failed');
  });
});

describe('settling live', () => {
  const keys = (count: number): readonly Key[] => Array.from({ length: count }, (_, index) => [String(index + 1)]);

  test('compares pending keys until few are left', async () => {
    world.context.pending.putBack([{ table: ITEMS, keys: keys(4000) }]);
    expect(await settleLive(world.context)).toMatchObject({ rowsCompared: 4000, differences: [], pendingKeys: 0 });
  });

  test('compares a truncated table as a whole', async () => {
    world.context.pending.truncated(ITEMS);
    expect(await settleLive(world.context)).toMatchObject({ rowsCompared: 5000, pendingTables: 0, pendingKeys: 0 });
  });

  test('gives up when the same keys keep changing, and says how many are left', async () => {
    world.context.pending.putBack([{ table: ITEMS, keys: keys(1500) }]);
    await world.onTarget(`UPDATE items SET v = 'behind' WHERE id <= 1500`);
    world.apply.between = async () => {
      await world.onSource('UPDATE items SET n = n + 1 WHERE id <= 1500');
    };
    expect(await settleLive(world.context)).toMatchObject({ differences: [], pendingKeys: 1500 });
  });

  test('reports a difference and keeps the key pending', async () => {
    await world.onTarget('DELETE FROM items WHERE id = 3');
    world.context.pending.putBack([{ table: ITEMS, keys: keys(1500) }]);
    expect(await settleLive(world.context)).toMatchObject({ differences: [{ keys: ['3'] }], pendingKeys: 1 });
  });

  test('puts everything back when it fails', async () => {
    world.context.pending.putBack([{ table: ITEMS, keys: keys(1500) }]);
    world.apply.between = () => Promise.reject(new Error('the source is gone'));
    await expect(settleLive(world.context)).rejects.toThrow('the source is gone');
    expect(world.context.pending.size).toBe(1500);
  });
});

describe('settling behind the fence', () => {
  test('compares pending keys and truncated tables without a marker', async () => {
    world.context.pending.putBack([{ table: ITEMS, keys: [['1'], ['2'], ['9999']] }]);
    expect(await settleFrozen(world.context)).toEqual({ rowsCompared: 2, differences: [], unstable: 0 });
    world.context.pending.truncated(ITEMS);
    expect(await settleFrozen(world.context)).toEqual({ rowsCompared: 5000, differences: [], unstable: 0 });
    expect(world.apply.marks).toEqual([]);
    expect(world.context.pending.size).toBe(0);
  });

  test('takes one inequality for a difference and finds it again at the next attempt', async () => {
    await world.onTarget(`UPDATE items SET v = NULL WHERE id = 5; INSERT INTO items VALUES (7000)`);
    world.context.pending.putBack([{ table: ITEMS, keys: [['4'], ['5'], ['7000']] }]);
    for (const rows of [1, 0]) {
      const result = await settleFrozen(world.context);
      expect(result).toMatchObject({ rowsCompared: rows, differences: [{ count: 2, keys: ['5', '7000'] }] });
    }
  });

  test('fails and puts everything back when the freeze has ended meanwhile', async () => {
    const controller = new AbortController();
    const source: Digests = Object.assign(Object.create(world.context.source), {
      keys: async (...read: Parameters<Digests['keys']>) => {
        const found = await world.context.source.keys(...read);
        controller.abort(new Error('the freeze is over'));
        return found;
      },
    });
    world.context.pending.putBack([{ table: ITEMS, keys: [['1'], ['2']] }]);
    const frozen = settleFrozen({ ...world.context, source, signal: controller.signal });
    await expect(frozen).rejects.toThrow('the freeze is over');
    expect(world.context.pending.size).toBe(2);
  });

  test('finds a difference in a truncated table', async () => {
    await world.onTarget('DELETE FROM items WHERE id = 2500');
    world.context.pending.truncated(ITEMS);
    expect(await settleFrozen(world.context)).toMatchObject({ rowsCompared: 4999, differences: [{ keys: ['2500'] }] });
  });
});
