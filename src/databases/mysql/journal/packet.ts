// What the server takes in one statement is limited; the schema of a run is kept by one.

import { MigrateError } from '../../../lib/errors.ts';
import type { MysqlSession } from '../connection.ts';

/** Shorter ones are not asked about: a server that takes less cannot be written to in earnest. */
const SMALL = 1 << 18;
/** Of a packet besides the statement. */
const OVERHEAD = 1 << 10;

/** The statement itself, when the server takes it; rejects with TARGET.REFUSED. What is too large ends the connection. */
export async function expectFits(session: MysqlSession, statement: string): Promise<string> {
  // A character takes four bytes at most.
  if (statement.length * 4 < SMALL) return statement;
  const bytes = Buffer.byteLength(statement) + OVERHEAD;
  if (bytes < SMALL) return statement;
  const [row] = await session.query('SELECT @@max_allowed_packet');
  const limit = Number(row?.[0]);
  if (bytes <= limit) return statement;
  throw new MigrateError(
    'TARGET.REFUSED',
    `a record of the journal takes ${bytes} bytes and the target takes ${limit}`,
    {
      fix: `Give max_allowed_packet on the target at least ${Math.ceil(bytes / 2 ** 20)} MB: SET GLOBAL max_allowed_packet = ${2 ** Math.ceil(Math.log2(bytes))}; also in its configuration.`,
      disposition: 'operator',
    },
  );
}
