// The lease: one runner at a time, an epoch on both databases that only grows, and a name that belongs to one target.

import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { PostgresServer } from '../../src/databases/postgres/connection.ts';
import { proveLease } from '../../src/databases/postgres/lease-proof.ts';
import { PostgresLeaseStore } from '../../src/databases/postgres/lease-store.ts';
import { type FormerLock, RunLease } from '../../src/runner/lease.ts';
import { openPair, withClient } from '../fleet/databases.ts';

let pair: Awaited<ReturnType<typeof openPair>>;
let servers: PostgresServer[];

beforeEach(async () => {
  pair = await openPair();
  servers = [];
});

afterEach(async () => {
  await Promise.all(servers.map((server) => server.close()));
  await pair.close();
});

interface RunnerOptions {
  readonly run?: string;
  readonly targetUrl?: string;
  readonly holder?: string;
  readonly former?: FormerLock;
}

function runner(options: RunnerOptions = {}): { lease: RunLease; target: PostgresServer } {
  const { run = 'orders', targetUrl = pair.targetUrl, holder = 'test', former = {} } = options;
  const source = new PostgresServer('source', pair.sourceUrl, run);
  const target = new PostgresServer('target', targetUrl, run);
  servers.push(source, target);
  return {
    lease: new RunLease({
      source: new PostgresLeaseStore(source),
      target: new PostgresLeaseStore(target),
      run,
      holder,
      former,
    }),
    target,
  };
}

const epochs = (): Promise<string[]> =>
  Promise.all(
    [pair.sourceUrl, pair.targetUrl].map((url) =>
      withClient(url, async (client) => String((await client.query('SELECT epoch FROM migrate.lease')).rows[0].epoch)),
    ),
  );

test('locking writes nothing, claiming raises the epoch on both databases', async () => {
  const { lease } = runner();
  await lease.lock(false);
  await withClient(pair.targetUrl, async (client) => {
    expect((await client.query(`SELECT to_regnamespace('migrate') AS it`)).rows[0].it).toBeNull();
  });
  await lease.claimEpoch();
  expect(await epochs()).toEqual(['1', '1']);
  await lease.release();
  const next = runner();
  await next.lease.lock(false);
  await next.lease.claimEpoch();
  expect(await epochs()).toEqual(['2', '2']);
  await next.lease.release();
});

test('a runner that was taken over does not come back, although nobody holds the lease at the moment', async () => {
  const former: FormerLock = {};
  const first = runner({ holder: 'first', former });
  await first.lease.lock(false);
  await first.lease.claimEpoch();
  // Its own lost connection is no takeover.
  await first.lease.release();
  const again = runner({ holder: 'first', former });
  await again.lease.lock(false);
  await again.lease.claimEpoch();
  const second = runner({ holder: 'second' });
  await second.lease.lock(true);
  await second.lease.claimEpoch();
  await expect(again.lease.lost).rejects.toMatchObject({ code: 'TARGET.CONNECTION' });
  await second.lease.release();
  const before = await epochs();
  await expect(runner({ holder: 'first', former }).lease.lock(false)).rejects.toMatchObject({ code: 'LEASE.LOST' });
  expect(await epochs()).toEqual(before);
});

test('a second runner is refused and changes nothing, also when it waits while the first takes the lease', async () => {
  const { lease, target } = runner();
  await lease.lock(false);
  const refused = expect(runner().lease.lock(false)).rejects.toMatchObject({ code: 'LEASE.HELD' });
  // Sessions are ended only when they are clearly older than the claim.
  await target.with('test', (session) => session.query('SELECT pg_sleep(1)'));
  await lease.claimEpoch();
  await refused;
  expect(await epochs()).toEqual(['1', '1']);
  await lease.release();
}, 30_000);

test('a takeover refuses what the old runner would write next, also a transaction that was open', async () => {
  const old = runner();
  await old.lease.lock(false);
  await old.lease.claimEpoch();
  const session = await old.target.session({ purpose: 'lane' });
  await session.query('BEGIN');
  await proveLease(session, old.lease.claim());
  const next = runner();
  await next.lease.lock(true);
  await next.lease.claimEpoch();
  await expect(session.query('COMMIT')).rejects.toMatchObject({ code: 'TARGET.CONNECTION' });
  await expect(old.lease.lost).rejects.toMatchObject({ code: 'TARGET.CONNECTION' });
  const late = await old.target.session({ purpose: 'lane' });
  await expect(proveLease(late, { run: 'orders', epoch: 1 })).rejects.toMatchObject({ code: 'LEASE.LOST' });
  await next.lease.release();
}, 30_000);

test('a name that leads to another target is refused on the source', async () => {
  const first = runner();
  await first.lease.lock(false);
  await first.lease.claimEpoch();
  const other = await openPair();
  try {
    const second = runner({ targetUrl: other.targetUrl });
    await second.lease.lock(false);
    await expect(second.lease.claimEpoch()).rejects.toMatchObject({ code: 'RUN.NAME' });
    expect(await epochs()).toEqual(['1', '1']);
    await second.lease.release();
  } finally {
    await first.lease.release();
    await other.close();
  }
});

test('forgetting the last lease takes schema migrate away, and only then', async () => {
  const one = runner({ run: 'one' });
  const two = runner({ run: 'two' });
  for (const { lease } of [one, two]) {
    await lease.lock(false);
    await lease.claimEpoch();
  }
  const schema = (): Promise<unknown> =>
    withClient(
      pair.sourceUrl,
      async (client) => (await client.query(`SELECT to_regnamespace('migrate') AS it`)).rows[0].it,
    );
  await one.lease.forget('source');
  expect(await schema()).toBe('migrate');
  await two.lease.forget('source');
  expect(await schema()).toBeNull();
  await Promise.all([one.lease.release(), two.lease.release()]);
});

test('schema migrate, and what is in it, stays where all of it belongs to others', async () => {
  const role = `r_${randomBytes(6).toString('hex')}`;
  const first = runner();
  await first.lease.lock(false);
  await first.lease.claimEpoch();
  const admin = (...statements: readonly string[]): Promise<void> =>
    withClient(pair.targetUrl, async (client) => {
      for (const statement of statements) await client.query(statement);
    });
  await admin(
    `CREATE ROLE ${role} LOGIN`,
    `GRANT USAGE ON SCHEMA migrate TO ${role}`,
    `GRANT SELECT, UPDATE, DELETE ON migrate.lease TO ${role}`,
  );
  try {
    const source = new PostgresServer('source', pair.sourceUrl, 'orders');
    const url = Object.assign(new URL(pair.targetUrl), { username: role });
    const target = new PostgresServer('target', url.href, 'orders');
    servers.push(source, target);
    const lease = new RunLease({
      source: new PostgresLeaseStore(source),
      target: new PostgresLeaseStore(target),
      run: 'orders',
      holder: 'test',
    });
    vi.spyOn(lease, 'claim').mockReturnValue({ run: 'orders', epoch: 1 });
    await lease.forget('target');
    await withClient(pair.targetUrl, async (client) => {
      expect((await client.query('SELECT count(*) AS n FROM migrate.lease')).rows).toEqual([{ n: '0' }]);
    });
  } finally {
    await first.lease.release();
    await admin(`DROP OWNED BY ${role}`, `DROP ROLE ${role}`);
  }
});
