// A cutover between two real databases while clients write without pause: every write that was acknowledged is on the
// target afterwards, or the source is open and complete.

import pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Cutover } from '../../src/cutover/cutover.ts';
import type { CutoverOptions } from '../../src/cutover/options.ts';
import { writableSide } from '../../src/cutover/writable.ts';
import { PostgresServer } from '../../src/databases/postgres/connection.ts';
import { PostgresFence } from '../../src/databases/postgres/fence/fence.ts';
import { functionStatement, triggerStatement } from '../../src/databases/postgres/fence/function.ts';
import { LEASE_SCHEMA } from '../../src/databases/postgres/lease-proof.ts';
import type { CutoverRecord } from '../../src/journal/journal.ts';
import { MigrateError } from '../../src/lib/errors.ts';
import type { Catalog } from '../../src/model/catalog.ts';
import type { Position } from '../../src/model/position.ts';
import { RunStatus } from '../../src/observe/status.ts';
import { openPair, type Pair } from '../fleet/databases.ts';
import { tableOf } from './copy-fixture.ts';

const ID = 'a1b2c3d4';
const item = tableOf('item', []);
const catalog: Catalog = {
  tables: [
    {
      table: item,
      columns: [],
      key: { name: 'item_pkey', kind: 'constraint', definition: 'PRIMARY KEY (id)', comment: null, roles: [] },
      checks: [],
      uniqueConstraints: [],
      indexes: [],
      foreignKeys: [],
      partitionOf: null,
      inherits: [],
      settings: [],
      comment: null,
    },
  ],
  parents: [],
  types: [],
  extensions: [],
  sequences: [],
  schemas: ['public'],
  notCarried: [],
};

