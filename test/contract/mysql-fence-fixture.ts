// What the tests of MySQL's and MariaDB's fence share: a server, with a fence that has not been armed, new for each test.

import { afterAll, beforeAll, beforeEach } from 'vitest';
import { MysqlServer, type MysqlSession } from '../../src/databases/mysql/connection.ts';
import { serverErrno } from '../../src/databases/mysql/errors.ts';
import { MysqlFence, type MysqlFenceOptions } from '../../src/databases/mysql/fence/fence.ts';
import { LEASE_SCHEMA } from '../../src/databases/mysql/lease-proof.ts';
import { type TableName, tableId } from '../../src/model/table.ts';
import { startMariadb } from '../fleet/mariadb.ts';
import { startMysql } from '../fleet/mysql.ts';
import type { MysqlServer as FleetServer } from '../fleet/mysqld.ts';

export const never = new AbortController().signal;
/** The number of the error with which a closed fence refuses. */
export const REFUSED = 1290;
export const CLAIM = { run: 'orders', epoch: 7 };
export const ID = 'a1b2c3d4';

export const KINDS = [
  // It has to be asked who holds what.
  { kind: 'MySQL', start: () => startMysql(['--performance-schema=ON', '--local-infile=ON']) },
  { kind: 'MariaDB', start: () => startMariadb(['--local-infile=ON']) },
];

export const table = (name: string): TableName => ({ id: tableId('shop', name), schema: 'shop', name });
export const LONG = `a 'quoted', \`ticked\` and rather long name, of 64 characters ${'x'.repeat(4)}`;
export const TABLES = ['item', 'part'].map(table);

const SCHEMA = [
  'DROP DATABASE IF EXISTS shop',
  'DROP DATABASE IF EXISTS migrate',
  'CREATE DATABASE shop',
  'CREATE TABLE shop.item (id int PRIMARY KEY AUTO_INCREMENT, v varchar(20))',
  'CREATE TABLE shop.part (id int PRIMARY KEY AUTO_INCREMENT, item int)',
  'CREATE TABLE shop.outside (id int PRIMARY KEY AUTO_INCREMENT, v varchar(20))',
  `CREATE TABLE shop.\`${LONG.replaceAll('`', '``')}\` (id int PRIMARY KEY)`,
  "INSERT INTO shop.item VALUES (1, 'x'), (2, 'x'), (3, 'x')",
  'INSERT INTO shop.part VALUES (1, 1), (2, 2)',
  ...LEASE_SCHEMA,
  `INSERT INTO migrate.lease VALUES ('${CLAIM.run}', ${CLAIM.epoch}, 'test', NOW(), '')`,
];

export interface FenceWorld {
  readonly fleet: FleetServer;
  /** Of the run. */
  readonly server: MysqlServer;
  readonly fence: MysqlFence;
  /** An application that stays connected. */
  readonly app: MysqlSession;
  newServer(user?: string, port?: number): MysqlServer;
  newFence(options?: Partial<MysqlFenceOptions>): MysqlFence;
  connect(): Promise<MysqlSession>;
  /** Arms the fence and closes it for half a minute. */
  closeFence(): Promise<void>;
}

/** To be called once for a kind of server: registers its hooks. Everything but the server belongs to the test that runs. */
export function fenceWorld(start: () => Promise<FleetServer>): FenceWorld {
  let fleet: FleetServer;
  let servers: MysqlServer[] = [];
  let server: MysqlServer;
  let apps: MysqlServer;
  let fence: MysqlFence;
  let app: MysqlSession;
  const newServer: FenceWorld['newServer'] = (user = 'root', port = fleet.port) => {
    const made = new MysqlServer('source', `mysql://${user}@127.0.0.1:${port}/`, CLAIM.run);
    servers.push(made);
    return made;
  };
  const newFence: FenceWorld['newFence'] = (options = {}) =>
    new MysqlFence({ server, claim: () => CLAIM, id: ID, armTimeoutMs: 20_000, ...options });

  // The first time on a machine it has to be fetched.
  beforeAll(async () => {
    fleet = await start();
  }, 300_000);
  afterAll(() => fleet?.close());

  beforeEach(async () => {
    servers = [];
    server = newServer();
    apps = new MysqlServer('source', `mysql://root@127.0.0.1:${fleet.port}/`);
    servers.push(apps);
    app = await apps.session();
    for (const statement of SCHEMA) await app.query(statement);
    fence = newFence();
    return async () => {
      await Promise.all(servers.map((each) => each.close()));
    };
  });

  return {
    get fleet() {
      return fleet;
    },
    get server() {
      return server;
    },
    get fence() {
      return fence;
    },
    get app() {
      return app;
    },
    newServer,
    newFence,
    connect: () => apps.session(),
    closeFence: async () => {
      await fence.arm(TABLES, never);
      await fence.close(30_000);
    },
  };
}

/** The number of the error that the server answers with; undefined when it does what it is told. */
export async function errnoOf(work: Promise<unknown>): Promise<number | undefined> {
  try {
    await work;
    return undefined;
  } catch (error) {
    return serverErrno(error) ?? 0;
  }
}
