// What goes wrong with MySQL and MariaDB as sources during a run: each must stop it by name, or be followed. Nothing is skipped.

import { writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startMariadb } from '../../fleet/mariadb.ts';
import { startMysql } from '../../fleet/mysql.ts';
import type { MysqlServer } from '../../fleet/mysqld.ts';
import type { MigrateProcess } from '../../fleet/runner.ts';
import { execute, openClient } from '../../fleet/text-client.ts';
import { said } from '../migration.ts';
import { Crossing, rootUrl } from './crossing.ts';

/** What a session may log otherwise: a name for it, its setting and a statement. */
const UNREADABLE: Readonly<Record<'mysql' | 'mariadb', readonly (readonly [string, string, string])[]>> = {
  mysql: [
    ['changes as statements', "binlog_format = 'STATEMENT'", "UPDATE work.accounts SET owner = 'x' WHERE id = 1"],
    [
      'documents in part',
      "binlog_row_value_options = 'PARTIAL_JSON'",
      "UPDATE work.documents SET data = JSON_SET(data, '$.id', 'other')",
    ],
  ],
  mariadb: [
    ['rows in part', "binlog_row_image = 'MINIMAL'", "INSERT INTO work.documents (id, made) VALUES ('x', now())"],
  ],
};
const MANUAL = { cutover: { when: 'manual', reverse: 'off' } };

