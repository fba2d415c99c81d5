// Whole runs between servers of MySQL with exactly the rights that `migrate grants` prints, and what docs/operating.md does by
// hand to a source that stays closed.

import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { startMariadb } from '../../fleet/mariadb.ts';
import { startMysql } from '../../fleet/mysql.ts';
import type { MysqlServer } from '../../fleet/mysqld.ts';
import { runMigrate } from '../../fleet/runner.ts';
import { execute, openClient, sqlStateOf } from '../../fleet/text-client.ts';
import { said } from '../migration.ts';
import { Crossing, rootUrl } from './crossing.ts';

const ROLE = 'migrator';
const WRITE = ["INSERT INTO work.ledger (token) VALUES ('by hand')"];

let target: MysqlServer;

beforeAll(async () => {
  target = await startMysql();
}, 300_000);
afterAll(() => target?.close());

/** The statements of a page's block that begins with this comment. */
function blockOf(page: string, comment: string): string {
  const text = readFileSync(new URL(`../../../docs/${page}`, import.meta.url), 'utf8');
  const [, block = ''] = text.split(`-- ${comment}\n`);
  return block.split('```')[0] ?? '';
}

function statementsOf(script: string): readonly string[] {
  const lines = script.split('\n').filter((line) => line !== '' && !line.startsWith('--'));
  return lines.map((line) => line.replace(/; --.*$/, ';'));
}

describe.each([
  { kind: 'mysql', start: startMysql },
  { kind: 'mariadb', start: startMariadb },
] as const)('from $kind', ({ kind, start }) => {
  let source: MysqlServer;

  beforeAll(async () => {
    source = await start();
  }, 300_000);
  afterAll(() => source?.close());
  beforeEach(async () => {
    const fresh = ['DROP DATABASE IF EXISTS work', 'DROP DATABASE IF EXISTS migrate'];
    for (const { port } of [source, target]) {
      await execute(rootUrl(port), [...fresh, `DROP USER IF EXISTS ${ROLE}`, `CREATE USER ${ROLE}`]);
    }
  });

  test('accounts that could only log in migrate with what is printed for them, and the source is opened by hand', async () => {
    const login = (port: number): string => rootUrl(port).replace('root@', `${ROLE}@`);
    const crossing = await Crossing.open({
      source: { kind, url: rootUrl(source.port) },
      target: { kind: 'mysql', url: rootUrl(target.port) },
      accounts: 40,
      clients: 1,
      plan: { source: { kind, url: login(source.port) }, target: { kind: 'mysql', url: login(target.port) } },
    });
    // The target's part can only be told once the source's tables can be seen.
    for (const side of ['source', 'target'] as const) {
      const { code, stdout, stderr } = await runMigrate(['grants', crossing.plan, '--side', side]);
      expect(code, stderr).toBe(0);
      await execute(rootUrl(side === 'source' ? source.port : target.port), statementsOf(stdout));
    }
    const checked = await runMigrate(['check', crossing.plan, '--json']);
    expect(checked.code, said(checked)).toBe(0);
    await crossing.expectComplete(await crossing.run());

    expect(await execute(crossing.source, WRITE).catch(sqlStateOf)).toBe('25006');
    await execute(crossing.source, [blockOf('operating.md', 'opens the source at once')]);
    await execute(crossing.source, WRITE);
    const client = await openClient(crossing.source);
    const drops = await client.query(blockOf('operating.md', 'prints what takes the fence off'));
    await client.close();
    const statements = drops.rows.map(([statement]) => statement ?? '');
    expect(statements.length).toBeGreaterThan(0);
    await execute(crossing.source, [...statements, 'DROP DATABASE migrate', ...WRITE]);
  });
});
