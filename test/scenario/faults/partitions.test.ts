import { expect, test } from 'vitest';
import { RENTAL } from '../../contract/rental.ts';
import { AUTO, openScene, rowsOf } from '../scene.ts';

const ROWS = `
INSERT INTO rental.film (title, released, price, words, body)
  SELECT 'film ' || n, 1950 + n, n, ARRAY['a' || n], repeat('b' || n, 900) FROM generate_series(1, 30) n;
INSERT INTO rental.payment (at, film, amount, region)
  SELECT date '2026-01-01' + n, n % 12 + 1, n, CASE WHEN n % 3 = 0 THEN 'us' ELSE 'eu' END FROM generate_series(1, 200) n;
INSERT INTO rental.refund (payment_id, at, region) SELECT payment_id, at, region FROM rental.payment WHERE film = 7;
INSERT INTO rental.hashed SELECT n, 'v' || n FROM generate_series(1, 50) n;
INSERT INTO rental.person (name) SELECT 'p' || n FROM generate_series(1, 20) n;
INSERT INTO rental.staff (id, name, wage) SELECT n + 500, 's' || n, n FROM generate_series(1, 20) n;
INSERT INTO rental.boss (id, name, wage) SELECT n + 900, 'b' || n, n FROM generate_series(1, 20) n;
INSERT INTO rental.counted SELECT 'c' || n, n FROM generate_series(1, 20) n;
INSERT INTO rental.keyless SELECT n % 4, NULL FROM generate_series(1, 20) n;
INSERT INTO rental.linked SELECT n, n FROM generate_series(1, 20) n`;

/** Rows move from partition to partition, roots are written through and emptied, computed values change. */
const CHANGES = [
  "INSERT INTO rental.payment (at, film, region) SELECT date '2026-06-01' + n, 1, 'jp' FROM generate_series(1, 20) n",
  'UPDATE rental.payment SET at = at + 61 WHERE amount BETWEEN 20 AND 40 AND film <> 7',
  "UPDATE rental.payment SET region = 'uk' WHERE amount BETWEEN 150 AND 170 AND film <> 7",
  'UPDATE "Old ""part"""."March" SET amount = amount + 0.5 WHERE film <> 13',
  'DELETE FROM rental.payment WHERE film = 9',
  "UPDATE rental.film SET price = price + 1, title = title || '!'",
  'UPDATE rental.person SET name = name || id',
  'DELETE FROM rental.staff WHERE id % 5 = 0',
  'UPDATE rental.hashed SET id = id + 1000 WHERE id < 20',
  'TRUNCATE rental.linked',
  'INSERT INTO rental.linked SELECT n, n FROM generate_series(50, 60) n',
  'UPDATE rental.keyless SET b = a WHERE a = 2',
  'TRUNCATE rental.payment_late CASCADE',
  "INSERT INTO rental.payment (at, film, region) SELECT date '2026-07-01' + n, 2, 'de' FROM generate_series(1, 9) n",
];

/** Each table that has rows of its own, with what is in it and nowhere else. */
async function contents(url: string): Promise<readonly (readonly unknown[])[]> {
  const tables = await rowsOf(
    url,
    `SELECT format('SELECT %L, count(*), md5(string_agg(t::text, chr(10) ORDER BY t::text)) FROM ONLY %s t', c.oid::regclass, c.oid::regclass)
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind = 'r' AND n.nspname IN ('rental', 'Old "part"') ORDER BY c.oid::regclass::text`,
  );
  return rowsOf(url, `${tables.map(([query]) => String(query)).join(' UNION ALL ')} ORDER BY 1`);
}

test('partitions, heirs and computed columns are copied and followed, and no write gets past the cutover', async () => {
  const scene = await openScene({
    schema: `${RENTAL}; ${ROWS}`,
    sections: { cutover: AUTO, snapshot: { chunkRows: 20 }, apply: { batchRows: 15 } },
  });
  const copied = scene.hold('copied');
  const frozen = scene.hold('frozen');
  const process = scene.start(undefined, {
    failpoints: `copy.done=pause(${copied.path});cutover.switched=pause(${frozen.path})`,
  });
  await process.waitFor(/^failpoint copy\.done 1$/);
  await scene.onSource(...CHANGES);
  await copied.release();
  await process.waitFor(/^failpoint cutover\.switched 1$/);
  const expected = await contents(scene.sourceUrl);
  expect(expected.length).toBe(16);
  expect(await contents(scene.targetUrl)).toEqual(expected);
  for (const url of [scene.sourceUrl, scene.targetUrl]) {
    for (const table of ['rental.payment', 'rental.payment_late', 'rental.payment_late_eu', 'rental.person']) {
      await expect(rowsOf(url, `DELETE FROM ${table}`), table).rejects.toThrow('writes are stopped');
    }
  }
  await frozen.release();
  const result = await process.exited;
  expect(result.code, result.stderr.slice(-2000)).toBe(0);
  expect(result.json).toMatchObject({ result: 'complete', verify: { differences: 0 } });
  // The identity of the root is drawn from past what was copied, and new rows find their partitions.
  await scene.onTarget("INSERT INTO rental.payment (at, region) VALUES ('2026-03-03', 'eu'), ('2027-01-01', 'fr')");
  await expect(rowsOf(scene.targetUrl, 'INSERT INTO rental.person (id, name) VALUES (1, $$x$$)')).rejects.toThrow(
    'non-DEFAULT',
  );
});
