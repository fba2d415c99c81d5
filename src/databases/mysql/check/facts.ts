// What every check may ask about the server and the account it runs as, read once.

import { quoteAccount } from '../account.ts';
import type { MysqlSession } from '../connection.ts';
import { type Rights, readRights } from '../rights.ts';

export interface ServerFacts {
  readonly isMariadb: boolean;
  /** 90704 for 9.7.4, 101114 for MariaDB 10.11.14. */
  readonly version: number;
  /** For people: `MySQL 9.7.4`. */
  readonly product: string;
  /** Whose rights hold, quoted for statements. */
  readonly account: string;
  /** The global variables; ON and OFF where they are switches. */
  readonly settings: ReadonlyMap<string, string>;
  /** See `Rights`. */
  readonly namesArePatterns: boolean;
  readonly rights: Rights;
}

export async function readServerFacts(session: MysqlSession): Promise<ServerFacts> {
  const [row] = await session.query('SELECT VERSION(), CURRENT_USER()');
  const [version = '', account = ''] = (row ?? []).map((text) => text ?? '');
  const variables = await session.query('SHOW GLOBAL VARIABLES');
  const settings = new Map(variables.map(([name, value]) => [name?.toLowerCase() ?? '', value ?? '']));
  const [number = '', major, minor, patch] = /^(\d+)\.(\d+)\.(\d+)/.exec(version) ?? [];
  const isMariadb = /mariadb/i.test(version);
  const namesArePatterns = settings.get('partial_revokes') !== 'ON';
  return {
    isMariadb,
    version: Number(major) * 10_000 + Number(minor) * 100 + Number(patch),
    product: `${isMariadb ? 'MariaDB' : 'MySQL'} ${number}`,
    account: quoteAccount(account),
    settings,
    namesArePatterns,
    rights: await readRights(session, namesArePatterns),
  };
}

export function isOn({ settings }: ServerFacts, name: string): boolean {
  return /^(ON|1|YES)$/i.test(settings.get(name) ?? '');
}

/**
 * Sets a global variable for good. `value`: as it stands in the statement. Sessions that are open keep their own value, where
 * they have one.
 */
export function setGlobal({ isMariadb }: Pick<ServerFacts, 'isMariadb'>, name: string, value: string): string {
  return isMariadb
    ? `SET GLOBAL ${name} = ${value}; -- and in the configuration file, for the next start`
    : `SET PERSIST ${name} = ${value};`;
}
