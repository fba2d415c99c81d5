// Checks of the schemas that the tables go to, and of the room they have. An administrator makes them: in Oracle a schema is a user.

import type { Finding } from '../../../model/finding.ts';
import { errorFinding, warningFinding } from '../../findings.ts';
import { has, type Versions } from '../features.ts';
import { RESERVED } from '../reserved.ts';
import { text } from '../schema-state.ts';
import { quoteLiteral, quoteName } from '../sql.ts';
import { readIfAllowed } from './facts.ts';
import type { TargetCheck, TargetSubject } from './target.ts';

export const schemas: TargetCheck = ({ catalog, facts }) =>
  catalog.schemas
    .filter((schema) => RESERVED.includes(schema) || !facts.users.has(schema))
    .map((schema) => {
      if (RESERVED.includes(schema)) return reserved(schema);
      return errorFinding({
        code: 'ORACLE_SCHEMA',
        subject: schema,
        message: 'there is no such user on the target',
        cure: `${createUser(schema, facts)} ALTER USER ${quoteName(schema)} QUOTA UNLIMITED ON USERS; -- or another tablespace`,
      });
    });

function reserved(schema: string): Finding {
  return errorFinding({
    code: 'ORACLE_SCHEMA',
    subject: schema,
    message: 'no application can have its tables there: the server keeps the name for itself',
    cure: `tables: { map: { ${JSON.stringify(`${schema.toLowerCase()}.*`)}: "app.*" } }  # in the plan`,
  });
}

/** Nobody logs in as it; who is to may be given a password later. */
export function createUser(schema: string, server: Versions): string {
  const how = has(server, 'usersWithoutPassword') ? 'NO AUTHENTICATION' : 'IDENTIFIED BY "…" ACCOUNT LOCK';
  return `CREATE USER ${quoteName(schema)} ${how};`;
}

/** Texts would be equal, and unique, that are none on the source. Before there were collations none of a schema counts. */
export const collations: TargetCheck = async ({ session, catalog, facts }) => {
  if (!has(facts, 'collations')) return [];
  const rows = await session.query(
    `SELECT USERNAME, DEFAULT_COLLATION FROM ALL_USERS WHERE USERNAME IN (${list(catalog.schemas)})`,
  );
  return rows
    .map((row) => row.map(text))
    .filter(([, collation = '']) => !['', 'USING_NLS_COMP', 'BINARY'].includes(collation))
    .map(([schema = '', collation]) =>
      errorFinding({
        code: 'ORACLE_COLLATION',
        subject: `${schema} DEFAULT COLLATION ${collation}`,
        message: 'the texts of tables that are made there would be compared by it, and not character by character',
        cure: `ALTER USER ${quoteName(schema)} DEFAULT COLLATION USING_NLS_COMP; -- it says nothing of tables that are there`,
      }),
    );
};

/** Where the account may see it. A schema without a quota takes tables, and no row. */
export const quotas: TargetCheck = async ({ session, catalog, facts }) => {
  const { account } = facts.rights;
  const wanted = catalog.schemas.filter((schema) => facts.users.has(schema));
  const all = await readIfAllowed(
    session,
    `SELECT USERNAME, TABLESPACE_NAME, MAX_BYTES FROM DBA_TS_QUOTAS WHERE USERNAME IN (${list([...wanted, account])})`,
  );
  const own =
    all ??
    (await readIfAllowed(session, `SELECT ${quoteLiteral(account)}, TABLESPACE_NAME, MAX_BYTES FROM USER_TS_QUOTAS`));
  const unlimited = await readIfAllowed(
    session,
    `SELECT GRANTEE FROM DBA_SYS_PRIVS WHERE PRIVILEGE = 'UNLIMITED TABLESPACE' AND GRANTEE IN (${list([...wanted, account])})`,
  );
  const free = new Set([
    ...(unlimited ?? []).map(([name]) => name),
    ...(facts.rights.has('UNLIMITED TABLESPACE') ? [account] : []),
  ]);
  const lacks = (schema: string): boolean =>
    !free.has(schema) && own?.some(([name, , most]) => name === schema && Number(most) !== 0) === false;
  // Of others nothing is known without the view.
  return [...new Set([account, ...(all === undefined || unlimited === undefined ? [] : wanted)])]
    .filter(lacks)
    .map((schema) =>
      errorFinding({
        code: 'ORACLE_QUOTA',
        subject: schema,
        message: 'it has no quota on any tablespace: nothing could be written to its tables',
        cure: `ALTER USER ${quoteName(schema)} QUOTA UNLIMITED ON USERS; -- or the tablespace that is meant`,
      }),
    );
};

const TWICE = 2;

/** What the source's tables take is only an estimate of what they will; indexes and undo come on top. */
export const space: TargetCheck = async (subject) => {
  const bytes = subject.catalog.tables.reduce((sum, { table }) => sum + table.byteEstimate, 0);
  const found = await readRoom(subject);
  return found.flatMap(([tablespace = '', room]): readonly Finding[] => {
    if (Number(room) >= TWICE * bytes) return [];
    return [
      warningFinding({
        code: 'ORACLE_SPACE',
        subject: `tablespace ${tablespace}`,
        message: `the rows take ${gigabytes(bytes)} on the source, and ${gigabytes(Number(room))} are free here`,
        cure: `ALTER TABLESPACE ${quoteName(tablespace)} ADD DATAFILE SIZE 10G AUTOEXTEND ON NEXT 1G; -- as an administrator; of a bigfile tablespace RESIZE`,
      }),
    ];
  });
};

/** The default tablespaces of the schemas, with the bytes that are free in each or can be added by themselves. */
async function readRoom({ session, catalog }: TargetSubject): Promise<readonly (readonly string[])[]> {
  const rows = await readIfAllowed(
    session,
    `SELECT U.DEFAULT_TABLESPACE,
       (SELECT NVL(SUM(F.BYTES), 0) FROM DBA_FREE_SPACE F WHERE F.TABLESPACE_NAME = U.DEFAULT_TABLESPACE)
         + (SELECT NVL(SUM(GREATEST(D.MAXBYTES - D.BYTES, 0)), 0) FROM DBA_DATA_FILES D
            WHERE D.TABLESPACE_NAME = U.DEFAULT_TABLESPACE AND D.AUTOEXTENSIBLE = 'YES')
     FROM (SELECT DISTINCT DEFAULT_TABLESPACE FROM DBA_USERS WHERE USERNAME IN (${list(catalog.schemas)})) U`,
  );
  return rows ?? [];
}

function list(names: readonly string[]): string {
  return names.length === 0 ? 'NULL' : names.map(quoteLiteral).join(', ');
}

function gigabytes(bytes: number): string {
  return `${(bytes / 2 ** 30).toFixed(1)} GB`;
}
