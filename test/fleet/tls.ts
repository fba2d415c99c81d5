// TLS for a test server: a certificate of its own, which nobody has signed.

import { execFile } from 'node:child_process';
import { appendFile, chmod, chown, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { TestServer } from './postgres.ts';

const run = promisify(execFile);

/** Starts the server again, so that it takes TLS connections too. Needs `openssl`. */
export async function offerTls(server: TestServer): Promise<void> {
  const { dataDirectory } = server;
  await server.stop('fast');
  const files = ['server.key', 'server.crt'].map((name) => join(dataDirectory, name));
  const [key = '', certificate = ''] = files;
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', key];
  await run('openssl', ['req', '-x509', ...newKey, '-days', '2', '-subj', '/CN=localhost', '-out', certificate]);
  const { uid, gid } = await stat(dataDirectory);
  for (const file of files) {
    await chmod(file, 0o600);
    await chown(file, uid, gid);
  }
  await appendFile(join(dataDirectory, 'postgresql.conf'), '\nssl = on\n');
  await server.start();
}
