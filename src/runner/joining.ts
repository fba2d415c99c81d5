// Tables that join a run under way: checked when they are asked for, brought in when the next attempt begins. From then on they
// are tables like all others, of which a copy was asked for.

import { joinedCatalog, joiningPart, standingAlone, tied, tieToRenamed } from '../convert/joined-catalog.ts';
import { type NamedCatalog, nameCatalog } from '../convert/named-catalog.ts';
import { renamedTarget } from '../convert/renamed-target.ts';
import type { TableSelection } from '../databases/source.ts';
import type { RunRecord } from '../journal/journal.ts';
import { MigrateError } from '../lib/errors.ts';
import { FINDING_PREFIX } from '../lib/finding-codes.ts';
import type { Catalog } from '../model/catalog.ts';
import type { Finding } from '../model/finding.ts';
import type { TableName } from '../model/table.ts';
import type { Log } from '../observe/log.ts';
import { readName } from '../plan/names.ts';
import type { Plan } from '../plan/plan.ts';
import { selectionOf } from '../stages/selection.ts';
import type { Endpoints } from './endpoints.ts';
import type { SchemaWatch } from './schema.ts';

export interface JoiningParts {
  readonly plan: Pick<Plan, 'tables'>;
  readonly endpoints: Pick<Endpoints, 'source' | 'target' | 'journal'>;
}

/** The plan, of which the cures of these tell, cannot change any more. */
const CURES: Readonly<Record<string, string>> = {
  [`${FINDING_PREFIX}FOREIGN_KEY`]: 'Add the table that it names first.',
  [`${FINDING_PREFIX}PARENT`]: 'Add the table that it names: its parts come with it.',
  [`${FINDING_PREFIX}RENAME`]: 'Make room for it on the target.',
};

/**
 * What is found of a table that is to join and not of the run without it; none of it is an error. Rejects with TABLE.UNKNOWN,
 * or with TABLE.REFUSED and what was found. Writes nothing.
 */
export async function checkJoining(
  parts: JoiningParts,
  record: RunRecord,
  table: TableName,
): Promise<readonly Finding[]> {
  const { source, target } = parts.endpoints;
  const joining = [...record.joining, table];
  const { selection, now, part, alone } = await readJoining(parts, record, joining);
  const before = [
    ...(await source.check(record.catalog, { ...selectionOf(record), without: joining })),
    ...(await renamedTarget(target, record.catalog).check(record.catalog, true)),
  ];
  const after = [...(await source.check(now, selection)), ...alone.findings];
  const errors = refusals(after);
  const there = [...part.parents, ...part.tables].some((each) => each.table.id === table.id);
  if (there && errors.length === 0) {
    after.push(...(await renamedTarget(target, alone.catalog).check(alone.catalog, false)));
  }
  const known = new Set(before.map(keyOf));
  const found = after.filter((finding) => !known.has(keyOf(finding)));
  refuse(table.id, refusals(found));
  if (!there) throw new MigrateError('TABLE.UNKNOWN', `the source has no table ${table.id} that a run could carry`);
  return found;
}

/**
 * Brings in what was asked for; resolves with the record that has it. The schema of the source must be that of `record`, and
 * nothing may be at work on the target. In this order a crash at any point leaves what can be done again: the log has the tables
 * before the journal does, and so before any copy of theirs.
 */
export async function joinTables(
  parts: JoiningParts & { readonly log: Log; readonly schema: SchemaWatch },
  record: RunRecord,
): Promise<RunRecord> {
  if (record.joining.length === 0) return record;
  const { endpoints, log, schema } = parts;
  const { source, target } = endpoints;
  const names = await present(parts, record);
  if (names.length === 0) return { ...record, joining: [] };
  const { fingerprint, now, part, alone } = await readJoining(parts, record, names);
  refuse(names.map(({ id }) => id).join(', '), refusals(alone.findings));
  // Later than the fingerprint: nothing else can hide in it.
  await schema.look();
  const fitting = renamedTarget(target, alone.catalog);
  const fitted = await fitting.fit(tied(part, alone.catalog));
  const catalog = joinedCatalog(record.catalog, fitted, now);
  // Before that the log is pinned with all the tables there are.
  if (record.startPosition !== null) await source.log.publish(part.tables.map(({ table }) => table));
  await fitting.join(fitted, { catalog, fingerprint, names });
  for (const { table } of part.tables) log.info('a table joins the run', { table: table.id });
  const joined = { ...record, catalog, fingerprint, added: [...record.added, ...names], joining: [] };
  schema.adopt(joined);
  return joined;
}

/** A table that was dropped since is none that anybody waits for. */
async function present({ endpoints, log }: JoiningParts & { readonly log: Log }, record: RunRecord) {
  const { journal, source } = endpoints;
  const { parents, tables } = await source.describe({ include: [], exclude: [], names: record.joining });
  const there = new Set([...parents, ...tables].map(({ table }) => table.id));
  for (const table of record.joining) {
    if (there.has(table.id)) continue;
    log.warn('a table that was to join the run is gone', { table: table.id });
    await journal.states.withdrawJoin(table);
  }
  return record.joining.filter(({ id }) => there.has(id));
}

interface Joining {
  readonly selection: TableSelection;
  readonly fingerprint: string;
  readonly now: Catalog;
  readonly part: Catalog;
  /** The part without its ties to the run, with its names on the target. */
  readonly alone: NamedCatalog;
}

async function readJoining(
  { plan, endpoints }: JoiningParts,
  record: RunRecord,
  names: readonly TableName[],
): Promise<Joining> {
  const { source, target } = endpoints;
  const selection = { ...selectionOf(record), names: [...record.added, ...names], without: [] };
  // Before the description: what is altered in between shows at the next look.
  const fingerprint = await source.fingerprint(selection);
  const now = await source.describe(selection);
  const part = joiningPart(record.catalog, now, names);
  const tie = tieToRenamed(record.catalog, part);
  if (tie !== undefined) throw refused(`${tie}, which tables.map calls something else on the target`);
  const alone = await nameCatalog(target, standingAlone(part), mapOf(plan, part));
  return { selection, fingerprint, now, part, alone };
}

/** The names of whole schemas: a run that began without a table has no name for it alone. */
function mapOf({ tables: { map } }: JoiningParts['plan'], part: Catalog): Plan['tables']['map'] {
  return Object.fromEntries(
    Object.entries(map).filter(([key]) => {
      const from = readName(key);
      return from?.name === null && part.schemas.includes(from.schema);
    }),
  );
}

function refusals(findings: readonly Finding[]): readonly Finding[] {
  return findings.filter(({ level }) => level === 'error');
}

function keyOf({ code, subject }: Finding): string {
  return `${code} ${subject}`;
}

function refuse(tables: string, errors: readonly Finding[]): void {
  if (errors.length === 0) return;
  const told = errors.map(({ code, subject, message }) => `${code} ${subject}: ${message}`).join('; ');
  const cures = errors.flatMap(({ code, cure }) => CURES[code] ?? cure ?? []);
  throw new MigrateError('TABLE.REFUSED', `${tables} cannot join the run: ${told}`, { fix: cures.join('\n') });
}

function refused(message: string): MigrateError {
  return new MigrateError('TABLE.REFUSED', message);
}
