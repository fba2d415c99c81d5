// The life of a run's connector on a real worker, and what its watch sees.

import { describe, expect, it } from 'vitest';
import type { MigrateError } from '../../src/lib/errors.ts';
import { watchConnector } from '../../src/stream/connect/watch.ts';
import { sharedKafka } from '../fleet/kafka-shared.ts';
import { type Captured, capture } from './kafka-connect-fixture.ts';

/** A test with a connector of its own, on the worker that all share. */
const captured =
  (use: (captured: Captured) => Promise<void>, own = {}) =>
  async () => {
    const made = await capture(sharedKafka(), own);
    try {
      await use(made);
    } finally {
      await made.close();
    }
  };

/** What a watch that looks often says in the end. */
async function seen({ connector }: Captured, done: () => Promise<unknown>): Promise<MigrateError> {
  let watch: { close(): Promise<void> } | undefined;
  try {
    return await new Promise<MigrateError>((resolve, reject) => {
      watch = watchConnector(connector, { intervalMs: 200, patienceMs: 20_000 }, resolve);
      done().catch(reject);
    });
  } finally {
    await watch?.close();
  }
}

describe('a connector', () => {
  it(
    'is made stopped, begins where it is told to, and is removed with its place',
    captured(async (made) => {
      const { connector, source, ids, rest, name } = made;
      await connector.create();
      await connector.create();
      expect((await connector.status())?.connector.state).toBe('STOPPED');
      await source.query('INSERT INTO t VALUES (1)');
      const { rows } = await source.query("SELECT (pg_current_wal_lsn() - '0/0')::text AS lsn");
      await connector.setOffset(undefined);
      await connector.setOffset({ lsn: Number(rows[0].lsn) });
      expect(await connector.offset()).toEqual({ lsn: Number(rows[0].lsn) });
      await source.query('INSERT INTO t VALUES (2), (3)');
      await connector.start();
      await connector.start();
      expect(await ids(2)).toEqual([2, 3]);
      await connector.remove();
      await connector.remove();
      expect(await rest.options(name)).toBeUndefined();
      await connector.create();
      expect(await connector.offset()).toBeUndefined();
    }),
  );

  it(
    'that somebody edited or deleted is noticed without its password, put back, and goes on where it was',
    captured(async (made) => {
      const { connector, source, ids, rest, name, options } = made;
      await connector.create();
      await connector.start();
      await source.query('INSERT INTO t VALUES (1)');
      expect(await ids(1)).toEqual([1]);
      const other = { ...options, 'table.include.list': 'public.other', 'database.password': 'sesame-shut' };
      const edited = await seen(made, () => rest.update(name, other));
      expect([edited.code, edited.disposition]).toEqual(['CONNECT.CHANGED', 'operator']);
      expect(edited.message).toBe(`connector ${name} was given other options: table.include.list`);
      await connector.start();
      expect(await connector.changedOptions()).toEqual([]);
      await rest.update(name, { ...options, 'database.password': 'sesame-shut' });
      await connector.start();
      expect(await rest.options(name)).toEqual({ ...options, name });
      const deleted = await seen(made, () => rest.remove(name));
      expect([deleted.code, deleted.message]).toEqual(['CONNECT.CHANGED', `connector ${name} was deleted`]);
      await source.query('INSERT INTO t VALUES (2)');
      await connector.start();
      expect(await ids(2)).toEqual([1, 2]);
    }),
  );

  it(
    'whose slot was dropped is seen to have failed for good',
    captured(async (made) => {
      const { connector, source, slot, ids, rest, name } = made;
      await connector.create();
      await connector.start();
      await source.query('INSERT INTO t VALUES (1)');
      expect(await ids(1)).toEqual([1]);
      await rest.turn(name, 'stop');
      await source.query(
        'SELECT pg_terminate_backend(active_pid, 10000) FROM pg_replication_slots WHERE slot_name = $1',
        [slot],
      );
      await source.query('SELECT pg_drop_replication_slot($1)', [slot]);
      const error = await seen(made, () => connector.start().catch(() => undefined));
      expect(error.code).toBe('STREAM.GONE');
      await expect(connector.start()).rejects.toMatchObject({ code: 'STREAM.GONE' });
    }),
  );

  it(
    'that cannot have what it is told says which option, and no password',
    captured(
      async ({ connector }) => {
        const error = await connector.create().catch((thrown: MigrateError) => thrown);
        expect(error).toMatchObject({ code: 'CONNECT.REFUSED', disposition: 'operator' });
        expect(String(error)).toContain('poll.interval.ms');
        expect(String(error)).not.toContain('sesame');
      },
      { 'poll.interval.ms': '-open-sesame' },
    ),
  );

  it(
    'whose source is away is tried again',
    captured(
      async ({ connector }) => {
        await expect(connector.create()).rejects.toMatchObject({ code: 'CONNECT.REFUSED', disposition: 'retry' });
      },
      { 'database.port': '1' },
    ),
  );
});
