// Plan sections `source` and `target`: which database, and how to reach it.

import { z } from 'zod';

const URL_FORM =
  'must be postgres://user:password@host:port/database, with every special character of user and password percent-encoded';

/** The whole url is checked here because a misread one could reach another server than the one meant. */
function isPostgresUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const url = new URL(text);
  // An unencoded `/`, `?` or `#` in a password moves the rest of it, with the `@`, behind the host.
  if (`${url.pathname}${url.hash}`.includes('@')) return false;
  try {
    for (const part of [url.username, url.password, url.hostname, url.pathname]) decodeURIComponent(part);
  } catch {
    return false;
  }
  return /^postgres(ql)?:$/.test(url.protocol) && url.pathname.length > 1;
}

const endpoint = (side: string, right: string) =>
  z
    .strictObject({
      kind: z.literal('postgres').describe('The kind of database.'),
      url: z
        .string()
        .refine(isPostgresUrl, { error: URL_FORM })
        .describe(
          `postgres://user:password@host:port/database?sslmode=…; special characters percent-encoded. ${right} ` +
            'sslmode is disable, require, verify-ca or verify-full; the default is disable for a loopback host, ' +
            'else verify-full. Keep the password out of the file, with a reference to a variable or to another file.',
        ),
    })
    .describe(`The database to migrate ${side}.`);

export const sourceSchema = endpoint('from', 'Needs REPLICATION and ownership of the tables.');
export const targetSchema = endpoint(
  'to',
  'Needs CREATE on the database; with SET on the parameter session_replication_role foreign keys are built before the cutover, else in it.',
);
