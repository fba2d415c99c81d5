// What a url of Oracle becomes for its driver.

import { afterEach, expect, test, vi } from 'vitest';
import { quoteLiteral, quoteName } from '../../src/databases/oracle/sql.ts';
import { raw, sql, textOf } from '../../src/databases/oracle/statement.ts';
import { connectionOptions } from '../../src/databases/oracle/url.ts';

afterEach(() => vi.unstubAllEnvs());

const options = (url: string) => connectionOptions('target', url);

test('a loopback server is reached as it is, any other only with a certificate that verifies', () => {
  expect(options('oracle://shop:p%40ss@127.0.0.1:1522/FREEPDB1')).toMatchObject({
    user: 'shop',
    password: 'p@ss',
    connectString:
      '(DESCRIPTION=(ADDRESS=(PROTOCOL=tcp)(HOST=127.0.0.1)(PORT=1522))(CONNECT_DATA=(SERVICE_NAME=FREEPDB1)))',
  });
  const far = options('oracle://shop@db.example.com/ORCL');
  expect(far).toMatchObject({ sslServerDNMatch: true, connectString: expect.stringContaining('(PROTOCOL=tcps)') });
  expect(far.connectString).toContain('(PORT=1521)');
  expect(options('oracle://shop@db.example.com/ORCL?sslmode=verify-ca').sslServerDNMatch).toBe(false);
  expect(options('oracle://shop@db.example.com/ORCL?sslmode=disable').connectString).toContain('(PROTOCOL=tcp)');
  expect(options('oracle://shop@[::1]/?sid=ORCL').connectString).toContain(
    '(HOST=::1)(PORT=1521))(CONNECT_DATA=(SID=ORCL))',
  );
});

test('an alias of tnsnames.ora stands for everything else', () => {
  vi.stubEnv('TNS_ADMIN', '/etc/oracle');
  expect(options('oracle://shop@tns/?tns=sales.world')).toMatchObject({
    connectString: 'sales.world',
    configDir: '/etc/oracle',
  });
  expect(options('oracle://shop@tns/?tns=sales&configDir=/x&walletLocation=/w&walletPassword=p')).toMatchObject({
    configDir: '/x',
    walletLocation: '/w',
    walletPassword: 'p',
  });
});

test.each([
  'not a url',
  'mysql://shop@host/ORCL',
  'oracle://host/ORCL',
  'oracle://shop@host/',
  'oracle://shop@host/a)(b',
  'oracle://shop@host/ORCL?sslmode=require',
  'oracle://shop@tns/?tns=(DESCRIPTION=)',
])('%s is refused', (url) => {
  expect(() => options(url)).toThrow(expect.objectContaining({ code: 'TARGET.URL' }));
});

test('names and texts are quoted, and what Oracle cannot quote is refused', () => {
  expect([quoteName('Order'), quoteLiteral("it's")]).toEqual(['"Order"', "'it''s'"]);
  for (const name of ['', 'a"b', 'a\0b']) expect(() => quoteName(name)).toThrow(TypeError);
});

test('a statement numbers its values in order, those of a part of it among them', () => {
  const mine = sql`"RUN" = ${'r'} AND "ID" IN ${[1, 2]}`;
  const whole = sql`UPDATE ${raw('"T"')} SET "A" = ${null} WHERE ${mine} AND "B" IN ${[]}`;
  expect([textOf(whole), whole.binds]).toEqual([
    'UPDATE "T" SET "A" = :1 WHERE "RUN" = :2 AND "ID" IN (:3, :4) AND "B" IN (NULL)',
    [null, 'r', 1, 2],
  ]);
});
