// What a plan's probes read: of the servers, of their replicas, of services, of disks. An answer that is no number is no reading.

import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ServerHealth } from '../../src/databases/health.ts';
import { type Probe, probesOf } from '../../src/health/probe.ts';
import { healthSchema } from '../../src/plan/health.ts';

type Answers = Readonly<Record<string, string | null>>;

function server(answers: Answers, more: Partial<ServerHealth> = {}): ServerHealth {
  return {
    vitals: (['answer', 'connections', 'retainedLog', 'dataSize'] as const).map((name) => ({ name, sql: name })),
    replicas: [],
    ask: async (sql) => answers[sql] ?? null,
    askOwn: async (sql) => answers[`own ${sql}`] ?? null,
    ...more,
  };
}

const source = server({ answer: '1', connections: '96.5', retainedLog: '99', 'own queue': ' 7 ' });
const target = server({ answer: '1', connections: 'x', dataSize: '3221225472' });

const named = (probes: readonly Probe[], name: string): Probe => {
  const found = probes.find((probe) => `${probe.side} ${probe.name}` === name);
  if (found === undefined) throw new Error(`no probe ${name}`);
  return found;
};

describe('the probes of a plan', () => {
  test('are those with a limit, and say in one wording what they read', async () => {
    const plan = healthSchema.parse({
      target: { connections: 'off', dataSize: '2GB' },
      probes: [{ kind: 'sql', name: 'queue', side: 'source', sql: 'queue', max: 3, critical: 5 }],
    });
    const probes = probesOf(plan, { source, target });
    expect(probes.map(({ side, name }) => `${side} ${name}`)).toEqual([
      ...['source answer', 'source connections', 'source retainedLog', 'target answer', 'target dataSize'],
      'source queue',
    ]);
    expect(await named(probes, 'source connections').read()).toEqual({
      ...{ value: 96.5, level: 'warn', reason: 'source: connections in use 96.5 %, limit 95 %' },
    });
    expect(probes.map(({ holds }) => holds.length)).toEqual([2, 2, 0, 3, 3, 2]);
    expect(await named(probes, 'target dataSize').read()).toMatchObject({
      reason: 'target: data on its disks 3 GB, limit 2 GB',
    });
    expect(await named(probes, 'source queue').read()).toMatchObject({
      ...{ value: 7, level: 'critical', reason: 'source: queue 7, critical above 5' },
    });
  });

  test('have no reading where there is no number', async () => {
    const probes = probesOf(
      healthSchema.parse({ probes: [{ kind: 'sql', name: 'none', side: 'target', sql: '?', max: 1 }] }),
      { source, target },
    );
    await expect(named(probes, 'target connections').read()).rejects.toThrow('it is no number');
    await expect(named(probes, 'target none').read()).rejects.toThrow('it has no value');
  });

  test('of a limit that no server of this kind has a reading for, are refused, so that somebody is told', async () => {
    const probes = probesOf(healthSchema.parse({ target: { logPressure: 75 } }), { source, target });
    const pressure = named(probes, 'target logPressure');
    expect(pressure.isAsked).toBe(false);
    await expect(pressure.read()).rejects.toThrow('no server of this kind tells it');
    // By default it has a limit.
    expect(probes.some(({ name }) => name === 'historyLength')).toBe(false);
  });

  test('have a second limit where the plan says what is critical', async () => {
    const plan = healthSchema.parse({ source: { connections: 50, critical: { connections: 96 } } });
    expect(await named(probesOf(plan, { source, target }), 'source connections').read()).toMatchObject({
      ...{ level: 'critical', reason: 'source: connections in use 96.5 %, critical above 96 %' },
    });
  });

  test('ask each replica how far behind it is; one that cannot say is not well', async () => {
    const replicas = [
      { name: 'one:5432', lag: async () => 4_000 },
      { name: 'two:5432', lag: async () => 'its replication does not run' },
    ];
    const followed = { source, target: server({}, { replicas }) };
    expect(probesOf(healthSchema.parse({}), followed).some(({ name }) => name.startsWith('replicaLag'))).toBe(false);
    const probes = probesOf(healthSchema.parse({ target: { replicaLag: '3s' } }), followed);
    expect(await named(probes, 'target replicaLag one:5432').read()).toMatchObject({
      ...{ level: 'warn', reason: 'target: lag of replica one:5432 4000 ms, limit 3000 ms' },
    });
    await expect(named(probes, 'target replicaLag two:5432').read()).rejects.toThrow('its replication does not run');
  });

  test('read how full the file system of a folder is', async () => {
    const disk = (path: string) => ({ kind: 'disk', name: path, side: 'target', path, max: 0 });
    const plan = healthSchema.parse({
      probes: [
        { ...disk('/'), name: 'root' },
        { ...disk('/nowhere'), name: 'none' },
      ],
    });
    const probes = probesOf(plan, { source, target });
    const { value, reason } = await named(probes, 'target root').read();
    expect(value).toBeGreaterThan(0);
    expect(value).toBeLessThanOrEqual(100);
    expect(reason).toBe(`target: root ${value} %, limit 0 %`);
    await expect(named(probes, 'target none').read()).rejects.toThrow('/nowhere: ENOENT');
  });
});

describe('a service that is asked', () => {
  const ANSWERS: Readonly<Record<string, (response: ServerResponse) => void>> = {
    '/right': (response) => response.end('41.5\n'),
    '/pieces': (response) => {
      response.write('4');
      setImmediate(() => response.end('2'));
    },
    '/wrong': (response) => response.end('{"used": 3}'),
    '/empty': (response) => response.end(),
    '/huge': (response) => {
      response.write('1');
      const more = (): void => {
        if (!response.destroyed) response.write('0'.repeat(65_536), () => setImmediate(more));
      };
      more();
    },
    '/hanging': () => undefined,
    '/stalled': (response) => response.write('4'),
    '/cut': (response) => {
      response.writeHead(200, { 'content-length': 9 }).write('4');
      setImmediate(() => response.destroy());
    },
    '/elsewhere': (response) => response.writeHead(302, { location: '/right' }).end('1'),
    '/failing': (response) => response.writeHead(500).end('1'),
  };
  let service: Server;
  beforeAll(async () => {
    service = createServer(({ url = '' }, response) => ANSWERS[url]?.(response)).listen(0, '127.0.0.1');
    await once(service, 'listening');
  });
  afterAll(() => {
    service.closeAllConnections();
    service.close();
  });

  const reading = async (path: string, port = (service.address() as AddressInfo).port): Promise<number | string> => {
    const own = { kind: 'http', name: 'disk used', side: 'target', url: `http://127.0.0.1:${port}${path}`, max: 50 };
    const plan = healthSchema.parse({ interval: '200ms', probes: [own] });
    const probe = named(probesOf(plan, { source, target }), 'target disk used');
    return probe.read().then(
      ({ value }) => value,
      (error: Error) => error.message,
    );
  };

  test.each([
    ['/right', 41.5],
    ['/pieces', 42],
    ['/wrong', 'it is no number'],
    ['/empty', 'it is no number'],
    ['/huge', 'it is no number'],
    ['/hanging', 'no answer for 300 ms'],
    ['/stalled', 'its answer broke off'],
    ['/cut', 'its answer broke off'],
    ['/elsewhere', 'it answers 302'],
    ['/failing', 'it answers 500'],
  ])('%s: %s', async (path, expected) => {
    expect(await reading(path)).toBe(expected);
  });

  test('that is not there does not answer', async () => {
    expect(await reading('/right', 1)).toBe('nobody answers');
  });
});
