// The client of Kafka Connect against answers that a worker seldom gives, and what a row of sights of a connector means.

import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { MigrateError } from '../../src/lib/errors.ts';
import { checkConnect } from '../../src/stream/connect/check.ts';
import { ConnectRest } from '../../src/stream/connect/rest.ts';
import { failureOf } from '../../src/stream/connect/trace.ts';
import { Judge, type Sight, watchConnector } from '../../src/stream/connect/watch.ts';

const opened: (() => void)[] = [];
afterEach(() => {
  for (const close of opened.splice(0)) close();
});

/** A server that gives these answers in turn, the last one for ever. */
async function answering(answers: readonly (readonly [number, string])[], login = '') {
  const asked: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    const [status, body] = answers[Math.min(asked.length, answers.length - 1)] ?? [500, ''];
    asked.push(request);
    request.resume().on('end', () => response.writeHead(status).end(body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  opened.push(() => server.close().closeAllConnections());
  const url = `http://${login}127.0.0.1:${(server.address() as AddressInfo).port}/kc/`;
  return { rest: new ConnectRest({ url, timeoutMs: 2_000 }), asked };
}

describe('the client', () => {
  it('logs in, and shows neither user nor password', async () => {
    const { rest, asked } = await answering([[401, '']], 'u:p%40ss@');
    const error = await rest.info().catch((thrown: MigrateError) => thrown);
    expect(asked[0]?.url).toBe('/kc/');
    expect(asked[0]?.headers.authorization).toBe(`Basic ${Buffer.from('u:p@ss').toString('base64')}`);
    expect(error).toMatchObject({ code: 'CONNECT.AUTHENTICATION' });
    expect(String(error)).not.toMatch(/p%40ss|p@ss|u:/);
  });

  it('waits while the workers rebalance, and takes a connector that is there for made', async () => {
    const { rest, asked } = await answering([
      [409, '{"error_code":409,"message":"Cannot complete request momentarily due to stale configuration"}'],
      [500, '{"error_code":500,"message":"Request cannot be completed because a rebalance is expected"}'],
      [409, '{"error_code":409,"message":"Connector x already exists"}'],
    ]);
    await rest.create('x', {});
    expect(asked.length).toBe(3);
  });

  it('waits for a worker that is coming up, and takes nothing for missing that it does not know yet', async () => {
    const coming = [404, '<html><h2>HTTP ERROR 404 Not Found</h2></html>'] as const;
    const missing = [404, '{"error_code":404,"message":"Unknown connector x"}'] as const;
    const { rest, asked } = await answering([coming, coming, [200, '{"a":"b"}'], coming, [204, ''], missing]);
    expect(await rest.options('x')).toEqual({ a: 'b' });
    expect(await rest.remove('x')).toBe(true);
    expect(await rest.remove('x')).toBe(false);
    expect(asked.length).toBe(6);
    const { rest: other } = await answering([coming]);
    await expect(other.status('x')).rejects.toMatchObject({ code: 'CONNECT.UNREACHABLE' });
  });

  it('tells what was refused without the secrets that were sent', async () => {
    const { rest } = await answering([[400, '{"message":"bad open-sesame for user u\\nsecond line"}']]);
    const error = await rest.update('x', { 'database.password': 'open-sesame' }).catch((thrown: Error) => thrown);
    expect(error).toMatchObject({ code: 'CONNECT.REFUSED' });
    expect(String(error)).toContain('400 to PUT /connectors/x/config: bad *** for user u');
    expect(String(error)).not.toMatch(/sesame|second/);
  });

  it('takes what is not Connect, or does not answer, for unreachable', async () => {
    const { rest } = await answering([[502, '<html>']]);
    await expect(rest.info()).rejects.toMatchObject({ code: 'CONNECT.UNREACHABLE', disposition: 'retry' });
    const nobody = new ConnectRest({ url: 'http://127.0.0.1:1', timeoutMs: 2_000 });
    await expect(nobody.info()).rejects.toMatchObject({ code: 'CONNECT.UNREACHABLE' });
  });
});

describe('preflight', () => {
  const CLASS = 'io.debezium.connector.mysql.MySqlConnector';
  const found = async (connect: string, plugin: string): Promise<readonly string[]> => {
    const { rest } = await answering([
      [200, JSON.stringify({ version: connect, kafka_cluster_id: 'x' })],
      [200, JSON.stringify([{ class: CLASS, version: plugin }])],
      [200, JSON.stringify({ configs: [] })],
    ]);
    const options = {
      'connector.class': CLASS,
      'exactly.once.support': 'required',
      'producer.override.max.request.size': '1',
    };
    const findings = await checkConnect({ rest, options, name: 'c', clusterId: 'x' });
    return findings.map(({ level, code, message }) => `${level} ${code}: ${message}`);
  };

  it('knows the versions that work, those that cannot, and that Debezium 2 does not run with Kafka 4', async () => {
    expect(await found('4.3.1', '3.6.1.Final')).toEqual([]);
    expect(await found('3.7.0', '3.5.0.Final')).toEqual([]);
    expect(await found('3.6.2', '3.10.0.Final')).toEqual([
      'error PREFLIGHT.CONNECT_VERSION: Kafka Connect is of version 3.6.2, and the run needs 3.7 or later',
    ]);
    expect(await found('4.1.0', '2.7.4.Final')).toEqual([
      'error PREFLIGHT.CONNECT_VERSION: the plugin is of version 2.7.4.Final, which does not work with Kafka Connect 4.1.0',
    ]);
    expect(await found('3.9.0', '3.2.0.Final')).toEqual([
      'warning PREFLIGHT.CONNECT_VERSION: the plugin is of version 3.2.0.Final, with which the run was never tried',
    ]);
  });
});

const TRACE = (cause: string) => `org.apache.kafka.connect.errors.ConnectException: An exception occurred
\tat io.debezium.pipeline.ErrorHandler.setProducerThrowable(ErrorHandler.java:67)
Caused by: ${cause}
\t... 5 more
`;

describe('a failure', () => {
  it.each([
    ['java.net.ConnectException: Connection refused', 'CONNECT.FAILED', 'retry'],
    ['org.postgresql.util.PSQLException: FATAL: the database system is shutting down', 'CONNECT.FAILED', 'retry'],
    ['org.apache.kafka.common.errors.TimeoutException: Topic x not present in metadata', 'CONNECT.FAILED', 'retry'],
    ['org.apache.kafka.common.errors.RecordTooLargeException: The message is 9 bytes', 'CONNECT.FAILED', 'operator'],
    ["java.sql.SQLException: Access denied for user 'u'@'h' (using password: YES)", 'CONNECT.FAILED', 'operator'],
    ['java.lang.IllegalStateException: whatever', 'CONNECT.FAILED', 'operator'],
    [
      'io.debezium.DebeziumException: Error processing row in orders, internal schema size 4, but row size 1 , restart',
      'STREAM.FORMAT',
      'operator',
    ],
    ['io.debezium.DebeziumException: …but this is no longer available on the server.', 'STREAM.GONE', 'operator'],
  ])('%s is %s, for %s', (cause, code, disposition) => {
    expect(failureOf('c', TRACE(cause))).toMatchObject({ code, disposition });
  });

  it('is told without the row that it is about', () => {
    const { message } = failureOf(
      'c',
      TRACE("io.debezium.DebeziumException: Failed to parse value 'hush' of row hush"),
    );
    expect(message).toBe('connector c failed: ConnectException, caused by DebeziumException');
  });
});

const RUNNING = { connector: { state: 'RUNNING' }, tasks: [{ state: 'RUNNING' }] };
const sight = (connector: string, task?: string, trace?: string): Sight => ({
  status: {
    connector: { state: connector },
    tasks: task === undefined ? [] : [{ state: task, ...(trace === undefined ? {} : { trace }) }],
  },
  changed: [],
});
const AWAY = TRACE('java.net.ConnectException: Connection refused');

/** What is decided for each sight, one a second. */
function judged(sights: readonly Sight[], patienceMs = 5_000): readonly string[] {
  const judge = new Judge('c', patienceMs);
  return sights.map((each, second) => {
    const { error, restart } = judge.judge(each, second * 1_000);
    return error?.code ?? (restart ? 'restart' : '');
  });
}

const times = (count: number, each: Sight): Sight[] => Array.from({ length: count }, () => each);

describe('a watch', () => {
  it('is patient with a connector that has no task while a worker is replaced, and not for ever', () => {
    const sights = [
      { status: RUNNING, changed: [] },
      ...times(5, sight('UNASSIGNED', 'UNASSIGNED')),
      { status: RUNNING, changed: [] },
      ...times(3, sight('RUNNING')),
      ...times(3, { status: undefined, changed: [] }),
    ];
    expect(judged(sights)).toEqual([...Array(12).fill(''), 'CONNECT.STUCK']);
  });

  it('is patient with a worker that does not answer, but not with one that refuses the password', () => {
    const away = { unreachable: new MigrateError('CONNECT.UNREACHABLE', 'away') };
    expect(judged(times(6, away))).toEqual(['', '', '', '', '', 'CONNECT.UNREACHABLE']);
    expect(judged([{ unreachable: new MigrateError('CONNECT.AUTHENTICATION', 'no') }])).toEqual([
      'CONNECT.AUTHENTICATION',
    ]);
  });

  it('is sure before it says that a connector was stopped, paused or deleted', () => {
    expect(judged(times(4, sight('STOPPED')))).toEqual(['', '', '', 'CONNECT.CHANGED']);
    expect(judged(times(4, sight('PAUSED', 'PAUSED')))).toEqual(['', '', '', 'CONNECT.CHANGED']);
    expect(judged(times(4, { status: undefined, changed: undefined }))).toEqual(['', '', '', 'CONNECT.CHANGED']);
  });

  it('starts again what failed while the source was away, three times in ten minutes', () => {
    const failed = sight('RUNNING', 'FAILED', AWAY);
    expect(judged(times(10, failed))).toEqual([
      'restart',
      '',
      '',
      'restart',
      '',
      '',
      'restart',
      '',
      '',
      'CONNECT.FAILED',
    ]);
    const judge = new Judge('c', 5_000);
    const each = Array.from({ length: 8 }, (_, index) => judge.judge(failed, index * 150_000).restart);
    expect(each).toEqual([true, true, true, undefined, true, true, true, undefined]);
  });

  it('says why nothing may be written as long as that may pass', () => {
    const judge = new Judge('c', 5_000);
    const complaints = [
      { status: RUNNING, changed: [] },
      { unreachable: new MigrateError('CONNECT.UNREACHABLE', 'away') },
      sight('UNASSIGNED', 'UNASSIGNED'),
      sight('RUNNING', 'FAILED', AWAY),
      sight('PAUSED', 'PAUSED'),
      { status: RUNNING, changed: [] },
    ].map((each, second) => judge.judge(each, second * 1_000).complaint);
    expect(complaints).toEqual([
      undefined,
      'away',
      'connector c has no task at work',
      expect.stringMatching(/^connector c failed: .*ConnectException; it is started again$/),
      'connector c is paused',
      undefined,
    ]);
  });

  it('says that a worker gives no answer before it gives up', async () => {
    const never = new Promise<never>(() => undefined);
    const silent = { name: 'c', status: () => never, changedOptions: () => never, restart: async () => undefined };
    vi.useFakeTimers();
    try {
      const watch = watchConnector(silent, { patienceMs: 60_000 }, () => undefined);
      expect(watch.complaint()).toBeUndefined();
      vi.advanceTimersByTime(4_500);
      expect(watch.complaint()).toBe('Kafka Connect does not say how connector c is');
    } finally {
      vi.useRealTimers();
    }
  });

  it('starts nothing again that failed for another reason', () => {
    expect(judged([sight('RUNNING', 'FAILED', TRACE('java.lang.IllegalStateException: x'))])).toEqual([
      'CONNECT.FAILED',
    ]);
  });
});
