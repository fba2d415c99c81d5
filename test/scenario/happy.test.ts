// A whole migration under live writers, from nothing to applications that write to the target.

import { describe, expect, it } from 'vitest';
import { withClient } from '../fleet/databases.ts';
import { type Migration, withMigration } from './migration.ts';

const WORKLOADS = ['shop', 'torture'] as const;

describe.each(WORKLOADS)('a run of the %s workload', (workload) => {
  it('ends with everything on the target, equal at the switch, and with writers that have followed', async () => {
    await withMigration({ workload, rows: 300 }, async (migration) => {
      const result = await migration.run();
      await migration.expectComplete(result);

      expect(result.json).toEqual({
        result: 'complete',
        run: expect.any(String),
        snapshot: { rows: expect.any(Number), seconds: expect.any(Number) },
        stream: { changes: expect.any(Number), splitTransactions: 0 },
        verify: { rowsCompared: expect.any(Number), differences: 0, emptyValues: [] },
        cutover: { writePauseMs: expect.any(Number), attempts: 1, steps: expect.any(Object) },
        foreignKeys: { validated: 0, notValid: [] },
        waivers: { tables: [], foreignKeys: [], letters: [] },
        wayBack: 'none',
        next: expect.any(Array),
      });
      const { snapshot, stream, verify, cutover } = result.json as unknown as ResultJson;
      // The rows that were there before the first write, at least.
      expect(snapshot.rows).toBeGreaterThanOrEqual(915);
      expect(snapshot.seconds).toBeGreaterThan(0);
      expect(stream.changes).toBeGreaterThan(0);
      expect(verify.rowsCompared).toBeGreaterThanOrEqual(915);
      expect(cutover.writePauseMs).toBeGreaterThan(0);
      expect(Object.keys(cutover.steps)).toEqual(
        'forecast arm close wait drain settle sequences foreign-keys permanent open'.split(' '),
      );

      await expectSameSchema(migration);
      await expectFreshKeys(migration);
      await expectOnlyTargetWrites(migration);
      expect(await migration.leftOnSource()).toEqual([]);
      expect(await migration.status()).toMatchObject({ stage: 'complete', writable: 'target' });
      // The same command once more changes nothing and says the same.
      const again = await migration.start().exited;
      expect(again.code, again.stderr).toBe(0);
      expect(again.json).toEqual(result.json);
    });
  });
});

interface ResultJson {
  readonly snapshot: { readonly rows: number; readonly seconds: number };
  readonly stream: { readonly changes: number };
  readonly verify: { readonly rowsCompared: number };
  readonly cutover: { readonly writePauseMs: number; readonly steps: Readonly<Record<string, number>> };
}

// Objects by their definition; our own triggers are in neither of the three.
const SCHEMA = `
  SELECT 'constraint' AS kind, conrelid::regclass::text AS "table", conname::text AS name,
    pg_get_constraintdef(oid) || ' ' || convalidated || condeferrable || condeferred AS definition
  FROM pg_constraint WHERE connamespace = 'work'::regnamespace
  UNION ALL SELECT 'index', tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'work'
  UNION ALL SELECT 'sequence', schemaname, sequencename,
    concat_ws(' ', data_type, start_value, min_value, max_value, increment_by, cycle, cache_size)
  FROM pg_sequences WHERE schemaname = 'work'
  UNION ALL SELECT 'index is valid', indrelid::regclass::text, indexrelid::regclass::text, indisvalid::text
  FROM pg_index JOIN pg_class c ON c.oid = indexrelid WHERE c.relnamespace = 'work'::regnamespace
  UNION ALL SELECT 'identity', attrelid::regclass::text, attname, concat(attidentity, attgenerated)
  FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
  WHERE c.relnamespace = 'work'::regnamespace AND c.relkind = 'r' AND (attidentity <> '' OR attgenerated <> '')
  ORDER BY 1, 2, 3`;

async function expectSameSchema({ pair }: Migration): Promise<void> {
  const read = (url: string): Promise<readonly unknown[]> =>
    withClient(url, async (client) => (await client.query(SCHEMA)).rows);
  const source = await read(pair.sourceUrl);
  expect(source.length).toBeGreaterThan(10);
  expect(await read(pair.targetUrl)).toEqual(source);
}

/** Every generated key is above every key there is: the first insert collides with nothing. */
async function expectFreshKeys({ pair }: Migration): Promise<void> {
  await withClient(pair.targetUrl, async (client) => {
    const { rows } = await client.query(`SELECT s.sequencename::text AS name,
        pg_get_serial_sequence('work.' || left(s.sequencename, -7), 'id') AS sequence,
        'work.' || left(s.sequencename, -7) AS "table"
      FROM pg_sequences s WHERE s.schemaname = 'work' AND s.sequencename LIKE '%\\_id\\_seq'`);
    expect(rows.length).toBeGreaterThan(0);
    for (const { sequence, table } of rows as { sequence: string; table: string }[]) {
      const { rows: found } = await client.query(
        `SELECT nextval($1) > coalesce((SELECT max(id) FROM ${table}), 0) AS fresh`,
        [sequence],
      );
      expect(found, table).toEqual([{ fresh: true }]);
    }
  });
}

async function expectOnlyTargetWrites({ pair }: Migration): Promise<void> {
  const insert = `INSERT INTO work.ledger (token) VALUES ('late')`;
  await expect(withClient(pair.sourceUrl, (client) => client.query(insert))).rejects.toMatchObject({ code: '25006' });
  await withClient(pair.targetUrl, (client) => client.query(insert));
}
