// The journal on PostgreSQL.

import { PostgresServer } from '../../src/databases/postgres/connection.ts';
import { emptyTables } from '../../src/databases/postgres/existing.ts';
import { moveLetters } from '../../src/databases/postgres/journal/dead-letters.ts';
import { PostgresJournal } from '../../src/databases/postgres/journal/journal.ts';
import { LEASE_SCHEMA, proveLease } from '../../src/databases/postgres/lease-proof.ts';
import { moveCheckpoints, readCheckpoints, writeKeyChunk } from '../../src/databases/postgres/write/journal-moves.ts';
import { openPair } from '../fleet/databases.ts';
import { journalContract } from './journal-contract.ts';
import type { JournalWorld } from './journal-fixture.ts';

const TABLES = [
  'stage',
  'tables',
  'chunk',
  'key_chunk',
  'checkpoint',
  'cutover',
  'table_state',
  'dead_letter',
  'pass',
  'worker',
];

journalContract(async (): Promise<JournalWorld> => {
  const pair = await openPair();
  const server = new PostgresServer('target', pair.targetUrl, 'test');
  const session = await server.session({ purpose: 'test' });
  await session.run(LEASE_SCHEMA, []);
  return {
    journal: (run, epoch) => new PostgresJournal(server, run, () => ({ run, epoch })),
    takeOver: async (run, epoch) => {
      await server.with('take', (own) =>
        own.query(
          `INSERT INTO migrate.lease (run, epoch, holder) VALUES ($1, $2, 'test')
           ON CONFLICT (run) DO UPDATE SET epoch = excluded.epoch`,
          [run, epoch],
        ),
      );
    },
    begin: async (run, epoch) => {
      const own = await server.session({ purpose: 'lane' });
      const claim = { run, epoch };
      await own.query('BEGIN');
      const end = async (statement: string): Promise<void> => {
        await own.query(statement);
        await own.close();
      };
      return {
        move: (moves) => moveCheckpoints(own, { claim, direction: 'forward' }, moves),
        letters: async (at, moves) => {
          await proveLease(own, claim);
          await moveLetters(own, run, at, moves);
        },
        chunk: async (table, ordinal, at, rows) => {
          await proveLease(own, claim);
          await own.query(
            'UPDATE migrate.chunk SET at = $4, rows = $5 WHERE run = $1 AND table_id = $2 AND ordinal = $3',
            [run, table.id, ordinal, at, rows],
          );
        },
        keyChunk: (table, key, at) => writeKeyChunk(own, run, { table, chunk: { key, at } }),
        commit: () => end('COMMIT'),
        rollback: () => end('ROLLBACK'),
      };
    },
    givePass: async (run) => {
      await session.query("INSERT INTO migrate.pass (run, secret) VALUES ($1, '')", [run]);
    },
    checkpoints: (run) => server.with('checkpoints', (own) => readCheckpoints(own, { run }, 'forward')),
    someoneWaits: async () => {
      const waiting = `SELECT FROM pg_locks JOIN pg_stat_activity USING (pid)
        WHERE NOT granted AND datname = current_database()`;
      while ((await session.query(waiting)).length === 0) await new Promise(setImmediate);
    },
    empty: async (run, epoch, table) => {
      await session.query('CREATE SCHEMA IF NOT EXISTS shop');
      await session.query(`CREATE TABLE IF NOT EXISTS shop.${table.name} ()`);
      await server.with('schema', (own) => emptyTables(own, { run, epoch }, [table]));
    },
    execute: async (statement) => {
      await session.query(statement);
    },
    rowsOf: async (run) => {
      const counts = TABLES.map((table) => `SELECT count(*) AS n FROM migrate.${table} WHERE run = $1`);
      const [row] = await session.query(
        `SELECT sum(n) AS n FROM (${counts.join(' UNION ALL ')}
           UNION ALL SELECT count(*) FROM migrate.run WHERE name = $1) AS x`,
        [run],
      );
      return Number(row?.n);
    },
    close: async () => {
      await server.close();
      await pair.close();
    },
  };
});
