// The preflight of a target: every check, in the order their findings are shown.

import type { Catalog } from '../../../model/catalog.ts';
import type { Finding } from '../../../model/finding.ts';
import { warningFinding } from '../../findings.ts';
import type { OracleSession } from '../connection.ts';
import { oraCode } from '../errors.ts';
import { targetNeeds, unmet } from '../needs.ts';
import { checkReverse } from '../reverse.ts';
import { checkExisting } from './existing.ts';
import { readServerFacts, type ServerFacts } from './facts.ts';
import { longNames, references, takenNames } from './names.ts';
import { checkCharset, checkConnections, checkContainer, checkVersion, checkWritable } from './server.ts';
import { collations, quotas, schemas, space } from './space.ts';
import { absent, columns, firing, present, types, widths } from './tables.ts';

export interface TargetContext {
  /** Which triggers are of the run's own fence. Default none. */
  readonly isOwnTrigger?: (name: string) => boolean;
  /** Connections the run opens on the target at most. Default 10. */
  readonly connections?: number;
  /** True when the tables were made by hand. Default false. */
  readonly existing?: boolean;
  /** The account that Debezium would log in with for a way back. Default none: nothing is looked at for one. */
  readonly reverse?: string | undefined;
}

export interface TargetSubject {
  readonly session: OracleSession;
  readonly catalog: Catalog;
  readonly context: TargetContext;
  readonly facts: ServerFacts;
}

export type TargetCheck = (subject: TargetSubject) => readonly Finding[] | Promise<readonly Finding[]>;

/** Each with what it is about, in the middle of a sentence. */
type Checks = Readonly<Record<string, TargetCheck>>;

const ALWAYS: Checks = {
  version: ({ facts }) => checkVersion(facts),
  container: ({ facts }) => checkContainer(facts),
  role: ({ facts }) => checkWritable(facts),
  'character set': ({ facts }) => checkCharset(facts),
  rights: ({ facts, catalog, context }) =>
    unmet(facts.rights, targetNeeds(facts, facts.rights.account, scope(catalog, context))),
  'free sessions': ({ session, context }) => checkConnections(session, context.connections ?? 10),
  schemas,
  quotas,
  'the way back': async ({ session, catalog, facts, context: { reverse } }) =>
    reverse === undefined ? [] : checkReverse({ session, catalog, facts, account: reverse }),
};

const BEFORE_CREATION: Checks = {
  room: space,
  'what is there already': absent,
  'lengths of names': longNames,
  'names that are taken': takenNames,
  widths,
  types,
  columns,
  collations,
  references,
};
const BY_HAND: Checks = { room: space, 'tables made by hand': checkExisting, triggers: firing };
const RESUMING: Checks = { 'tables of the run': present, triggers: firing };

/** No such view, no such column, no right. */
const UNSEEN = [942, 904, 1031];

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
  for (const [about, check] of Object.entries({ ...ALWAYS, ...own })) {
    try {
      findings.push(...(await check({ session, catalog, context, facts })));
    } catch (error) {
      // What a run cannot do without it asks for itself, and stops.
      if (!UNSEEN.includes(oraCode(error) ?? 0)) throw error;
      findings.push(unseen(about, error));
    }
  }
  return findings;
}

function unseen(about: string, error: unknown): Finding {
  return warningFinding({
    code: 'ORACLE_UNSEEN',
    subject: about,
    message: `not checked, because the server does not show it to this account: ${error instanceof Error ? error.message : String(error)}`,
  });
}

function scope(catalog: Catalog, { existing = false }: TargetContext) {
  return { schemas: catalog.schemas, counts: catalog.sequences.length > 0, existing };
}
