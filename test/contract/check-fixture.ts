// For tests of preflight checks: provoke a finding, apply the cure that it prints, look again.

import { randomBytes } from 'node:crypto';
import { expect } from 'vitest';
import { type EmptyText, emptyHandling } from '../../src/databases/conversion.ts';
import { readCatalog } from '../../src/databases/postgres/catalog.ts';
import { checkSource } from '../../src/databases/postgres/check/source.ts';
import type { SourceContext } from '../../src/databases/postgres/check/source-subject.ts';
import type { Session } from '../../src/databases/postgres/connection.ts';
import type { TableSelection } from '../../src/databases/source.ts';
import type { Catalog } from '../../src/model/catalog.ts';
import type { Finding } from '../../src/model/finding.ts';
import type { Column } from '../../src/model/table.ts';
import { ALL, sql } from './catalog-fixture.ts';

const CONTEXT: SourceContext = { id: 's', slot: 'migrate_s', publication: 'migrate_p', selection: ALL };

export async function findingsOf(
  session: Session,
  selection: TableSelection = ALL,
  context: Partial<SourceContext> = {},
  catalog?: Catalog,
): Promise<readonly Finding[]> {
  return checkSource(session, catalog ?? (await readCatalog(session, selection)), {
    ...CONTEXT,
    ...context,
    selection,
  });
}

/** The only finding of the code (about the subject, if given). */
export function only(findings: readonly Finding[], code: string, subject?: string): Finding {
  const found = findings.filter(
    (finding) => finding.code === `PREFLIGHT.${code}` && (subject === undefined || finding.subject === subject),
  );
  expect(found, JSON.stringify(findings)).toHaveLength(1);
  return found[0]!;
}

/** With what becomes of empty values, by column. */
export function withEmpties(catalog: Catalog, empties: Readonly<Record<string, EmptyText>>): Catalog {
  const told = (column: Column): Column => {
    const empty = empties[column.name];
    return empty === undefined ? column : { ...column, handling: [...(column.handling ?? []), emptyHandling(empty)] };
  };
  const tables = catalog.tables.map((definition) => ({
    ...definition,
    table: { ...definition.table, columns: definition.table.columns.map(told) },
  }));
  return { ...catalog, tables };
}

/** Of findings about empty values. */
export function emptySubjects(findings: readonly Finding[]): readonly string[] {
  const found = findings.filter(({ code }) => code === 'PREFLIGHT.ORACLE_EMPTY');
  return found.map(({ level, subject }) => `${level} ${subject}`).toSorted();
}

export function codes(findings: readonly Finding[], level: Finding['level'] = 'error'): readonly string[] {
  return findings.filter((finding) => finding.level === level).map(({ code }) => code.replace('PREFLIGHT.', ''));
}

/** What a plan becomes when the cure's line is pasted into it. */
export function pasteIntoPlan(selection: TableSelection, cure: string): TableSelection {
  const [, name, patterns] = /tables: \{ (include|exclude): (\[.*?\]) \}/.exec(cure) ?? [];
  if (name === undefined || patterns === undefined) throw new Error(`not a line of a plan: ${cure}`);
  return { ...selection, [name]: JSON.parse(patterns) as string[] };
}

/** A role that may log in and nothing else; gone afterwards, with all it owns. */
export async function withRole(sessions: readonly Session[], work: (role: string) => Promise<void>): Promise<void> {
  const role = `r_${randomBytes(6).toString('hex')}`;
  for (const session of sessions) await sql(session, `CREATE ROLE ${role} LOGIN`);
  try {
    await work(role);
  } finally {
    for (const session of sessions) await sql(session, `ROLLBACK; DROP OWNED BY ${role}; DROP ROLE ${role}`);
  }
}
