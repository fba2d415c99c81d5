// Plan sections `source` and `target`: which database, and how to reach it.

import { z } from 'zod';

const URL_FORMS = {
  postgres: 'postgres://user:password@host:port/database',
  mysql: 'mysql://user:password@host:port',
  mariadb: 'mariadb://user:password@host:port',
} as const;
const PROTOCOLS = { postgres: /^postgres(ql)?:$/, mysql: /^mysql:$/, mariadb: /^(mariadb|mysql):$/ } as const;

/** Database engines, by the names that plans have for them. */
export const ENGINES = ['postgres', 'mysql', 'mariadb'] as const;

export type EngineKind = (typeof ENGINES)[number];

/** The whole url is checked here because a misread one could reach another server than the one meant. */
function isUrlOf(kind: EngineKind, text: string): boolean {
  if (!URL.canParse(text)) return false;
  const url = new URL(text);
  // An unencoded `/`, `?` or `#` in a password moves the rest of it, with the `@`, behind the host.
  if (`${url.pathname}${url.hash}`.includes('@')) return false;
  try {
    for (const part of [url.username, url.password, url.hostname, url.pathname]) decodeURIComponent(part);
  } catch {
    return false;
  }
  // MySQL's databases are what others call schemas: tables.include says which.
  const path = kind === 'postgres' ? url.pathname.length > 1 : url.pathname.length <= 1;
  return PROTOCOLS[kind].test(url.protocol) && path;
}

const endpoint = <Kind extends EngineKind>(side: string, kinds: readonly Kind[], rights: string) =>
  z
    .strictObject({
      kind: z.enum(kinds).describe('The kind of database.'),
      url: z
        .string()
        .describe(
          `${kinds.map((kind) => URL_FORMS[kind]).join(' or ')}, with ?sslmode=…; special characters percent-encoded. ` +
            `${rights} sslmode is disable, require, verify-ca or verify-full; the default is disable for a loopback host, ` +
            'else verify-full. Keep the password out of the file, with a reference to a variable or to another file.',
        ),
    })
    .superRefine(({ kind, url }, context) => {
      if (isUrlOf(kind, url)) return;
      const hint = kind === 'postgres' ? '' : '; which databases move is said in tables.include';
      const message = `must be ${URL_FORMS[kind]}, with every special character of user and password percent-encoded${hint}`;
      context.addIssue({ code: 'custom', path: ['url'], message });
    })
    .describe(`The database to migrate ${side}.`);

export const sourceSchema = endpoint('from', ENGINES, '`migrate grants` prints the rights it needs.');
export const targetSchema = endpoint(
  'to',
  ['postgres', 'mysql'],
  '`migrate grants` prints the rights it needs; on PostgreSQL, with SET on the parameter session_replication_role foreign ' +
    'keys are built before the cutover, else in it.',
);
