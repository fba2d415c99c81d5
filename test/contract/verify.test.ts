// The comparison of two real databases. The apply is a stand-in that is always caught up, so whatever differs was
// put there by the test.

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Replication } from '../../src/apply/replication.ts';
import type { Digests } from '../../src/databases/digests.ts';
import { PostgresServer } from '../../src/databases/postgres/connection.ts';
import { PostgresDigests } from '../../src/databases/postgres/digest.ts';
import { Gate } from '../../src/health/gate.ts';
import type { TableProgress } from '../../src/journal/journal.ts';
import type { Key } from '../../src/model/change.ts';
import { type Table, tableId } from '../../src/model/table.ts';
import { RunStatus } from '../../src/observe/status.ts';
import { compareTables, type LiveVerifyContext } from '../../src/verify/compare.ts';
import { differencesError } from '../../src/verify/differences.ts';
import { PendingKeys } from '../../src/verify/pending.ts';
import { settleFrozen, settleLive } from '../../src/verify/settle.ts';
import { openPair, type Pair, withClient } from '../fleet/databases.ts';

const ITEMS: Table = {
  id: tableId('public', 'items'),
  schema: 'public',
  name: 'items',
  columns: [
    { name: 'id', type: 'integer', castType: 'int4' },
    { name: 'v', type: 'text', castType: 'text' },
    { name: 'n', type: 'numeric', castType: 'numeric' },
    { name: 'at', type: 'timestamptz', castType: 'timestamptz' },
  ],
  key: [0],
  rowEstimate: 5000,
  identity: 'key',
  spread: true,
  byteEstimate: 0,
};

class CaughtUp implements Replication {
  readonly failed = new Promise<never>(() => undefined);
  readonly marks: string[] = [];
  /** Runs when a marker is written: between the read of the source and that of the target. */
  between: () => Promise<void> = async () => undefined;
  async passed(): Promise<void> {}
  async met(): Promise<void> {}
  async atBarrier<T>(work: () => Promise<T>): Promise<T> {
    return work();
  }
  observe(): void {}
  async mark(content: string): Promise<void> {
    this.marks.push(content);
    await this.between();
  }
}

let pair: Pair;
let context: LiveVerifyContext & { readonly pending: PendingKeys };
let apply: CaughtUp;
let release: () => Promise<void>;

const onSource = (sql: string) => withClient(pair.sourceUrl, (client) => client.query(sql));
const onTarget = (sql: string) => withClient(pair.targetUrl, (client) => client.query(sql));

beforeEach(async () => {
  pair = await openPair();
  for (const run of [onSource, onTarget]) {
    await run(`CREATE TABLE items (id int PRIMARY KEY, v text, n numeric, at timestamptz);
      INSERT INTO items SELECT i, 'value ' || i, i / 10.0, timestamptz '2024-01-01' + i * interval '1 second'
      FROM generate_series(1, 5000) i`);
  }
  const source = new PostgresServer('source', pair.sourceUrl, 'verify');
  const target = new PostgresServer('target', pair.targetUrl, 'verify');
  const ours = new PostgresDigests({ server: source });
  const theirs = new PostgresDigests({ server: target });
  apply = new CaughtUp();
  context = {
    source: ours,
    target: theirs,
    tables: [ITEMS],
    progress: [progress([['1000'], ['4500']], [999, 3500, 501])],
    limits: { chunkRows: 2500, concurrency: 2, rounds: 4 },
    pending: new PendingKeys(),
    status: new RunStatus('verify'),
    signal: new AbortController().signal,
    log: apply,
    replication: apply,
    gate: new Gate(),
  };
  release = async () => {
    await Promise.all([ours.close(), theirs.close()]);
    await Promise.all([source.close(), target.close()]);
    await pair.close();
  };
});

