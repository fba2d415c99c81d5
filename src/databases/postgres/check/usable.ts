// Which tables a role may name at all: a look-up by name in a schema that it may not use is refused, not answered.

import type { TableDefinition } from '../../../model/catalog.ts';
import type { Finding } from '../../../model/finding.ts';
import { errorFinding } from '../../findings.ts';
import type { Session } from '../connection.ts';
import { grantUsage } from '../rights.ts';
import { field } from '../row.ts';

/** Those in schemas that the role may use, and in schemas that do not exist. */
export async function usableTables(
  session: Session,
  tables: readonly TableDefinition[],
): Promise<readonly TableDefinition[]> {
  const closed = new Set(await closedSchemas(session, [...new Set(tables.map(({ table }) => table.schema))]));
  return tables.filter(({ table }) => !closed.has(table.schema));
}

/** `role` is quoted. */
export async function checkUsage(
  session: Session,
  role: string,
  schemas: readonly string[],
): Promise<readonly Finding[]> {
  return (await closedSchemas(session, schemas)).map((schema) =>
    errorFinding({
      code: 'USAGE',
      subject: `schema ${schema}`,
      message: `role ${role} may not use it`,
      cure: grantUsage(schema, role),
    }),
  );
}

async function closedSchemas(session: Session, schemas: readonly string[]): Promise<readonly string[]> {
  const rows = await session.query(
    `SELECT nspname FROM pg_namespace
     WHERE nspname = ANY ($1::text[]) AND NOT has_schema_privilege(oid, 'USAGE') ORDER BY 1`,
    [schemas],
  );
  return rows.map((row) => field(row, 'nspname'));
}