describe.each([
  { kind: 'mysql', start: startMysql },
  { kind: 'mariadb', start: startMariadb },
] as const)('$kind', ({ kind, start }) => {
  let fleet: MysqlServer;
  beforeAll(async () => {
    fleet = await start();
  }, 300_000);
  afterAll(() => fleet?.close());

  function open(plan: Readonly<Record<string, unknown>> = MANUAL): Promise<Crossing> {
    return Crossing.open({ source: { kind, url: rootUrl(fleet.port) }, accounts: 20, clients: 0, plan });
  }

  /** A run that follows the source and waits for its cutover. */
  async function following(crossing: Crossing): Promise<MigrateProcess> {
    const process = crossing.start();
    await process.waitFor(/"stage":"cutover","message":"stage begins"/);
    return process;
  }

  async function expectStopped(process: MigrateProcess, code: string, words: RegExp): Promise<void> {
    const result = await process.exited;
    expect(result.code, said(result)).not.toBe(0);
    expect(said(result)).toContain(`error[${code}]`);
    expect(said(result)).toMatch(words);
  }

  /** Holds the run at a failpoint, does something on the source, and lets it go on. */
  async function meanwhile(
    crossing: Crossing,
    point: string,
    ...statements: readonly string[]
  ): Promise<MigrateProcess> {
    const file = crossing.path('go-on');
    const process = crossing.start(`${point}=pause(${file})`);
    await process.waitFor(new RegExp(`^failpoint ${point.replace('.', '\\.')} 1$`));
    await execute(crossing.source, statements);
    await writeFile(file, '');
    return process;
  }

  test('log files that were removed while the run was away are missed, and none is skipped', async () => {
    const crossing = await open();
    (await following(crossing)).kill();
    const client = await openClient(crossing.source);
    await client.query('FLUSH BINARY LOGS');
    await client.query("INSERT INTO work.ledger (token) VALUES ('unseen')");
    await client.query('FLUSH BINARY LOGS');
    const files = async (): Promise<readonly (string | null | undefined)[]> =>
      (await client.query('SHOW BINARY LOGS')).rows.map(([name]) => name);
    // The server keeps what it still sends to a reader that it does not know to be gone.
    for (let left = await files(); left.length > 1; left = await files()) {
      await client.query(`PURGE BINARY LOGS TO '${left.at(-1)}'`);
    }
    await client.close();
    await expectStopped(crossing.start(), 'STREAM.GONE', /no longer has|purged/);
  });

  test('a log that is reset while it is read, or while nobody reads, is lost', async () => {
    const reset = kind === 'mysql' ? 'RESET BINARY LOGS AND GTIDS' : 'RESET MASTER';
    const crossing = await open();
    const running = await following(crossing);
    await execute(crossing.source, [reset]);
    await expectStopped(running, 'STREAM.GONE', /could not find next log|reset|does not contain/i);
    await expectStopped(crossing.start(), 'STREAM.GONE', /reset|does not contain|is another file/);
  });

  test('a server that has another number is another server where nothing else tells them apart', async () => {
    const crossing = await open();
    (await following(crossing)).kill();
    const client = await openClient(crossing.source);
    const { rows } = await client.query('SELECT @@server_id');
    await client.query('SET GLOBAL server_id = 77');
    try {
      if (kind === 'mariadb') await expectStopped(crossing.start(), 'SOURCE.IDENTITY', /another server/);
      else {
        const running = await following(crossing);
        running.kill();
      }
    } finally {
      await client.query(`SET GLOBAL server_id = ${rows[0]?.[0]}`);
      await client.close();
    }
  });

  test.each(UNREADABLE[kind])('a session that logs %s stops the run', async (_, setting, statement) => {
    const crossing = await open();
    const running = await following(crossing);
    await execute(crossing.source, [`SET SESSION ${setting}`, statement]);
    await expectStopped(running, 'STREAM.FORMAT', /binlog_/);
    // Nothing after it was applied, and the next run stands at the same place.
    await expectStopped(crossing.start(), 'STREAM.FORMAT', /binlog_/);
  });

  test('a write that is kept out of the log is found by the comparison, and there is no cutover', async () => {
    const crossing = await open({});
    const running = await meanwhile(
      crossing,
      'copy.done',
      'SET SESSION sql_log_bin = 0',
      "UPDATE work.accounts SET owner = 'unlogged' WHERE id = 3",
      "INSERT INTO work.ledger (token) VALUES ('unlogged')",
    );
    await expectStopped(running, 'VERIFY.DIFFERENCES', /work\.(accounts|ledger)/);
    expect(await crossing.status()).toMatchObject({ writable: 'source' });
  });

  test.each(kind === 'mysql' ? ['log.before_pin', 'copy.done'] : ['chunk.read', 'verify.done'])(
    'a column that is dropped at %s stops the run by its name',
    async (point) => {
      const running = await meanwhile(await open(), point, 'ALTER TABLE work.documents DROP COLUMN n');
      await expectStopped(running, 'SCHEMA.CHANGED', /column n of work\.documents was dropped/);
    },
  );

  test.each(kind === 'mysql' ? ['chunk.read', 'verify.done'] : ['log.before_pin', 'copy.done'])(
    'a column that is added at %s is followed where the plan says so',
    async (point) => {
      const crossing = await open({ schema: { changes: 'add-columns' } });
      const running = await meanwhile(
        crossing,
        point,
        'ALTER TABLE work.lines ADD COLUMN note varchar(20)',
        "UPDATE work.lines SET note = 'noted' WHERE account = 7",
      );
      const result = await running.exited;
      expect(result.code, said(result)).toBe(0);
      const target = await openClient(crossing.target);
      const { rows } = await target.query('SELECT account, note FROM work.lines WHERE note IS NOT NULL');
      await target.close();
      expect(rows).toEqual([['7', 'noted']]);
    },
  );

  test('tables that are emptied, renamed or dropped while they are followed', async () => {
    const crossing = await open();
    const running = await following(crossing);
    await execute(crossing.source, ['TRUNCATE work.documents', "INSERT INTO work.ledger (token) VALUES ('after')"]);
    const target = await openClient(crossing.target);
    const count = async (): Promise<string | null | undefined> =>
      (await target.query("SELECT (SELECT count(*) FROM work.ledger) || ' ' || (SELECT count(*) FROM work.documents)"))
        .rows[0]?.[0];
    let stopped = false;
    void running.exited.then(() => {
      stopped = true;
    });
    while ((await count()) !== '1 0') expect(stopped, running.stderr.slice(-5).join('\n')).toBe(false);
    await target.close();
    await execute(crossing.source, ['RENAME TABLE work.documents TO work.papers']);
    await expectStopped(running, 'SCHEMA.CHANGED', /work\.documents was dropped, or renamed to work\.papers/);
  });
});
