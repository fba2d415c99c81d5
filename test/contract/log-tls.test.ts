import { expect, test } from 'vitest';
import { startServer } from '../fleet/postgres.ts';
import { offerTls } from '../fleet/tls.ts';
import { openLogFixture, tableOf } from './log-fixture.ts';

const ROWS = 100_000;

// Each message is a record of its own there. A millisecond for each would be longer than a test may take.
test('a log that comes over TLS is read as fast as it comes', async () => {
  const server = await startServer();
  try {
    await offerTls(server);
    const fixture = await openLogFixture(`${server.url()}?sslmode=require`);
    try {
      const { db } = fixture;
      const items = tableOf('items', [['id', 'integer']]);
      await db.query('CREATE TABLE items (id int PRIMARY KEY)');
      const start = await fixture.log().pin([items]);
      await start.close();
      await db.query(`INSERT INTO items SELECT generate_series(1, ${ROWS})`);
      await fixture.log().mark('end');
      const reader = await fixture.read(start.at, [items]);
      await reader.untilMarker('end');
      expect(reader.changes).toHaveLength(ROWS);
      const { rows } = await db.query('SELECT ssl FROM pg_stat_replication JOIN pg_stat_ssl USING (pid)');
      expect(rows).toEqual([{ ssl: true }]);
    } finally {
      await fixture.close();
    }
  } finally {
    await server.close();
  }
});
