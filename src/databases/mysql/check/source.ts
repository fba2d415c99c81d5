// The preflight of a source: every check, in the order their findings are shown.

import type { Catalog } from '../../../model/catalog.ts';
import type { Finding } from '../../../model/finding.ts';
import { errorFinding } from '../../findings.ts';
import type { MysqlSession } from '../connection.ts';
import { sourceNeeds, unmet } from '../needs.ts';
import { emptying, openTransactions, preparedTransactions } from './activity.ts';
import { emptyTexts } from './empty-texts.ts';
import { readServerFacts } from './facts.ts';
import { fencedByOthers } from './fenced.ts';
import { durable, filters, logged, noted, replica, retention, serverId } from './log.ts';
import { orphans } from './orphans.ts';
import { checkConnections, checkVersion, checkWritable } from './server.ts';
import { findTables, hasRows, type SourceCheck, type SourceContext } from './source-subject.ts';
import { cascades, engines, foreignKeys, keys, notCarried, partitioned, selected } from './tables.ts';
import { zeroDates } from './zero-dates.ts';

const CHECKS: readonly SourceCheck[] = [
  kind,
  ({ facts }) => checkVersion(facts),
  ({ facts }) => checkWritable(facts),
  logged,
  serverId,
  filters,
  replica,
  retention,
  durable,
  noted,
  rights,
  selected,
  engines,
  keys,
  cascades,
  foreignKeys,
  fencedByOthers,
  zeroDates,
  emptyTexts,
  orphans,
  openTransactions,
  preparedTransactions,
  emptying,
  ({ session, facts, context }) => checkConnections(session, facts, context.connections ?? 10),
  partitioned,
  notCarried,
];

/** Reads only. */
export async function checkSource(
  session: MysqlSession,
  catalog: Catalog,
  context: SourceContext,
): Promise<readonly Finding[]> {
  const facts = await readServerFacts(session);
  const found = await findTables(session, context.selection);
  const findings: Finding[] = [];
  for (const check of CHECKS) findings.push(...(await check({ session, catalog, context, facts, found })));
  return findings;
}

function kind({ facts, context }: Parameters<SourceCheck>[0]): readonly Finding[] {
  const found = facts.isMariadb ? 'mariadb' : 'mysql';
  if ((context.kind ?? found) === found) return [];
  return [
    errorFinding({
      code: 'SOURCE_KIND',
      subject: 'source.kind',
      message: `the plan says ${context.kind}, and the server is ${facts.product}`,
      cure: `source: { kind: ${found} }  # in the plan, or name another server in source.url`,
    }),
  ];
}

function rights({ facts, catalog, context, found }: Parameters<SourceCheck>[0]): readonly Finding[] {
  // One that this account cannot see is still in the catalog that the plan was checked with.
  const names = new Set(found.selected.map(({ id }) => id));
  const tables = [
    ...found.selected.filter(hasRows),
    ...catalog.tables.map(({ table }) => table).filter(({ id }) => !names.has(id)),
  ];
  return unmet(
    facts,
    sourceNeeds(facts, {
      tables,
      isKeyed: catalog.tables.length > 0 && catalog.tables.every(({ table }) => table.identity === 'key'),
      selection: context.selection,
      endsTransactions: context.endsTransactions === true,
    }),
  );
}
