// How a url of MySQL or MariaDB is read.

import { expect, it } from 'vitest';
import { connectionOptions } from '../../src/databases/mysql/url.ts';

it('urls are read, with TLS for everything that leaves the machine', () => {
  const read = (url: string) => connectionOptions('source', url);
  expect(read('mysql://me:p%40ss@127.0.0.1/')).toMatchObject({
    host: '127.0.0.1',
    port: 3306,
    user: 'me',
    password: 'p@ss',
  });
  expect(read('mysql://me@127.0.0.1')).not.toHaveProperty('ssl');
  expect(read('mariadb://me@db.example:3307/shop').ssl).toEqual({ rejectUnauthorized: true, verifyIdentity: true });
  expect(read('mysql://me@db.example/?sslmode=require').ssl).toEqual({ rejectUnauthorized: false });
  expect(read('mysql://me@db.example/?sslmode=disable')).not.toHaveProperty('ssl');
  for (const url of ['postgres://me@host/db', 'mysql://host/', 'nonsense', 'mysql://me@host/?sslmode=maybe']) {
    expect(() => read(url)).toThrow(expect.objectContaining({ code: 'SOURCE.URL' }));
  }
});
