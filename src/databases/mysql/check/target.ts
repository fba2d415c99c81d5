// The preflight of a target: every check, in the order their findings are shown.

import type { Catalog } from '../../../model/catalog.ts';
import type { Finding } from '../../../model/finding.ts';
import type { TableName } from '../../../model/table.ts';
import { errorFinding, warningFinding } from '../../findings.ts';
import type { MysqlSession } from '../connection.ts';
import { targetNeeds, unmet } from '../needs.ts';
import { constraintNames } from './constraint-names.ts';
import { checkExisting } from './existing.ts';
import { isOn, readServerFacts, type ServerFacts, setGlobal } from './facts.ts';
import { checkConnections, checkVersion, checkWritable } from './server.ts';
import { absent, collations, firing, nameCase, present, primaryKeys } from './target-tables.ts';

export interface TargetContext {
  /** Which triggers are of the run's own fence. Default none. */
  readonly isOwnTrigger?: (name: string) => boolean;
  /** The run's table where it stands until it is revealed. Default: under its own name. */
  readonly hidden?: (table: TableName) => TableName;
  /** Connections the run opens on the target at most. Default 10. */
  readonly connections?: number;
  /** True when the tables were made by hand. Default false. */
  readonly existing?: boolean;
}

export interface TargetSubject {
  readonly session: MysqlSession;
  readonly catalog: Catalog;
  readonly context: TargetContext;
  readonly facts: ServerFacts;
}

export type TargetCheck = (subject: TargetSubject) => readonly Finding[] | Promise<readonly Finding[]>;

const ALWAYS: readonly TargetCheck[] = [
  ({ facts }) => checkVersion(facts),
  ({ facts }) => checkWritable(facts),
  ({ facts, catalog, context }) =>
    unmet(facts, targetNeeds(facts, { schemas: catalog.schemas, existing: context.existing === true })),
  localInfile,
  packet,
  nameCase,
  ({ session, facts, context }) => checkConnections(session, facts, context.connections ?? 10),
];

const BEFORE_CREATION: readonly TargetCheck[] = [absent, constraintNames, primaryKeys, collations];
const BY_HAND: readonly TargetCheck[] = [checkExisting, firing];
const RESUMING: readonly TargetCheck[] = [present, firing];

/** Reads only. `resuming`: the tables are this run's own. */
export async function checkTarget(
  session: MysqlSession,
  catalog: Catalog,
  resuming: boolean,
  context: TargetContext = {},
): Promise<readonly Finding[]> {
  const facts = await readServerFacts(session);
  // Nothing else that could be said of it would be of use.
  if (facts.isMariadb) {
    return [
      errorFinding({
        code: 'TARGET_SERVER',
        subject: facts.product,
        message: 'MariaDB is supported as a source only',
        cure: 'Name a MySQL server in target.url.',
      }),
    ];
  }
  const own = resuming ? RESUMING : context.existing === true ? BY_HAND : BEFORE_CREATION;
  const findings: Finding[] = [];
  for (const check of [...ALWAYS, ...own]) findings.push(...(await check({ session, catalog, context, facts })));
  return findings;
}

function localInfile({ facts }: TargetSubject): readonly Finding[] {
  if (isOn(facts, 'local_infile')) return [];
  return [
    warningFinding({
      code: 'LOCAL_INFILE',
      subject: 'local_infile',
      message: 'the server takes no rows in bulk from its clients: the copy is slower',
      cure: setGlobal(facts, 'local_infile', 'ON'),
    }),
  ];
}

const ENOUGH_BYTES = 64 << 20;

function packet({ facts, catalog }: TargetSubject): readonly Finding[] {
  const limit = Number(facts.settings.get('max_allowed_packet'));
  const cure = (bytes: number): string => setGlobal(facts, 'max_allowed_packet', String(bytes));
  const described = Buffer.byteLength(JSON.stringify(catalog));
  if (described > limit) {
    return [
      errorFinding({
        code: 'PACKET',
        subject: 'max_allowed_packet',
        message: `the journal keeps the description of all tables in one row, which takes ${described} bytes`,
        cure: cure(Math.max(ENOUGH_BYTES, 4 * 2 ** Math.ceil(Math.log2(described)))),
      }),
    ];
  }
  const isWide = catalog.tables.some(({ table }) =>
    table.columns.some(({ type }) => /text|blob|json|geometry|polygon|linestring|vector/i.test(type)),
  );
  if (limit >= ENOUGH_BYTES || !isWide) return [];
  return [
    warningFinding({
      code: 'PACKET',
      subject: 'max_allowed_packet',
      message: `a row of more than ${limit} bytes cannot be written`,
      cure: cure(ENOUGH_BYTES),
    }),
  ];
}
