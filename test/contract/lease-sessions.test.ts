// Whose sessions a runner ends when it takes its lease: those that it or its predecessor left, and nobody else's.

import { afterEach, expect, test } from 'vitest';
import { PostgresServer } from '../../src/databases/postgres/connection.ts';
import { PostgresLeaseStore } from '../../src/databases/postgres/lease-store.ts';
import { type FormerLock, RunLease } from '../../src/runner/lease.ts';
import { openPair, type Pair } from '../fleet/databases.ts';
import { openProxy } from '../fleet/proxy.ts';

const closers: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function pair(): Promise<Pair> {
  const opened = await openPair();
  closers.push(() => opened.close());
  return opened;
}

function server(side: 'source' | 'target', url: string): PostgresServer {
  const opened = new PostgresServer(side, url, 'same');
  closers.push(() => opened.close());
  return opened;
}

function leaseOn(source: PostgresServer, target: PostgresServer, former?: FormerLock): RunLease {
  const lease = new RunLease({
    source: new PostgresLeaseStore(source),
    target: new PostgresLeaseStore(target),
    run: 'same',
    holder: 'a test',
    ...(former && { former }),
  });
  closers.push(() => lease.release());
  return lease;
}

test('a run of the same name in another database of the server keeps its sessions', async () => {
  const [ours, theirs] = [await pair(), await pair()];
  const old = await server('target', ours.targetUrl).session({ purpose: 'lane' });
  const other = await server('target', theirs.targetUrl).session({ purpose: 'lane' });
  // Sessions count as left over only when they are clearly older than the lock.
  await other.query('SELECT pg_sleep(1.5)');
  const lease = leaseOn(server('source', ours.sourceUrl), server('target', ours.targetUrl));
  await lease.lock(false);
  await lease.claimEpoch();
  await expect(old.query('SELECT 1')).rejects.toMatchObject({ code: 'TARGET.CONNECTION' });
  await expect(other.one('SELECT 1 AS it')).resolves.toEqual({ it: '1' });
});

test('a lock that a dead connection of the same process still holds on the server is taken back', async () => {
  const { sourceUrl, targetUrl } = await pair();
  const proxy = await openProxy(Number(new URL(targetUrl).port));
  closers.push(() => proxy.close());
  const source = server('source', sourceUrl);
  const former: FormerLock = {};
  const first = leaseOn(source, server('target', proxy.url(targetUrl)), former);
  await first.lock(false);
  await first.claimEpoch();
  proxy.strand();
  await expect(first.lost).rejects.toMatchObject({ code: 'TARGET.CONNECTION' });
  const second = leaseOn(source, server('target', proxy.url(targetUrl)), former);
  await second.lock(false);
  await second.claimEpoch();
  expect(second.epoch).toBe(2);
  // Another process has no such memory, and gives way.
  await expect(leaseOn(source, server('target', targetUrl)).lock(false)).rejects.toMatchObject({ code: 'LEASE.HELD' });
});
