// Sessions on a server that does whatever a test asks of it: how they are set up, what ends them, and what a call becomes whose
// answer is wrong, late or lost.

import { createServer } from 'node:net';
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { createDeferred } from '../../src/apply/deferred.ts';
import { OracleServer, type OracleSession } from '../../src/databases/oracle/connection.ts';
import { columnsOf } from '../../src/databases/oracle/driver.ts';
import { OracleLeaseStore } from '../../src/databases/oracle/lease-store.ts';
import { OracleDouble } from '../fleet/oracle-double/double.ts';
import type { FaultAction } from '../fleet/oracle-double/faults.ts';

let double: OracleDouble;
let server: OracleServer;

beforeEach(async () => {
  double = await OracleDouble.open();
  double.tables.define({ name: 'ITEMS', columns: [{ name: 'ID' }, { name: 'NOTE', longest: 9 }], key: ['ID'] });
  server = new OracleServer('target', double.url, 'orders');
});
afterEach(async () => {
  vi.useRealTimers();
  server.destroy();
  await double.close();
});

const INSERT = 'INSERT INTO "ITEMS" ("ID", "NOTE") VALUES (TO_NUMBER(:1), :2)';
const committed = (): readonly string[] => double.tables.rows('ITEMS').map(({ ID }) => String(ID));
const put = (session: OracleSession, id: string): Promise<number> => session.execute(INSERT, [id, null]);
const failure = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'it succeeded',
    (error: unknown) => error,
  );

describe('logging in', () => {
  test('every session is set up alike before anybody has it, and says whose it is', async () => {
    const taken = (): readonly string[] => double.calls.splice(0).map(({ text }) => text.replace(/\s+/g, ' '));
    await server.session();
    const setUp = taken();
    expect(setUp.slice(0, 2)).toEqual(['CONNECT', 'LOGIN']);
    expect(setUp.filter((text) => text.startsWith('ALTER'))).toEqual([
      "ALTER SESSION SET NLS_LANGUAGE = 'AMERICAN' NLS_TERRITORY = 'AMERICA'",
      expect.stringMatching(/NLS_NUMERIC_CHARACTERS = '\.,'.* NLS_SORT = 'BINARY' NLS_COMP = 'BINARY'/),
      "ALTER SESSION SET TIME_ZONE = '+00:00'",
      'ALTER SESSION SET DDL_LOCK_TIMEOUT = 10',
    ]);
    expect(double.connections.map(({ shown }) => shown)).toEqual([
      {
        identifier: '',
        module: expect.stringMatching(/^migrate\/[0-9a-f]{16}$/),
        action: expect.stringMatching(/^orders target /),
      },
    ]);
    const other = await server.session({ ofRun: false });
    other.show('pass');
    await other.query('SELECT 1 FROM DUAL');
    expect(double.connections[1]?.shown).toMatchObject({ identifier: 'pass', action: '' });
    expect(taken()).toEqual([...setUp, 'SELECT 1 FROM DUAL']);
  });

  test.each([
    // Of the listener: the service, the SID, no room for more, the instance starts or is closed to all but its owner.
    ['CONNECT', [12514, 12505, 12516, 12518, 12519, 12520, 12521, 12526, 12527, 12528, 12541], 'CONNECTION', 'retry'],
    // Of the server: starting, stopping, not there, too many sessions of it or of this account.
    ['LOGIN', [1033, 1034, 1035, 1089, 1090, 18, 20, 2391, 3113, 12537], 'CONNECTION', 'retry'],
    ['LOGIN', [1005, 1017, 1045, 28000, 28001, 28009, 28040, 28041], 'AUTHENTICATION', 'operator'],
  ] as const)('%s is refused with %j: %s, left to %s', async (call, codes, name, disposition) => {
    for (const oraCode of codes) {
      double.fault({ pattern: new RegExp(`^${call}$`), action: { oraCode } });
      const refused = await failure(server.session());
      expect(refused, `ORA-${oraCode}`).toMatchObject({ code: `TARGET.${name}`, disposition });
      expect((refused as Error).message).toMatch(
        /NJS-51[89]/.test(String(refused)) ? 'is not registered' : `${oraCode}`,
      );
    }
    await vi.waitUntil(() => double.connections.length === 0);
    await server.session();
  });

  test('a password that is wrong, a port where nobody listens and a server that hangs up are told apart', async () => {
    const at = async (change: (url: URL) => void): Promise<unknown> => {
      const url = new URL(double.url);
      change(url);
      return failure(new OracleServer('target', url.href).session());
    };
    const wrong = await at((url) => (url.password = 'wrong'));
    expect(wrong).toMatchObject({
      code: 'TARGET.AUTHENTICATION',
      fix: 'Correct the user or the password in target.url.',
    });
    expect(await at((url) => (url.port = '1'))).toMatchObject({ code: 'TARGET.CONNECTION', disposition: 'retry' });
    for (const pattern of [/^CONNECT$/, /^LOGIN$/, /NLS_LANGUAGE/]) {
      double.fault({ pattern, action: 'drop' });
      expect(await failure(server.session())).toMatchObject({ code: 'TARGET.CONNECTION', disposition: 'retry' });
    }
  });

  test('an answer that cannot be read is a broken connection, also while logging in', async () => {
    for (const pattern of [/^LOGIN$/, /^ALTER SESSION/]) {
      double.fault({ pattern, action: 'garbage' });
      const refused = await failure(server.session());
      expect(refused, String(pattern)).toMatchObject({ code: 'TARGET.CONNECTION', disposition: 'retry' });
    }
  });

  test('a server that takes connections and says nothing is given up', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    for (const pattern of [/^CONNECT$/, /^LOGIN$/, /^ALTER SESSION/]) {
      double.calls.length = 0;
      double.fault({ pattern, action: 'silence' });
      const opening = failure(server.session());
      await vi.waitUntil(() => double.calls.some(({ text }) => pattern.test(text)));
      await vi.advanceTimersByTimeAsync(60_000);
      expect(await opening, String(pattern)).toMatchObject({ code: 'TARGET.CONNECTION', disposition: 'retry' });
    }
  });
});

