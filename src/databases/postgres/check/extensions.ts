// Check of a target: the extensions that the tables need, where the source has them.

import type { ExtensionDefinition } from '../../../model/catalog.ts';
import type { Finding } from '../../../model/finding.ts';
import { errorFinding } from '../../findings.ts';
import type { Session } from '../connection.ts';
import { field } from '../row.ts';
import { quoteName } from '../sql.ts';

/** Quoted where a statement would need it. */
export async function readExtensions(session: Session): Promise<readonly string[]> {
  const rows = await session.query('SELECT quote_ident(extname) AS name FROM pg_extension ORDER BY 1');
  return rows.map((row) => field(row, 'name'));
}

export async function checkExtensions(
  session: Session,
  extensions: readonly ExtensionDefinition[],
): Promise<readonly Finding[]> {
  const rows = await session.query(
    `SELECT e.extname, n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
     WHERE e.extname = ANY ($1::text[])`,
    [extensions.map(({ name }) => name)],
  );
  const found = new Map(rows.map((row) => [field(row, 'extname'), field(row, 'nspname')]));
  return extensions.flatMap(({ name, schema }) => {
    const there = found.get(name);
    if (there === schema) return [];
    const subject = { code: 'EXTENSION', subject: `extension ${name}` } as const;
    const make = `CREATE SCHEMA IF NOT EXISTS ${quoteName(schema)};`;
    return [
      there === undefined
        ? errorFinding({
            ...subject,
            message: 'tables of the source use it, and the target does not have it',
            cure: `${make} CREATE EXTENSION ${quoteName(name)} SCHEMA ${quoteName(schema)}; -- on the target`,
          })
        : errorFinding({
            ...subject,
            message: `it is in schema ${there} of the target and in ${schema} of the source`,
            cure: `${make} ALTER EXTENSION ${quoteName(name)} SET SCHEMA ${quoteName(schema)}; -- on the target`,
          }),
    ];
  });
}
