// Starts the two servers that all tests share and tells their ports. Vitest runs this once per project: the
// projects of one run share one pair. The tests of Kafka share a broker and a Connect worker besides, those of Oracle the
// PostgreSQL below its stand-in.

import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { removeOrphans } from '../../src/demo/orphans.ts';
import { startConnect } from './connect.ts';
import { startKafka } from './kafka.ts';
import { startGround } from './oracle.ts';
import { REAL_ORACLE } from './oracle-shared.ts';
import { startServer, type TestServer } from './postgres.ts';

interface Shared {
  servers: Promise<readonly [TestServer, TestServer]>;
  users: number;
}

const KEY = Symbol.for('migrate.fleet');
// Each project loads this file anew, so the pair is kept where all of them find it.
const registry = globalThis as { [KEY]?: Shared };

export async function setup(project: TestProject): Promise<() => Promise<void>> {
  if (project.name === 'unit') return async () => undefined;
  if (project.name === 'oracle-grammar') return provideStatements(project);
  registry[KEY] ??= { servers: open(), users: 0 };
  const shared = registry[KEY];
  shared.users++;
  const [[source, target], closeKafka, closeOracle] = await Promise.all([
    shared.servers,
    project.name === 'kafka' ? openKafka(project) : async () => undefined,
    project.name === 'oracle' ? openOracleGround(project) : async () => undefined,
  ]);
  project.provide('fleet', { source: source.port, target: target.port });
  return async () => {
    await closeKafka();
    await closeOracle();
    shared.users--;
    if (shared.users > 0) return;
    delete registry[KEY];
    await Promise.all([source.close(), target.close()]);
  };
}

async function open(): Promise<readonly [TestServer, TestServer]> {
  await removeOrphans();
  return Promise.all([startServer({ template: 0 }), startServer({ template: 1 })]);
}

async function openKafka(project: TestProject): Promise<() => Promise<void>> {
  const broker = await startKafka();
  try {
    const worker = await startConnect(broker, { exactlyOnce: true });
    project.provide('kafka', { broker: broker.broker, connect: worker.url });
    return async () => {
      await worker.close();
      await broker.close();
    };
  } catch (error) {
    await broker.close();
    throw error;
  }
}

async function openOracleGround(project: TestProject): Promise<() => Promise<void>> {
  // Read by every process that a test starts, too.
  process.env.MIGRATE_ORACLE_SQL_LOG = STATEMENTS;
  const ground = REAL_ORACLE === undefined ? await startGround() : undefined;
  project.provide('oracle', { ground: ground?.port });
  return async () => {
    await rm(STATEMENTS, { force: true });
    await ground?.close();
  };
}

/** Of this run only. */
const STATEMENTS = join(tmpdir(), `migrate-oracle-statements-${process.pid}`);

async function provideStatements(project: TestProject): Promise<() => Promise<void>> {
  project.provide('oracleStatements', STATEMENTS);
  return () => rm(STATEMENTS, { force: true });
}
