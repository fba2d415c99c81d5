// What every check may ask about the server and the account it runs as, read once.

import type { OracleSession } from '../connection.ts';
import { oraCode } from '../errors.ts';
import { has, isBefore, type Versions } from '../features.ts';
import { VIEWS } from '../needs.ts';
import { type Rights, readRights } from '../rights.ts';
import { text } from '../schema-state.ts';

export interface ServerFacts extends Versions {
  /** For people: `Oracle 19.3.0.0.0`. */
  readonly product: string;
  readonly rights: Rights;
  /** `AL32UTF8`. */
  readonly charset: string;
  /** Bytes of the widest VARCHAR2 or RAW column: 32767 where the server was set up so. */
  readonly widest: number;
  /** In bytes. */
  readonly longestName: number;
  /** As the driver was told when the session began: 30 also by a server that tells nothing. */
  readonly saidName: number;
  /** `PRIMARY`; empty where the server does not tell. */
  readonly role: string;
  /** The container that the session is in; empty where the database has none. */
  readonly container: string;
  /** Every user there is, each with a schema of that name. */
  readonly users: ReadonlySet<string>;
}

export async function readServerFacts(session: OracleSession): Promise<ServerFacts> {
  const { version } = session;
  const one = async (statement: string): Promise<string> => (await readIfAllowed(session, statement))?.[0]?.[0] ?? '';
  const told = await one("SELECT VALUE FROM V$PARAMETER WHERE NAME = 'compatible'");
  const versions = { version, compatible: told !== '' && isBefore(told, version) ? told : version };
  const users = await session.query('SELECT USERNAME FROM ALL_USERS');
  return {
    ...versions,
    product: `Oracle ${version}`,
    rights: await readRights(session, VIEWS),
    charset: await one("SELECT VALUE FROM NLS_DATABASE_PARAMETERS WHERE PARAMETER = 'NLS_CHARACTERSET'"),
    // Cut at the limit of the server.
    widest: Number(await one("SELECT LENGTH(RPAD('x', 32767, 'x')) FROM DUAL")) || 4_000,
    longestName: has(versions, 'longNames') ? LONG_NAME : SHORT_NAME,
    saidName: session.longestName,
    role: await context(session, 'DATABASE_ROLE'),
    // Without containers the name is the database's own.
    container: (await context(session, 'CON_ID')) === '0' ? '' : await context(session, 'CON_NAME'),
    users: new Set(users.map(([name]) => text(name))),
  };
}

const SHORT_NAME = 30;
const LONG_NAME = 128;
const NO_SUCH_NAME = 2003;

async function context(session: OracleSession, name: string): Promise<string> {
  try {
    const [row] = await session.query(`SELECT SYS_CONTEXT('USERENV', '${name}') FROM DUAL`);
    return text(row?.[0]);
  } catch (error) {
    if (oraCode(error) !== NO_SUCH_NAME) throw error;
    return '';
  }
}

const MISSING = [942, 1031, 904];

/** The rows of a view that only some accounts may read; undefined for the others. */
export async function readIfAllowed(
  session: OracleSession,
  statement: string,
): Promise<readonly (readonly string[])[] | undefined> {
  try {
    return (await session.query(statement)).map((row) => row.map(text));
  } catch (error) {
    if (!MISSING.includes(oraCode(error) ?? 0)) throw error;
    return undefined;
  }
}