afterEach(() => release());

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
    expect(await compareTables(context)).toEqual({ rowsCompared: 5000, differences: [], unstable: 0 });
    expect(context.pending.size).toBe(0);
    const { verify } = context.status.snapshot();
    expect(verify).toMatchObject({ rowsCompared: 5000, differences: 0, pendingKeys: 0 });
    expect(verify.chunksDone).toBe(verify.chunks);
  });

  test('ends, finds every difference and counts each row once where the sides sort keys differently', async () => {
    const words = `CREATE TABLE words (w text COLLATE ORDER_BY PRIMARY KEY);
      INSERT INTO words SELECT CASE i % 2 WHEN 0 THEN 'a' ELSE 'B' END || i FROM generate_series(1, 8000) i`;
    await onSource(words.replace('ORDER_BY', '"und-x-icu"'));
    await onTarget(words.replace('ORDER_BY', '"C"'));
    const column = { name: 'w', type: 'text', castType: 'text' };
    const table = { ...ITEMS, id: tableId('public', 'words'), name: 'words', columns: [column], rowEstimate: 8000 };
    const compare = () => compareTables({ ...context, tables: [table], progress: [] });
    expect(await compare()).toEqual({ rowsCompared: 8000, differences: [], unstable: 0 });
    await onTarget("DELETE FROM words WHERE w IN ('a2', 'B7999'); INSERT INTO words VALUES ('A2'), ('b7999'), ('')");
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
    if (sql.includes(`v = ''`)) await onSource('UPDATE items SET v = NULL WHERE id = 77');
    await onTarget(sql);
    const result = await compareTables(context);
    expect(result.differences).toEqual([{ table: 'public.items', count: 1, more: false, keys: ['77'] }]);
    expect(result.rowsCompared).toBe(4999);
  });

  test('finds rows that only the target has, at both ends of the key space', async () => {
    await onTarget(`INSERT INTO items VALUES (-5), (6000)`);
    const result = await compareTables(context);
    expect(result.differences).toMatchObject([{ count: 2, more: false }]);
    expect(result.differences[0]?.keys.toSorted()).toEqual(['-5', '6000']);
    expect(result.rowsCompared).toBe(5000);
  });

  test('finds two rows that swapped their contents', async () => {
    await onTarget(`UPDATE items i SET v = o.v, n = o.n, at = o.at FROM items o
      WHERE (i.id, o.id) IN ((10, 11), (11, 10))`);
    expect((await compareTables(context)).differences).toMatchObject([{ count: 2, keys: ['10', '11'] }]);
  });

  test('lists at most twenty keys and stops searching a table that is wrong as a whole', async () => {
    await onTarget(`UPDATE items SET v = 'x'`);
    const [found] = (await compareTables(context)).differences;
    expect(found?.keys.length).toBe(20);
    expect(found?.more).toBe(true);
    expect(found?.count).toBeGreaterThanOrEqual(1000);
  });

  test('describes differences by table and count, without keys', async () => {
    await onTarget('DELETE FROM items WHERE id = 4321');
    const { code, message } = differencesError((await compareTables(context)).differences);
    expect(code).toBe('VERIFY.DIFFERENCES');
    expect(message).toBe('rows differ in public.items (1)');
  });

  test('calls a row unstable, not different, when the source changes it every time', async () => {
    await onTarget(`UPDATE items SET v = 'behind' WHERE id = 42`);
    apply.between = async () => {
      await onSource(`UPDATE items SET n = n + 1 WHERE id = 42`);
    };
    const result = await compareTables(context);
    expect(result).toEqual({ rowsCompared: 4999, differences: [], unstable: 1 });
    expect(context.pending.has(ITEMS, ['42'])).toBe(true);
  });

  test('accepts a target that is ahead of the first read of the source', async () => {
    apply.between = async () => {
      apply.between = async () => undefined;
      for (const run of [onSource, onTarget]) await run(`UPDATE items SET v = 'new' WHERE id IN (1, 2000, 4999)`);
    };
    expect(await compareTables(context)).toMatchObject({ rowsCompared: 5000, differences: [] });
  });

  test('leaves a key to the freeze when the apply touched it, however it looks', async () => {
    // A, B, A: the source looks unchanged while the target shows what was there in between.
    await onTarget(`UPDATE items SET v = 'between' WHERE id = 9`);
    context.pending.changed(ITEMS, ['9']);
    expect(await compareTables(context)).toMatchObject({ differences: [], unstable: 1 });
  });

  test('refuses to call nothing a comparison', async () => {
    for (const run of [onSource, onTarget]) await run('TRUNCATE items');
    await expect(compareTables(context)).rejects.toMatchObject({ code: 'VERIFY.EMPTY' });
    await expect(compareTables({ ...context, tables: [] })).rejects.toMatchObject({ code: 'VERIFY.EMPTY' });
    const empty = { ...context, tables: [{ ...ITEMS, rowEstimate: 0 }] };
    expect(await compareTables(empty)).toEqual({ rowsCompared: 0, differences: [], unstable: 0 });
  });

  test('compares a table whose chunks were never planned as one range', async () => {
    expect(await compareTables({ ...context, progress: [] })).toMatchObject({ rowsCompared: 5000 });
  });

  test('stops with the reason of an abort while it waits for the apply', async () => {
    const controller = new AbortController();
    apply.between = () => {
      controller.abort(new Error('stopping'));
      return new Promise(() => undefined);
    };
    await expect(compareTables({ ...context, signal: controller.signal })).rejects.toThrow('stopping');
  });

  test('fails with the apply', async () => {
    const failing = Object.assign(new CaughtUp(), { met: () => Promise.reject(new Error('apply failed')) });
    await expect(compareTables({ ...context, replication: failing })).rejects.toThrow('apply failed');
  });
});

