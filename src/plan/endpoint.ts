// Plan sections `source` and `target`: which database, and how to reach it.

import { z } from 'zod';

const URL_FORMS = {
  postgres: 'postgres://user:password@host:port/database',
  mysql: 'mysql://user:password@host:port',
  mariadb: 'mariadb://user:password@host:port',
  oracle: 'oracle://user:password@host:port/service',
} as const;
const PROTOCOLS = {
  postgres: /^postgres(ql)?:$/,
  mysql: /^mysql:$/,
  mariadb: /^(mariadb|mysql):$/,
  oracle: /^oracle:$/,
} as const;

/** Engines that can be migrated from, by the names that plans have for them. */
export const ENGINES = ['postgres', 'mysql', 'mariadb'] as const;

export type EngineKind = (typeof ENGINES)[number];

/** Engines that can be migrated to. */
export const TARGETS = ['postgres', 'mysql', 'oracle'] as const;

type AnyEngine = EngineKind | (typeof TARGETS)[number];

/** The whole url is checked here because a misread one could reach another server than the one meant. */
export function isUrlOf(kind: AnyEngine, text: string): boolean {
  if (!URL.canParse(text)) return false;
  const url = new URL(text);
  // An unencoded `/`, `?` or `#` in a password moves the rest of it, with the `@`, behind the host.
  if (`${url.pathname}${url.hash}`.includes('@')) return false;
  try {
    for (const part of [url.username, url.password, url.hostname, url.pathname]) decodeURIComponent(part);
  } catch {
    return false;
  }
  return PROTOCOLS[kind].test(url.protocol) && namesDatabase(kind, url);
}

function namesDatabase(kind: AnyEngine, { pathname, searchParams }: URL): boolean {
  const named = pathname.length > 1;
  if (kind === 'postgres') return named;
  // Another name for the service, or a file that has it.
  if (kind === 'oracle') return named || searchParams.has('sid') || searchParams.has('tns');
  // MySQL's databases are what others call schemas: tables.include says which.
  return !named;
}

const endpoint = <Kind extends AnyEngine>(side: string, kinds: readonly Kind[], rights: string) =>
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
      const hint = kind === 'postgres' || kind === 'oracle' ? '' : '; which databases move is said in tables.include';
      const message = `must be ${URL_FORMS[kind]}, with every special character of user and password percent-encoded${hint}`;
      context.addIssue({ code: 'custom', path: ['url'], message });
    })
    .describe(`The database to migrate ${side}.`);

export const sourceSchema = endpoint('from', ENGINES, '`migrate grants` prints the rights it needs.');
export const targetSchema = endpoint(
  'to',
  TARGETS,
  '`migrate grants` prints the rights it needs; on PostgreSQL, with SET on the parameter session_replication_role foreign ' +
    'keys are built before the cutover, else in it. On Oracle, `?tns=` and `&configDir=` name an alias of tnsnames.ora, and ' +
    '`&walletLocation=` a wallet.',
);
