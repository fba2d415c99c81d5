// What becomes of a log that Debezium cannot write whole: the run stops, and says why.

import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Closer } from '../../src/lib/closer.ts';
import type { MigrateError } from '../../src/lib/errors.ts';
import type { ConnectorOptions } from '../../src/plan/stream.ts';
import { topicOf } from '../../src/stream/connect/options.ts';
import { openKafka, withAdmin } from '../../src/stream/kafka/client.ts';
import { sharedKafka } from '../fleet/kafka-shared.ts';
import { startMariadb } from '../fleet/mariadb.ts';
import { startMysql } from '../fleet/mysql.ts';
import type { MysqlServer as Server } from '../fleet/mysqld.ts';
import { type Captured, captureMysql } from './kafka-parts.ts';
import { MysqlLogFixture } from './mysql-log-fixture.ts';

type Kind = 'mysql' | 'mariadb';
const servers = new Map<Kind, Server>();

beforeAll(async () => {
  const [mysql, mariadb] = await Promise.all([startMysql(), startMariadb()]);
  servers.set('mysql', mysql).set('mariadb', mariadb);
});

afterAll(async () => {
  for (const server of servers.values()) await server.close();
});

/** A table of one row whose changes are captured. */
async function captured(
  kind: Kind,
  use: (made: Captured, fixture: MysqlLogFixture) => Promise<void>,
  own: ConnectorOptions = {},
): Promise<void> {
  const closer = new Closer();
  try {
    const fixture = await MysqlLogFixture.open(servers.get(kind)!);
    closer.add(() => fixture.close());
    await fixture.run('CREATE TABLE doc (id int PRIMARY KEY, v json, n int)', "INSERT INTO doc VALUES (1, '{}', 1)");
    await use(await captureMysql(closer, fixture, kind, [await fixture.table('doc')], own), fixture);
  } finally {
    await closer.close();
  }
}

const WRITE = 'UPDATE doc SET n = 2 WHERE id = 1';
const prepared = ["XA START 'a'", WRITE, "XA END 'a'", "XA PREPARE 'a'", "XA COMMIT 'a'"];

test.each([
  ['mysql', 'rows in parts', ['SET SESSION binlog_row_image = MINIMAL', WRITE], /binlog_row_image/],
  ['mysql', 'a transaction in two phases', prepared, /XA/],
  ['mariadb', 'a transaction in two phases', prepared, /XA/],
] as const)('%s: %s', async (kind, _what, statements, cure) => {
  await captured(kind, async ({ reader, log }, fixture) => {
    await fixture.run(...statements);
    await log.mark('end');
    const error = (await reader.failure()) as MigrateError;
    expect([error.code, reader.changes]).toEqual(['STREAM.FORMAT', []]);
    expect(error.fix).toMatch(cure);
  });
});

test.each([
  ['mysql', 'binlog_row_value_options', 'PARTIAL_JSON', "''"],
  ['mysql', 'binlog_format', 'STATEMENT', 'ROW'],
  ['mariadb', 'binlog_format', 'STATEMENT', 'ROW'],
] as const)('%s: a source whose %s becomes %s, which Debezium does not tell of', async (kind, name, value, wanted) => {
  await captured(kind, async ({ reader }, fixture) => {
    try {
      await fixture.run(`SET GLOBAL ${name} = ${value}`);
      const error = (await reader.failure()) as MigrateError;
      expect(error).toMatchObject({ code: 'STREAM.FORMAT', disposition: 'operator' });
      expect(error.message).toContain(`${name} of the source was set to ${value}`);
      expect(error.fix).toContain(`SET GLOBAL ${name} = ${wanted} and`);
    } finally {
      await fixture.run(`SET GLOBAL ${name} = ${wanted}`);
    }
  });
});

