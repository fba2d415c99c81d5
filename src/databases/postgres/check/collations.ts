// Collations that a run makes on the target.

import type { Catalog, TypeDefinition } from '../../../model/catalog.ts';
import type { Finding } from '../../../model/finding.ts';
import { errorFinding } from '../../findings.ts';
import type { Session } from '../connection.ts';

export function collationsOf({ types }: Catalog): readonly TypeDefinition[] {
  return types.filter(({ kind }) => kind === 'collation');
}

/** A server that was built without ICU has none of its collations. */
export async function checkCollations(session: Session, catalog: Catalog): Promise<readonly Finding[]> {
  const names = collationsOf(catalog).map(({ name }) => name);
  if (names.length === 0) return [];
  const rows = await session.query("SELECT FROM pg_collation WHERE collprovider = 'i' LIMIT 1");
  if (rows.length > 0) return [];
  return [
    errorFinding({
      code: 'ICU',
      subject: names.join(', '),
      message: 'the target has no collations of ICU, which convert.caseInsensitive asks for',
      cure: 'convert: { caseInsensitive: distinct }  # in the plan, or take a PostgreSQL that was built with ICU',
    }),
  ];
}