describe('settling live', () => {
  const keys = (count: number): readonly Key[] => Array.from({ length: count }, (_, index) => [String(index + 1)]);

  test('compares pending keys until few are left', async () => {
    context.pending.putBack([{ table: ITEMS, keys: keys(4000) }]);
    expect(await settleLive(context)).toMatchObject({ rowsCompared: 4000, differences: [], pendingKeys: 0 });
  });

  test('compares a truncated table as a whole', async () => {
    context.pending.truncated(ITEMS);
    expect(await settleLive(context)).toMatchObject({ rowsCompared: 5000, pendingTables: 0, pendingKeys: 0 });
  });

  test('gives up when the same keys keep changing, and says how many are left', async () => {
    context.pending.putBack([{ table: ITEMS, keys: keys(1500) }]);
    await onTarget(`UPDATE items SET v = 'behind' WHERE id <= 1500`);
    apply.between = async () => {
      await onSource('UPDATE items SET n = n + 1 WHERE id <= 1500');
    };
    expect(await settleLive(context)).toMatchObject({ differences: [], pendingKeys: 1500 });
  });

  test('reports a difference and keeps the key pending', async () => {
    await onTarget('DELETE FROM items WHERE id = 3');
    context.pending.putBack([{ table: ITEMS, keys: keys(1500) }]);
    expect(await settleLive(context)).toMatchObject({ differences: [{ keys: ['3'] }], pendingKeys: 1 });
  });

  test('puts everything back when it fails', async () => {
    context.pending.putBack([{ table: ITEMS, keys: keys(1500) }]);
    apply.between = () => Promise.reject(new Error('the source is gone'));
    await expect(settleLive(context)).rejects.toThrow('the source is gone');
    expect(context.pending.size).toBe(1500);
  });
});

describe('settling behind the fence', () => {
  test('compares pending keys and truncated tables without a marker', async () => {
    context.pending.putBack([{ table: ITEMS, keys: [['1'], ['2'], ['9999']] }]);
    expect(await settleFrozen(context)).toEqual({ rowsCompared: 2, differences: [], unstable: 0 });
    context.pending.truncated(ITEMS);
    expect(await settleFrozen(context)).toEqual({ rowsCompared: 5000, differences: [], unstable: 0 });
    expect(apply.marks).toEqual([]);
    expect(context.pending.size).toBe(0);
  });

  test('takes one inequality for a difference and finds it again at the next attempt', async () => {
    await onTarget(`UPDATE items SET v = NULL WHERE id = 5; INSERT INTO items VALUES (7000)`);
    context.pending.putBack([{ table: ITEMS, keys: [['4'], ['5'], ['7000']] }]);
    for (const rows of [1, 0]) {
      const result = await settleFrozen(context);
      expect(result).toMatchObject({ rowsCompared: rows, differences: [{ count: 2, keys: ['5', '7000'] }] });
    }
  });

  test('fails and puts everything back when the freeze has ended meanwhile', async () => {
    const controller = new AbortController();
    const source: Digests = Object.assign(Object.create(context.source), {
      keys: async (...read: Parameters<Digests['keys']>) => {
        const found = await context.source.keys(...read);
        controller.abort(new Error('the freeze is over'));
        return found;
      },
    });
    context.pending.putBack([{ table: ITEMS, keys: [['1'], ['2']] }]);
    const frozen = settleFrozen({ ...context, source, signal: controller.signal });
    await expect(frozen).rejects.toThrow('the freeze is over');
    expect(context.pending.size).toBe(2);
  });

  test('finds a difference in a truncated table', async () => {
    await onTarget('DELETE FROM items WHERE id = 2500');
    context.pending.truncated(ITEMS);
    expect(await settleFrozen(context)).toMatchObject({ rowsCompared: 4999, differences: [{ keys: ['2500'] }] });
  });
});
