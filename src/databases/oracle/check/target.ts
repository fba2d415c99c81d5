// The preflight of a target: every check, in the order their findings are shown.

import type { Catalog } from '../../../model/catalog.ts';
import type { Finding } from '../../../model/finding.ts';
import type { OracleSession } from '../connection.ts';
import { targetNeeds, unmet } from '../needs.ts';
import { checkExisting } from './existing.ts';
import { readServerFacts, type ServerFacts } from './facts.ts';
import { longNames, references, takenNames } from './names.ts';
import { checkCharset, checkConnections, checkContainer, checkVersion, checkWritable } from './server.ts';
import { quotas, schemas, space } from './space.ts';
import { absent, firing, present, widths } from './tables.ts';

export interface TargetContext {
  /** Which triggers are of the run's own fence. Default none. */
  readonly isOwnTrigger?: (name: string) => boolean;
  /** Connections the run opens on the target at most. Default 10. */
  readonly connections?: number;
  /** True when the tables were made by hand. Default false. */
  readonly existing?: boolean;
}

export interface TargetSubject {
  readonly session: OracleSession;
  readonly catalog: Catalog;
  readonly context: TargetContext;
  readonly facts: ServerFacts;
}

export type TargetCheck = (subject: TargetSubject) => readonly Finding[] | Promise<readonly Finding[]>;

const ALWAYS: readonly TargetCheck[] = [
  ({ facts }) => checkVersion(facts),
  ({ facts }) => checkContainer(facts),
  ({ facts }) => checkWritable(facts),
  ({ facts }) => checkCharset(facts),
  ({ facts, catalog, context }) =>
    unmet(facts.rights, targetNeeds(facts, facts.rights.account, scope(catalog, context))),
  ({ session, context }) => checkConnections(session, context.connections ?? 10),
  schemas,
  quotas,
];

const BEFORE_CREATION: readonly TargetCheck[] = [space, absent, longNames, takenNames, widths, references];
const BY_HAND: readonly TargetCheck[] = [space, checkExisting, firing];
const RESUMING: readonly TargetCheck[] = [present, firing];

/** Reads only. `resuming`: the tables are this run's own. */
export async function checkTarget(
  session: OracleSession,
  catalog: Catalog,
  resuming: boolean,
  context: TargetContext = {},
): Promise<readonly Finding[]> {
  const facts = await readServerFacts(session);
  const own = resuming ? RESUMING : context.existing === true ? BY_HAND : BEFORE_CREATION;
  const findings: Finding[] = [];
  for (const check of [...ALWAYS, ...own]) findings.push(...(await check({ session, catalog, context, facts })));
  return findings;
}

function scope(catalog: Catalog, { existing = false }: TargetContext) {
  return { schemas: catalog.schemas, counts: catalog.sequences.length > 0, existing };
}