describe('a call', () => {
  const BROKEN: readonly (readonly [string, FaultAction])[] = [
    ['a connection that is cut', 'drop'],
    ['a message that there is not', 'garbage'],
    ['a packet of no known kind', { packets: Buffer.of(0, 0, 0, 10, 99, 0, 0, 0, 0, 0) }],
    ['a packet without a length', { packets: Buffer.alloc(10) }],
    ['a packet that is longer than may be', { packets: Buffer.alloc(10, 0xff) }],
  ];

  test.each(BROKEN)('%s costs the session, and nothing of it is left', async (_, action) => {
    const session = await server.session();
    await put(session, '1');
    double.fault({ pattern: /^SELECT 1/, action });
    expect(await failure(session.query('SELECT 1 FROM DUAL'))).toMatchObject({
      code: 'TARGET.CONNECTION',
      disposition: 'retry',
    });
    expect(session.broken).toBe(true);
    await expect(session.lost).rejects.toMatchObject({ code: 'TARGET.CONNECTION' });
    await vi.waitUntil(() => double.connections.length === 0);
    const other = await server.session();
    await put(other, '1');
    await other.commit();
    expect(committed()).toEqual(['1']);
  });

  test('half of an answer is none', async () => {
    const session = await server.session();
    const text = 'é'.repeat(20_000);
    expect(await session.query('SELECT :1 FROM DUAL', [text])).toEqual([[text]]);
    double.fault({ pattern: /^SELECT/, moment: 'amid', action: 'drop' });
    expect(await failure(session.query('SELECT :1 FROM DUAL', [text]))).toMatchObject({ code: 'TARGET.CONNECTION' });
    expect(session.broken).toBe(true);
  });

  test('a late answer is waited for', async () => {
    const session = await server.session();
    double.fault({ pattern: /^SELECT/, action: { delayMs: 30 } });
    expect(await session.query('SELECT 1 FROM DUAL')).toEqual([['1']]);
  });

  test('one that gets no answer ends with its time, and its locks with the session', async () => {
    const session = await server.session();
    await put(session, '1');
    double.fault({ pattern: /^SELECT/, action: 'silence' });
    expect(await failure(session.within(20, () => session.query('SELECT 1 FROM DUAL')))).toMatchObject({
      code: 'TARGET.CONNECTION',
      disposition: 'retry',
    });
    await server.use((other) => other.transaction(() => put(other, '1')));
    expect(committed()).toEqual(['1']);
  });

  test.each([
    ['a question', /^SELECT 1/, 'TARGET.CONNECTION', 'target: NJS-510: the server has not answered for 60 seconds'],
    ['a change', /^INSERT/, 'TARGET.CONNECTION', 'target: NJS-510: the server has not answered for 60 seconds'],
    ['a COMMIT', /^COMMIT$/, 'TARGET.COMMIT_UNKNOWN', 'the connection broke while a transaction was being committed'],
  ] as const)(
    '%s is not waited for without an end, unless it is said that it may last',
    async (_, pattern, code, message) => {
      const work = (session: OracleSession): Promise<unknown> =>
        session.transaction(async () => {
          await session.query('SELECT 1 FROM DUAL');
          await put(session, '1');
        });
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
      double.fault({ pattern, action: 'silence' });
      const asked = failure(server.use(work));
      await vi.waitUntil(() => double.struck === 1);
      await vi.advanceTimersByTimeAsync(60_000);
      expect(await asked).toMatchObject({ code, message, disposition: 'retry' });
      await vi.waitUntil(() => double.connections.length === 0);
      const late = createDeferred<void>();
      double.script(/^SELECT 2/, () => late.promise.then(() => ({ columns: ['2'], rows: [['2']] })));
      const patient = server.use((session) => session.within(0, () => session.query('SELECT 2 FROM DUAL')));
      await vi.waitUntil(() => double.calls.at(-1)?.text.startsWith('SELECT 2'));
      await vi.advanceTimersByTimeAsync(3_600_000);
      late.resolve();
      expect(await patient).toEqual([['2']]);
    },
  );

  test('a session that holds the lock of a run is lost when its server falls silent', async () => {
    double.tables.define({ name: 'MIGRATE$LOCK', columns: [{ name: 'RUN' }], key: ['RUN'] });
    double.script(/FOR UPDATE NOWAIT$/, () => ({ columns: ['RUN'], rows: [['orders']] }));
    const lock = await new OracleLeaseStore(server).lock('orders');
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] });
    expect(await lock.take()).toBe(true);
    double.fault({ pattern: /^SELECT 1 FROM DUAL/, action: 'silence' });
    await vi.advanceTimersByTimeAsync(1_000);
    await vi.waitUntil(() => double.struck === 1);
    await vi.advanceTimersByTimeAsync(60_000);
    await expect(lock.lost).rejects.toMatchObject({ code: 'TARGET.CONNECTION' });
    await lock.close();
  });

  test('taking leave of a server that says nothing takes no longer than it may', async () => {
    const session = await server.session();
    double.fault({ pattern: /^LOGOFF$/, action: 'silence' });
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const closed = session.close();
    await vi.waitUntil(() => double.calls.at(-1)?.text === 'LOGOFF');
    await vi.advanceTimersByTimeAsync(1_000);
    await closed;
    await vi.waitUntil(() => double.connections.length === 0);
  });

  test('a query whose rows come in many packets loses none when it is left and asked again', async () => {
    const rows = Array.from({ length: 2_500 }, (_, id) => [String(id), 'x'.repeat(9)]);
    const session = await server.session();
    await session.executeMany(INSERT, rows, columnsOf(rows));
    for (const size of [7, 1_000]) {
      const found: string[] = [];
      for await (const some of session.stream('SELECT "ID", "NOTE" FROM "ITEMS"', [], size)) {
        found.push(...some.map(([id]) => String(id)));
        if (size === 7 && found.length > 20) break;
      }
      expect(found).toHaveLength(size === 7 ? 21 : 2_500);
    }
    double.fault({ pattern: /^FETCH$/, skip: 1, action: 'drop' });
    const read = async (): Promise<void> => {
      for await (const some of session.stream('SELECT "ID" FROM "ITEMS"', [], 500)) expect(some.length).toBe(500);
    };
    expect(await failure(read())).toMatchObject({ code: 'TARGET.CONNECTION' });
  });
});

