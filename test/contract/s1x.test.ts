import { test } from 'vitest';
import { startMysql } from '../fleet/mysql.ts';
import { SourceFixture } from './mysql-source-fixture.ts';
test('speed', async () => {
  const fleet = await startMysql();
  const db = await SourceFixture.open(fleet.port);
  try {
    await db.make('CREATE TABLE p (id bigint primary key, a varchar(50), b decimal(10,2), c datetime(6), d double, e varchar(100), f int)', 'SET SESSION cte_max_recursion_depth=1000000',
     "INSERT INTO p WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200000) SELECT i, CONCAT('name ', i), i/7, '2024-01-01' + interval i second, i/3e0, REPEAT('x', i % 100), i FROM n");
    const s = await db.source.log.pin(db.tables); console.log(s.means, s.lockMs);
    const r = await s.reader();
    for (let k = 0; k < 2; k++) { const t = performance.now(); let n = 0;
    for await (const b of r.read(db.table('p'), { lower: null, upper: null }).bytes) n += (b as Buffer).length;
    console.log('read', n, performance.now() - t); }
    let t = performance.now(); console.log(await db.source.digests.range(db.table('p'), { lower: null, upper: null })); console.log('digest', performance.now() - t);
    t = performance.now(); console.log((await db.source.chunks.plan(db.table('p'), 5000)).length, performance.now() - t);
    await s.close();
  } finally { await db.close(); await fleet.close(); }
});