test('files of the log that are purged before they were read', async () => {
  await captured('mysql', async ({ reader, again, log, rest, connector }, fixture) => {
    await log.mark('before');
    await reader.untilMarker('before');
    await reader.close();
    await rest.turn(connector, 'stop');
    await fixture.run(WRITE, 'FLUSH BINARY LOGS', WRITE);
    const db = await fixture.connect();
    const [rows] = await db.promise().query('SHOW BINARY LOGS');
    const { Log_name: newest } = (rows as { Log_name: string }[]).at(-1)!;
    // The session of the connector may keep the file for a moment.
    await expect
      .poll(async () => {
        await db.promise().query(`PURGE BINARY LOGS TO '${newest}'`);
        const [left] = await db.promise().query('SHOW BINARY LOGS');
        return (left as unknown[]).length;
      })
      .toBe(1);
    const error = await again().then(
      (rest) => rest.failure(),
      (thrown: unknown) => thrown,
    );
    expect(error).toMatchObject({ code: 'STREAM.GONE' });
  });
});

test('a change that is larger than a message may be', async () => {
  const { broker } = sharedKafka();
  const kafka = await openKafka({ brokers: [broker], clientId: 'faults', networkTimeoutMs: 60_000 });
  const limit = (name: string, value: number): Promise<unknown> =>
    withAdmin(kafka, 'limiting', (admin) => {
      const configEntries = [{ name: 'max.message.bytes', value: String(value) }];
      return admin.alterConfigs({ validateOnly: false, resources: [{ type: 2, name, configEntries }] });
    });
  await captured('mysql', async ({ reader, again, log, connector }, fixture) => {
    await limit(topicOf(connector), 20_000);
    // So that it cannot be compressed.
    const large = randomBytes(60_000).toString('base64');
    await fixture.run(`INSERT INTO doc VALUES (2, '"${large}"', 1)`);
    const error = (await reader.failure()) as MigrateError;
    expect(error).toMatchObject({ code: 'CONNECT.FAILED', disposition: 'operator' });
    expect(error.message).toContain('larger than a message may be');
    expect(error.message).not.toContain(large.slice(0, 20));
    await reader.close();
    // With the cure it goes on where it was.
    await limit(topicOf(connector), 100_000_000);
    const rest = await again();
    await log.mark('end');
    await rest.untilMarker('end');
    expect(rest.changes).toMatchObject([{ op: 'insert', row: ['2', `"${large}"`, '1'] }]);
  });
});

/** So slow that a transaction is seldom written as a whole. */
const SLOW = { 'max.batch.size': '5', 'max.queue.size': '10', 'poll.interval.ms': '100' };

test.each(['mysql', 'mariadb'] as const)(
  '%s: a connector that is restarted in the middle of a transaction leaves nothing out',
  async (kind) => {
    const { broker, connect } = sharedKafka();
    const kafka = await openKafka({ brokers: [broker], clientId: 'faults', networkTimeoutMs: 60_000 });
    const ends = (connector: string): Promise<number> =>
      withAdmin(kafka, 'looking', async (admin) => {
        const [found] = await admin.fetchTopicOffsets(topicOf(connector));
        return Number(found?.high);
      });
    await captured(
      kind,
      async ({ reader, log, connector }, fixture) => {
        await log.mark('before');
        await reader.untilMarker('before');
        const before = await ends(connector);
        const ids = Array.from({ length: 120 }, (_, index) => String(index + 10));
        const halves = [ids.slice(0, 50), ids.slice(50)].map((some) => some.map((id) => `(${id}, '{}', 1)`).join());
        await fixture.run('BEGIN', ...halves.map((rows) => `INSERT INTO doc VALUES ${rows}`), 'COMMIT');
        await expect.poll(() => ends(connector), { timeout: 60_000 }).toBeGreaterThan(before + 5);
        await fetch(`${connect}/connectors/${connector}/restart?includeTasks=true`, { method: 'POST' });
        await log.mark('end');
        await reader.untilMarker('end');
        expect(reader.changes.map((change) => change.op === 'insert' && change.row[0])).toEqual(ids);
        // Both kinds tell of the begin again.
        expect(await ends(connector)).toBeGreaterThan(before + ids.length + 2);
      },
      SLOW,
    );
  },
);