describe('a batch', () => {
  test('tells how many rows were written, and those before a refused one stay in the transaction', async () => {
    const session = await server.session();
    const rows = [
      ['1', 'a'],
      ['2', 'b'],
    ];
    expect(await session.executeMany(INSERT, rows, columnsOf(rows))).toBe(2);
    const changes = [
      ['c', '2'],
      ['d', '9'],
      ['e', '1'],
    ];
    const UPDATE = 'UPDATE "ITEMS" SET "NOTE" = :1 WHERE "ID" = TO_NUMBER(:2)';
    expect(await session.executeMany(UPDATE, changes, columnsOf(changes))).toBe(2);
    const bad = [
      ['3', 'c'],
      ['1', 'again'],
      ['4', 'd'],
    ];
    expect(await failure(session.executeMany(INSERT, bad, columnsOf(bad)))).toMatchObject({
      message: 'target: constraint MIGRATE.ITEMS_PK was violated (ORA-00001)',
    });
    await session.commit();
    expect(double.tables.rows('ITEMS')).toEqual([
      { ID: '1', NOTE: 'e' },
      { ID: '2', NOTE: 'c' },
      { ID: '3', NOTE: 'c' },
    ]);
  });

  test('values come as they were: bytes, long texts after short ones, numbers with all their digits', async () => {
    const session = await server.session();
    double.tables.define({ name: 'ALL', columns: ['A', 'B', 'C', 'N'].map((name) => ({ name })), key: ['N'] });
    const numbers = [0, -1, 0.5, -0.001_2, 1e20, 9_007_199_254_740_991, -123_456.789, 100, 1e-7];
    const rows = numbers.map((number) => [Buffer.from([0, 255]), 'é'.repeat(40_000), null, number]);
    await session.executeMany('INSERT INTO "ALL" ("A", "B", "C", "N") VALUES (:1, :2, :3, :4)', rows, columnsOf(rows));
    await session.commit();
    expect(double.tables.rows('ALL').map(({ A, B, C, N }) => [A, B, C, Number(N)])).toEqual(rows);
    expect(await session.query('SELECT "A", "B", "C" FROM "ALL"')).toEqual(rows.map((row) => row.slice(0, 3)));
  });
});