describe('a cutover between two databases', () => {
  let pair: Pair;
  let servers: { source: PostgresServer; target: PostgresServer };
  let source: pg.Client;
  let target: pg.Client;
  let records: CutoverRecord[];

  beforeEach(async () => {
    pair = await openPair();
    [source, target] = [await connect(pair.sourceUrl), await connect(pair.targetUrl)];
    for (const client of [source, target]) {
      await client.query('CREATE TABLE item (id text PRIMARY KEY)');
      await client.query(LEASE_SCHEMA);
      await client.query(`INSERT INTO migrate.lease VALUES ('orders', 1, 'test')`);
    }
    await target.query(`${functionStatement(ID, 'permanent')}; ${triggerStatement(ID, item)}`);
    await target.query('SET session_replication_role = replica');
    servers = {
      source: new PostgresServer('source', pair.sourceUrl, 'orders'),
      target: new PostgresServer('target', pair.targetUrl, 'orders'),
    };
    records = [];
  });

  afterEach(async () => {
    await Promise.all([servers.source.close(), servers.target.close(), source.end(), target.end()]);
    await pair.close();
  });

  /** The replication of this test: at the marker, whatever the source has is copied. */
  async function replicate(): Promise<void> {
    const { rows } = await source.query<{ id: string }>('SELECT id FROM item');
    await target.query('INSERT INTO item SELECT unnest($1::text[]) ON CONFLICT DO NOTHING', [rows.map(({ id }) => id)]);
  }

  function options(change: Partial<CutoverOptions> = {}): CutoverOptions {
    const claim = { run: 'orders', epoch: 1 };
    const status = new RunStatus('orders');
    status.update((value) => {
      value.stream.lagSeconds = 0;
    });
    let marked = (): void => undefined;
    const nothing = (): Promise<void> => Promise.resolve();
    const sequences = { read: () => Promise.resolve([]), prepare: nothing, advance: nothing, relax: nothing };
    const unused = (): Promise<never> => Promise.reject(new Error('not part of a cutover'));
    return {
      run: { name: 'orders', id: ID, epoch: 1 },
      source: {
        fence: new PostgresFence({ server: servers.source, claim: () => claim, id: ID }),
        sequences,
        log: {
          mark: async () => marked(),
          pin: unused,
          pair: unused,
          publish: unused,
          release: unused,
          head: () => Promise.resolve('0/1' as Position),
        },
      },
      target: {
        fence: new PostgresFence({ server: servers.target, claim: () => claim, id: ID }),
        sequences,
        foreignKeys: { add: async () => undefined, remove: async () => undefined },
      },
      journal: {
        cutovers: {
          latest: () => Promise.resolve(records.at(-1)),
          write: (record) => {
            records = [...records.filter(({ attempt }) => attempt !== record.attempt), record];
            return Promise.resolve();
          },
        },
      },
      replication: {
        met: async () => {
          await new Promise<void>((resolve) => {
            marked = resolve;
          });
          await replicate();
        },
        passed: unused,
        atBarrier: unused,
        observe: () => {},
        failed: new Promise<never>(() => {}),
      },
      settle: () => Promise.resolve({ rowsCompared: 1, differences: [], unstable: 0 }),
      fingerprint: () => Promise.resolve(true),
      catalog,
      plan: { maxLag: 1_000, budget: 10_000, openTransactions: 'wait', sequenceMargin: 1 },
      switches: [],
      status,
      log: { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} },
      signal: new AbortController().signal,
      retriesLeft: 1,
      ...change,
    };
  }

  /** Clients that write to the source, and to the target once the source refuses them. */
  async function startClients(): Promise<{ stop(): Promise<readonly string[]>; written(): number }> {
    const acknowledged: string[] = [];
    let stopped = false;
    const clients = Array.from({ length: 4 }, async (_, client) => {
      const sides = [await connect(pair.sourceUrl), await connect(pair.targetUrl)] as const;
      for (let n = 0, side: 0 | 1 = 0; !stopped; n++) {
        const id = `${client}-${n}`;
        try {
          await sides[side].query('INSERT INTO item VALUES ($1)', [id]);
          acknowledged.push(id);
        } catch (error) {
          expect((error as { code: string }).code).toBe('25006');
          side = side === 0 ? 1 : 0;
        }
      }
      await Promise.all(sides.map((side) => side.end()));
    });
    return {
      written: () => acknowledged.length,
      stop: async () => {
        stopped = true;
        await Promise.all(clients);
        return acknowledged;
      },
    };
  }

  async function progress(clients: { written(): number }): Promise<void> {
    const seen = clients.written();
    while (clients.written() < seen + 50) await new Promise((resolve) => setImmediate(resolve));
  }

  async function ids(client: pg.Client): Promise<readonly string[]> {
    return (await client.query<{ id: string }>('SELECT id FROM item')).rows.map(({ id }) => id).sort();
  }

  async function sides(from: CutoverOptions): Promise<string> {
    return writableSide(await from.source.fence.state(), await from.target.fence.state());
  }

  it('carries every acknowledged write over, through attempts that fail on the way', async () => {
    const clients = await startClients();
    await progress(clients);
    const failing = options({ settle: () => Promise.reject(new MigrateError('TARGET.TRANSIENT', 'a deadlock')) });
    for (let attempt = 0; attempt < 3; attempt++) {
      await expect(new Cutover(failing).run()).rejects.toMatchObject({ code: 'CUTOVER.BUDGET', disposition: 'retry' });
      expect(await sides(failing)).toBe('source');
      await progress(clients);
    }
    const good = options();
    const result = await new Cutover(good).run();
    expect(result.attempt).toBe(4);
    expect(result.writePauseMs).toBeGreaterThanOrEqual(0);
    await progress(clients);
    const acknowledged = await clients.stop();
    expect(await ids(target)).toEqual([...acknowledged].sort());
    expect(await sides(good)).toBe('target');
    await expect(source.query(`INSERT INTO item VALUES ('late')`)).rejects.toMatchObject({ code: '25006' });
    const left = await target.query(`SELECT tgname FROM pg_trigger WHERE tgname = 'migrate_fence'`);
    expect(left.rows).toEqual([]);
    expect(await new Cutover(good).run()).toMatchObject({ attempt: 4 });
  });

  it('waits for an open transaction, whose write arrives', async () => {
    const app = await connect(pair.sourceUrl);
    const from = options();
    await from.source.fence.arm([item], from.signal);
    await app.query(`BEGIN; INSERT INTO item VALUES ('open')`);
    const running = new Cutover(from).run();
    while ((await from.source.fence.state()).kind !== 'closed') await source.query('SELECT 1');
    await app.query('COMMIT');
    await app.end();
    await running;
    expect(await ids(target)).toEqual(['open']);
  });

  it('is undone and names a transaction that does not end; where the plan says so the session is ended', async () => {
    const app = await connect(pair.sourceUrl);
    const plan = { maxLag: 1_000, budget: 1_000, openTransactions: 'wait', sequenceMargin: 1 } as const;
    const waiting = options({ plan });
    await waiting.source.fence.arm([item], waiting.signal);
    await app.query(`SET application_name = 'till'; BEGIN; INSERT INTO item VALUES ('open')`);
    await expect(new Cutover(waiting).run()).rejects.toMatchObject({
      code: 'CUTOVER.BUDGET',
      message: expect.stringMatching(/still open after \d+ ms: session \d+ \(user postgres, till\)/),
    });
    expect(await sides(waiting)).toBe('source');
    await app.query(`INSERT INTO item VALUES ('again')`);
    await new Cutover(options({ plan: { ...plan, openTransactions: 'end' } })).run();
    await expect(app.query('COMMIT')).rejects.toThrow();
    expect(await ids(target)).toEqual([]);
    await app.end();
  });

  it('opens the source by the deadline in the fence when nobody is left to do it', async () => {
    const from = options();
    await from.source.fence.arm([item], from.signal);
    await from.source.fence.close(50);
    records = [{ attempt: 1, phase: 'freezing', switches: [], writePauseMs: null, steps: [], reason: null }];
    while ((await sides(from)) !== 'source') await source.query('SELECT 1');
    await source.query(`INSERT INTO item VALUES ('after')`);
    expect(await new Cutover(from).recover()).toEqual({ outcome: 'undone' });
    expect(await from.source.fence.state()).toEqual({ kind: 'open' });
  });

  it('goes on after a kill between the permanent fence and the open target, and measures the pause from the freeze', async () => {
    const dead = options({
      switches: [{ name: 'pools', idempotent: true, do: () => new Promise(() => {}) }],
    });
    const killed = new Cutover(dead).run();
    killed.catch(() => undefined);
    while (records.at(-1)?.switches[0]?.state !== 'started') await source.query('SELECT 1');
    expect(await sides(dead)).toBe('none');
    const next = options({ switches: [{ name: 'pools', idempotent: true, do: () => Promise.resolve() }] });
    const result = await new Cutover(next).run();
    expect(result).toMatchObject({ attempt: 1, writePauseMs: expect.any(Number) });
    expect(await sides(next)).toBe('target');
  });

  it('leaves everything as it is for a runner that was replaced', async () => {
    const from = options();
    await source.query('UPDATE migrate.lease SET epoch = 2');
    await expect(new Cutover(from).run()).rejects.toMatchObject({ code: 'LEASE.LOST' });
    await source.query(`INSERT INTO item VALUES ('free')`);
  });
});

async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}
