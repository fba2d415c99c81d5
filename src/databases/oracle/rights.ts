// What the account of a session may do, as the server tells it: system privileges, those that roles give as well, and from Oracle 23
// on those that hold within one schema.

import type { OracleSession } from './connection.ts';
import { oraCode } from './errors.ts';
import { has, versionsOf } from './features.ts';
import { text } from './schema-state.ts';

export class Rights {
  /** Whose they are: the account's own schema. */
  readonly account: string;
  readonly #everywhere: ReadonlySet<string>;
  readonly #within: ReadonlySet<string>;
  readonly #views: ReadonlySet<string>;

  /** `within`: a schema and a privilege each. `views`: those of the server that may be read. */
  constructor(
    account: string,
    everywhere: Iterable<string>,
    within: Iterable<readonly [string, string]> = [],
    views: Iterable<string> = [],
  ) {
    this.account = account;
    this.#everywhere = new Set(everywhere);
    this.#within = new Set([...within].map(([schema, privilege]) => JSON.stringify([schema, privilege])));
    this.#views = new Set(views);
  }

  /** False where the server names none, not even that to log in: then nothing is known. */
  get areKnown(): boolean {
    return this.#everywhere.size > 0;
  }

  /** True of a view that may be read. */
  sees(view: string): boolean {
    return this.#views.has(view);
  }

  /** `schema`: enough there. */
  has(privilege: string, schema?: string): boolean {
    if (this.#everywhere.has(privilege)) return true;
    return schema !== undefined && this.#within.has(JSON.stringify([schema, privilege]));
  }
}

/** No such view, no such column, no right. */
const UNKNOWN = [942, 904, 1031];

/** `views`: those that are tried. */
export async function readRights(session: OracleSession, views: Iterable<string>): Promise<Rights> {
  const [user] = await session.query('SELECT USER FROM DUAL');
  const everywhere = await session.query('SELECT PRIVILEGE FROM SESSION_PRIVS').catch((error: unknown) => {
    if (!UNKNOWN.includes(oraCode(error) ?? 0)) throw error;
    return [];
  });
  const seen: string[] = [];
  for (const view of views) if (await maySee(session, view)) seen.push(view);
  return new Rights(
    text(user?.[0]),
    everywhere.map(([privilege]) => text(privilege)),
    await readWithin(session),
    seen,
  );
}

async function maySee(session: OracleSession, view: string): Promise<boolean> {
  try {
    await session.query(`SELECT 1 FROM ${view} WHERE 1 = 0`);
    return true;
  } catch (error) {
    if (!UNKNOWN.includes(oraCode(error) ?? 0)) throw error;
    return false;
  }
}

async function readWithin(session: OracleSession): Promise<readonly (readonly [string, string])[]> {
  if (!has(versionsOf(session), 'schemaPrivileges')) return [];
  try {
    const rows = await session.query('SELECT SCHEMA, PRIVILEGE FROM SESSION_SCHEMA_PRIVS');
    return rows.map(([schema, privilege]) => [text(schema), text(privilege)]);
  } catch (error) {
    if (!UNKNOWN.includes(oraCode(error) ?? 0)) throw error;
    return [];
  }
}