describe('a COMMIT', () => {
  test.each([
    ['is lost', 'before', [] as readonly string[]],
    ['took place and its answer is lost', 'after', ['1']],
    ['took place and half of its answer is lost', 'amid', ['1']],
  ] as const)('that %s is of unknown outcome', async (_, moment, rows) => {
    const session = await server.session();
    double.fault({ pattern: /^COMMIT$/, moment, action: 'drop' });
    expect(await failure(session.transaction(() => put(session, '1')))).toMatchObject({
      code: 'TARGET.COMMIT_UNKNOWN',
      disposition: 'retry',
    });
    expect([session.broken, committed()]).toEqual([true, rows]);
  });

  test('that ends with the server, or with an answer that cannot be read, is of unknown outcome', async () => {
    for (const action of [{ oraCode: 3113 }, { oraCode: 1092 }, { oraCode: 28 }, 'garbage'] as const) {
      const session = await server.session();
      double.fault({ pattern: /^COMMIT$/, moment: 'after', action });
      const lost = await failure(session.transaction(() => put(session, String(committed().length))));
      expect(lost, JSON.stringify(action)).toMatchObject({ code: 'TARGET.COMMIT_UNKNOWN' });
    }
    expect(committed()).toEqual(['0', '1', '2', '3']);
  });

  test('that is refused is rolled back, and the session goes on', async () => {
    const session = await server.session();
    double.fault({
      pattern: /^COMMIT$/,
      action: { oraCode: 2091, message: 'rolled back\nORA-02291: integrity constraint (SHOP.FK) violated' },
    });
    expect(await failure(session.transaction(() => put(session, '1')))).toMatchObject({
      code: 'TARGET.REFUSED',
      message: 'target: constraint SHOP.FK was violated (ORA-02291)',
    });
    expect([session.broken, committed()]).toEqual([false, []]);
    await session.transaction(() => put(session, '1'));
    expect(committed()).toEqual(['1']);
  });

  test('of one that cannot be rolled back either the session is given up', async () => {
    const session = await server.session();
    double.fault({ pattern: /^COMMIT$/, action: { oraCode: 60 } });
    double.fault({ pattern: /^ROLLBACK$/, action: 'drop' });
    expect(await failure(session.transaction(() => put(session, '1')))).toMatchObject({ code: 'TARGET.TRANSIENT' });
    expect([session.broken, committed()]).toEqual([true, []]);
  });
});

