// The preflight of a source: every check, in the order their findings are shown.

import type { Catalog } from '../../../model/catalog.ts';
import type { Finding } from '../../../model/finding.ts';
import { tableId } from '../../../model/table.ts';
import type { Session } from '../connection.ts';
import { PUBLISHED_AT_ONCE } from '../log/publication.ts';
import { field } from '../row.ts';
import { IS_SELECTED, selectionValues } from '../selection.ts';
import { quoteTable } from '../sql.ts';
import { columnTypes, largeObjects } from './column-types.ts';
import { generatedIdentity, generatedKeys, keys, replicaIdentity } from './columns.ts';
import { emptyTexts } from './empty-texts.ts';
import { readServerFacts } from './facts.ts';
import { fencedByOthers } from './fenced.ts';
import { ancestors, hashOfEnum, partitioned, partsLeftOut } from './hierarchy.ts';
import {
  names,
  openTransactions,
  preparedTransactions,
  retention,
  senders,
  slots,
  subscriptions,
  walLevel,
} from './log.ts';
import { notCarried } from './not-carried.ts';
import { ownership, readRight, replicationRight, signalRight, statisticsRight } from './rights.ts';
import { checkConnections, checkCreate, checkEncoding, checkLocks, checkVersion, checkWritable } from './server.ts';
import type { SelectedTable, SourceCheck, SourceContext } from './source-subject.ts';
import { foreignKeys, kinds, rowSecurity, selected, unlogged } from './tables.ts';

const CHECKS: readonly SourceCheck[] = [
  async ({ facts }) => checkVersion(facts),
  ({ session, facts }) => checkWritable(session, facts),
  async ({ facts }) => checkEncoding(facts),
  walLevel,
  slots,
  senders,
  names,
  retention,
  replicationRight,
  ({ session, facts }) => checkCreate(session, facts),
  selected,
  readRight,
  ownership,
  statisticsRight,
  signalRight,
  kinds,
  rowSecurity,
  ancestors,
  partsLeftOut,
  hashOfEnum,
  partitioned,
  unlogged,
  fencedByOthers,
  keys,
  replicaIdentity,
  generatedKeys,
  generatedIdentity,
  columnTypes,
  emptyTexts,
  largeObjects,
  foreignKeys,
  subscriptions,
  openTransactions,
  preparedTransactions,
  ({ session, tables }) => checkLocks(session, Math.min(tables.length, PUBLISHED_AT_ONCE)),
  ({ session, context }) => checkConnections(session, context.connections ?? 10),
  notCarried,
];

/** Reads only. */
export async function checkSource(
  session: Session,
  catalog: Catalog,
  context: SourceContext,
): Promise<readonly Finding[]> {
  const tables = await readSelected(session, context);
  const facts = await readServerFacts(session);
  const subject = { session, catalog, context, facts, tables, oids: tables.map(({ oid }) => oid) };
  const findings: Finding[] = [];
  for (const check of CHECKS) findings.push(...(await check(subject)));
  return findings;
}

async function readSelected(session: Session, { selection }: SourceContext): Promise<readonly SelectedTable[]> {
  const rows = await session.query(
    `SELECT c.oid, n.nspname, c.relname, c.relkind
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'p', 'f') AND ${IS_SELECTED}
     ORDER BY n.nspname, c.relname`,
    selectionValues(selection),
  );
  return rows.map((row) => {
    const name = { schema: field(row, 'nspname'), name: field(row, 'relname') };
    return {
      oid: field(row, 'oid'),
      id: tableId(name.schema, name.name),
      quoted: quoteTable(name),
      kind: field(row, 'relkind'),
    };
  });
}
