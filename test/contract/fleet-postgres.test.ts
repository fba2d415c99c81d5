// The servers that the tests themselves stand on.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openEmbedded } from '../../src/demo/embedded.ts';
import { removeOrphans } from '../../src/demo/orphans.ts';
import { openPair, withClient } from '../fleet/databases.ts';
import { startServer } from '../fleet/postgres.ts';

async function value(url: string, text: string): Promise<unknown> {
  return withClient(url, async (client) => {
    const { rows } = await client.query({ text, rowMode: 'array' });
    return rows[0]?.[0];
  });
}

test('a pair is two databases on two servers, ready for logical replication', async () => {
  const pair = await openPair();
  try {
    expect(await value(pair.sourceUrl, 'SHOW wal_level')).toBe('logical');
    const identity = 'SELECT system_identifier::text FROM pg_control_system()';
    expect(await value(pair.sourceUrl, identity)).not.toBe(await value(pair.targetUrl, identity));
  } finally {
    await pair.close();
  }
});

test('closing a pair ends its sessions and drops its slots and prepared transactions', async () => {
  const pair = await openPair();
  await withClient(pair.sourceUrl, async (client) => {
    await client.query(`SELECT pg_create_logical_replication_slot('s_' || current_database(), 'pgoutput')`);
    await client.query('CREATE TABLE t (a int); BEGIN; INSERT INTO t VALUES (1)');
    await client.query(`PREPARE TRANSACTION 'left'`);
    await pair.close();
  });
  await expect(value(pair.sourceUrl, 'SELECT 1')).rejects.toThrow('does not exist');
});

test('a server keeps its port and its data when it is stopped and started', async () => {
  const server = await startServer({ settings: { work_mem: '5MB' } });
  try {
    const { port } = server;
    await withClient(server.url(), (client) => client.query('CREATE TABLE kept AS SELECT 42 AS a'));
    await server.stop('immediate');
    await expect(value(server.url(), 'SELECT 1')).rejects.toThrow('ECONNREFUSED');
    await server.start();
    expect(server.port).toBe(port);
    expect(await value(server.url(), 'SELECT a FROM kept')).toBe(42);
    expect(await value(server.url(), 'SHOW work_mem')).toBe('5MB');
  } finally {
    await server.close();
  }
  await expect(stat(server.logFile)).rejects.toThrow('ENOENT');
});

test('a server that cannot start says what PostgreSQL said', async () => {
  await expect(startServer({ settings: { wal_level: 'nonsense' } })).rejects.toMatchObject({
    code: 'DEMO.START',
    message: expect.stringContaining('wal_level'),
  });
});

test('a server with a password lets nobody in without it', async () => {
  const server = await openEmbedded({ password: 'p@ss/w:rd' });
  try {
    expect(await value(server.url(), 'SELECT 1')).toBe(1);
    await expect(value(`postgres://postgres:no@127.0.0.1:${server.port}/postgres`, 'SELECT 1')).rejects.toThrow(
      'password',
    );
  } finally {
    await server.close();
  }
});

test('what a killed process left is stopped and removed, what a living one owns is not', async () => {
  const parent = await mkdtemp(join(tmpdir(), 'migrate-orphans-'));
  const living = join(parent, 'migrate-demo-living');
  const other = join(parent, 'other');
  const dead = join(parent, 'migrate-demo-dead');
  for (const folder of [living, other, dead]) await mkdir(folder);
  await writeFile(join(living, 'owner'), String(process.pid));
  // Above the largest process id that Linux gives.
  for (const folder of [dead, other]) await writeFile(join(folder, 'owner'), '4194305');
  expect(await removeOrphans(parent)).toEqual([dead]);
  expect(await readFile(join(living, 'owner'), 'utf8')).toBe(String(process.pid));
  await rm(parent, { recursive: true });
});

test('the server of a process that was killed is ended, and its folder removed', async () => {
  const parent = await mkdtemp(join(tmpdir(), 'migrate-orphans-'));
  // The server may run as another user, who must get to its data.
  await chmod(parent, 0o755);
  const module = new URL('../../src/demo/embedded.ts', import.meta.url).href;
  const script = `const { openEmbedded } = await import('${module}');
    const server = await openEmbedded(); console.log(server.url()); setInterval(() => undefined, 1000);`;
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
    env: { ...process.env, TMPDIR: parent },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(child.stdout.setEncoding('utf8'), 'data')) as [string];
  const url = line.trim();
  expect(await value(url, 'SELECT 1')).toBe(1);
  child.kill('SIGKILL');
  await once(child, 'exit');
  expect(await value(url, 'SELECT 1')).toBe(1);
  expect(await removeOrphans(parent)).toHaveLength(1);
  await expect(value(url, 'SELECT 1')).rejects.toThrow('ECONNREFUSED');
  await rm(parent, { recursive: true });
});
