// A source with a fence that has not been armed, new for each test.

import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach } from 'vitest';
import { PostgresServer } from '../../src/databases/postgres/connection.ts';
import { PostgresFence, type PostgresFenceOptions } from '../../src/databases/postgres/fence/fence.ts';
import { LEASE_SCHEMA } from '../../src/databases/postgres/lease-proof.ts';
import { type TableName, tableId } from '../../src/model/table.ts';
import { openPair, type Pair } from '../fleet/databases.ts';

/** Of applications: may write, but is no superuser. */
export const ROLE = `app_${randomBytes(4).toString('hex')}`;
export const never = new AbortController().signal;
/** How a closed fence refuses. */
export const refused = { code: '25006' };

export const table = (name: string): TableName => ({ id: tableId('shop', name), schema: 'shop', name });
/** What the fence is put on. */
export const TABLES = ['item', 'part', 'measure', 'measure_1', 'odd "na\'me'].map(table);

const SCHEMA = `
  CREATE SCHEMA shop;
  CREATE TABLE shop.item (id int PRIMARY KEY, v text);
  CREATE TABLE shop.part (id int PRIMARY KEY, item int REFERENCES shop.item ON DELETE CASCADE);
  CREATE TABLE shop.outside (id int PRIMARY KEY, v text);
  CREATE TABLE shop.child (id int PRIMARY KEY, item int REFERENCES shop.item);
  CREATE TABLE shop.measure (id int, k int, PRIMARY KEY (id, k)) PARTITION BY LIST (k);
  CREATE TABLE shop.measure_1 PARTITION OF shop.measure FOR VALUES IN (1);
  CREATE TABLE shop."odd ""na'me" (id int PRIMARY KEY);
  INSERT INTO shop.item SELECT n, 'x' FROM generate_series(1, 10) n;
  INSERT INTO shop.part SELECT n, n FROM generate_series(1, 10) n;
  INSERT INTO shop.measure VALUES (1, 1);
  GRANT USAGE ON SCHEMA shop TO ${ROLE};
  GRANT ALL ON ALL TABLES IN SCHEMA shop TO ${ROLE};`;

export interface FenceWorld {
  readonly fence: PostgresFence;
  readonly superuser: pg.Client;
  newFence(
    options?: { readonly epoch?: number; readonly id?: string } & Pick<
      PostgresFenceOptions,
      'armTimeoutMs' | 'onWaiting'
    >,
  ): PostgresFence;
  /** As a superuser, if no role is named. */
  connect(user?: string): Promise<pg.Client>;
  /** Arms the fence and closes it for half a minute. */
  closeFence(): Promise<void>;
}

/** To be called once in a test file: registers its hooks. Everything in it belongs to the test that runs. */
export function fenceWorld(): FenceWorld {
  let pair: Pair;
  let server: PostgresServer;
  let fence: PostgresFence;
  let superuser: pg.Client;
  let clients: pg.Client[];
  const connect = async (user = 'postgres'): Promise<pg.Client> => {
    const client = await open(pair.sourceUrl.replace('postgres@', `${user}@`));
    clients.push(client);
    return client;
  };
  const newFence: FenceWorld['newFence'] = ({ epoch = 7, id = 'a1b2c3d4', armTimeoutMs = 30_000, ...rest } = {}) =>
    new PostgresFence({ server, claim: () => ({ run: 'orders', epoch }), id, armTimeoutMs, ...rest });

  beforeAll(async () => {
    pair = await openPair();
    const client = await open(pair.sourceUrl);
    await client.query(`CREATE ROLE ${ROLE} LOGIN`);
    await client.end();
  });

  afterAll(async () => {
    const client = await open(pair.sourceUrl);
    await client.query(`DROP OWNED BY ${ROLE}; DROP ROLE ${ROLE}`);
    await client.end();
    await pair.close();
  });

  beforeEach(async () => {
    clients = [];
    superuser = await connect();
    await superuser.query('DROP SCHEMA IF EXISTS shop CASCADE; DROP SCHEMA IF EXISTS migrate CASCADE');
    await superuser.query(`${SCHEMA}; ${LEASE_SCHEMA}; INSERT INTO migrate.lease VALUES ('orders', 7, 'test')`);
    server = new PostgresServer('source', pair.sourceUrl, 'orders');
    fence = newFence();
    return async () => {
      await server.close();
      await Promise.all(clients.map((client) => client.end()));
    };
  });

  return {
    get fence() {
      return fence;
    },
    get superuser() {
      return superuser;
    },
    newFence,
    connect,
    closeFence: async () => {
      await fence.arm(TABLES, never);
      await fence.close(30_000);
    },
  };
}

async function open(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}
