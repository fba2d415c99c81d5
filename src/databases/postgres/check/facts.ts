// What every check may ask about the server and the role it runs as, read once.

import { MigrateError } from '../../../lib/errors.ts';
import type { Session } from '../connection.ts';
import { field, isTrue } from '../row.ts';

export interface ServerFacts {
  /** 180004 for 18.4. */
  readonly version: number;
  /** The current role, quoted. */
  readonly role: string;
  readonly superuser: boolean;
  /** The current database, quoted. */
  readonly database: string;
  readonly encoding: string;
  /** Provider and locale of the database's own collation, for comparison. */
  readonly collation: string;
}

export const OLDEST = 14;
export const NEWEST_TESTED = 18;

export async function readServerFacts(session: Session): Promise<ServerFacts> {
  // Names of columns about locales differ between versions: taken from the row as JSON.
  const row = await session.one(
    `SELECT current_setting('server_version_num') AS version, quote_ident(current_user) AS role, r.rolsuper,
            quote_ident(current_database()) AS database, current_setting('server_encoding') AS encoding,
            coalesce(d.j->>'datlocprovider', 'c') || ' ' ||
            coalesce(d.j->>'datlocale', d.j->>'daticulocale', d.j->>'datcollate') AS collation
     FROM pg_roles r, (SELECT to_jsonb(p) AS j FROM pg_database p WHERE datname = current_database()) d
     WHERE r.rolname = current_user`,
  );
  if (row === undefined) throw new MigrateError('INTERNAL.BUG', 'the current role is not in pg_roles');
  return {
    version: Number(field(row, 'version')),
    role: field(row, 'role'),
    superuser: isTrue(row, 'rolsuper'),
    database: field(row, 'database'),
    encoding: field(row, 'encoding'),
    collation: field(row, 'collation'),
  };
}

/** The value of a setting in its base unit, or undefined when this version does not have it. */
export async function readSetting(session: Session, name: string): Promise<number | undefined> {
  const row = await session.one('SELECT setting FROM pg_settings WHERE name = $1', [name]);
  return row === undefined ? undefined : Number(field(row, 'setting'));
}
