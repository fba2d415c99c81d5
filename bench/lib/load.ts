// Writes to a database at a fixed rate, in a process of its own: npx tsx bench/lib/load.ts URL TRANSACTIONS_PER_SECOND SECONDS
// Each transaction updates an account and adds a line of history; what is late is made up for.

import { PostgresServer } from '../../src/databases/postgres/connection.ts';

const [url = '', rate = 1_000, length = 10] = process.argv
  .slice(2)
  .map((value, index) => (index === 0 ? value : Number(value))) as [string, number, number];
const CLIENTS = 8;
const server = new PostgresServer('source', url, 'load');
let next = 0;
const began = performance.now();

async function client(): Promise<void> {
  const session = await server.session({ purpose: 'load' });
  for (;;) {
    const number = next++;
    if (number >= rate * length) break;
    const due = began + (number * 1_000) / rate;
    const early = due - performance.now();
    if (early > 0) await new Promise((resolve) => setTimeout(resolve, early));
    await session.prepared(
      'one',
      `WITH account AS (UPDATE bank.accounts SET balance = balance + 1 WHERE id = 1 + $1::int * 7919 % 100000)
       INSERT INTO bank.history (id, note) VALUES ($1::int, 'some text of thirty characters')`,
      [number],
    );
  }
  await session.close();
}

await Promise.all(Array.from({ length: CLIENTS }, client));
await server.close();
