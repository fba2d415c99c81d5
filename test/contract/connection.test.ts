import { expect, inject, test } from 'vitest';
import { PostgresServer } from '../../src/databases/postgres/connection.ts';

test('a server without TLS is refused with what to correct, and not tried again', async () => {
  const url = `postgres://postgres@127.0.0.1:${inject('fleet').source}/postgres?sslmode=require`;
  const server = new PostgresServer('source', url, 'test');
  await expect(server.session({ purpose: 'test' })).rejects.toMatchObject({
    code: 'SOURCE.CONNECTION',
    disposition: 'operator',
    fix: expect.stringContaining('sslmode'),
  });
});