describe('sessions that are lent', () => {
  test('are lent again, but none that was cut meanwhile, and none with what it had not committed', async () => {
    const sessions = (): number => double.calls.filter(({ text }) => text === 'LOGIN').length;
    await Promise.all([1, 2, 3].map((id) => server.use((session) => put(session, String(id)))));
    await server.use((session) => session.query('SELECT 1 FROM DUAL'));
    expect([sessions(), double.connections.length]).toEqual([3, 3]);
    double.cut();
    await vi.waitUntil(() => server.ids.length === 0);
    expect(await server.use((session) => session.query('SELECT "ID" FROM "ITEMS"'))).toEqual([]);
    expect([sessions(), double.connections.length]).toEqual([4, 1]);
  });

  test('are asked first when they have lain idle: the server tells only then that it has ended one', async () => {
    await server.use((session) => put(session, '1'));
    const now = performance.now();
    vi.spyOn(performance, 'now').mockReturnValue(now + 31_000);
    onTestFinished(() => void vi.restoreAllMocks());
    double.fault({ action: { oraCode: 2396 } });
    expect(await server.use((session) => session.query('SELECT 1 FROM DUAL'))).toEqual([['1']]);
    expect([double.struck, server.ids.length]).toEqual([1, 1]);
  });

  test('end others, also one that the server has only marked, which the driver takes for its own end', async () => {
    const found = [
      ['migrate/0123456789abcdef', '7', '77', '1'],
      ['migrate/fedcba9876543210', '8', '88', '2'],
    ];
    double.script(/GV\$SESSION/, () => ({ columns: ['MODULE', 'SID', 'SERIAL#', 'INST_ID'], rows: found.splice(0) }));
    double.script(/^ALTER SYSTEM/, () => ({ counts: [0] }));
    double.fault({ pattern: /^ALTER SYSTEM KILL SESSION '7,77,@1'/, action: { oraCode: 31 } });
    await new OracleLeaseStore(server).endOthers('orders');
    expect(double.calls.filter(({ text }) => text.startsWith('ALTER SYSTEM')).map(({ text }) => text)).toEqual([
      "ALTER SYSTEM KILL SESSION '7,77,@1' IMMEDIATE",
      "ALTER SYSTEM KILL SESSION '8,88,@2' IMMEDIATE",
    ]);
  });

  test('are not kept where the rollback fails', async () => {
    double.fault({ pattern: /^ROLLBACK$/, action: { oraCode: 1013 } });
    await server.use((session) => put(session, '1'));
    await vi.waitUntil(() => double.connections.length === 0);
    await server.use((session) => put(session, '1'));
    expect(double.connections).toHaveLength(1);
  });
});

test('what is no Oracle at all is a connection that cannot be made', async () => {
  const web = createServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
  await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve));
  const { port } = web.address() as { port: number };
  const url = double.url.replace(String(double.port), String(port));
  const refused = await failure(new OracleServer('target', url).session());
  web.close();
  expect(refused).toMatchObject({ code: 'TARGET.CONNECTION' });
});
