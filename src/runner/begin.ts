// The first and the next time: a first run passes every check before anything is written; a later one must fit what
// the journal says about plan, databases and outcome.

import { nameCatalog } from '../convert/named-catalog.ts';
import { renamedTarget } from '../convert/renamed-target.ts';
import type { Journal, RunRecord } from '../journal/journal.ts';
import { MigrateError } from '../lib/errors.ts';
import { person } from '../lib/person.ts';
import { partitionsOf } from '../model/catalog.ts';
import type { Finding } from '../model/finding.ts';
import type { Side } from '../model/side.ts';
import { changedFields, fieldsWithout, planFields, planHash, RESUMABLE_FIELDS } from '../plan/hash.ts';
import type { Plan } from '../plan/plan.ts';
import { preflight, refuseErrors } from '../stages/preflight.ts';
import type { Endpoints } from './endpoints.ts';

export interface BeginOptions {
  readonly plan: Plan;
  readonly endpoints: Endpoints;
  readonly onFindings: (findings: readonly Finding[]) => void;
}

/** Resolves with the run's record, the lease claimed. */
export async function beginRun(options: BeginOptions): Promise<RunRecord> {
  const { endpoints, plan } = options;
  if (endpoints.record === undefined) return firstRun(options);
  await refuseMismatch(endpoints.record, plan, endpoints);
  await endpoints.claim();
  await endpoints.journal.setEnded(null);
  await followLineage(endpoints.record, endpoints);
  return endpoints.record;
}

/** Before anything is read: a source that failed over may lack the last of what this run has already carried. */
async function followLineage(record: RunRecord, { source, target, journal }: Endpoints): Promise<void> {
  const [checkpoints, tables] = await Promise.all([target.checkpoints(), journal.tables.list()]);
  const copied = tables.flatMap(({ chunks, keyChunks }) => [...chunks, ...keyChunks]).map(({ at }) => at);
  const reached = [...checkpoints.map(({ position }) => position), ...copied].filter((position) => position !== null);
  const lineage = await source.lineage(record.sourceLineage, reached);
  if (lineage !== record.sourceLineage) await journal.setLineage(lineage);
}

async function firstRun({ plan, endpoints, onFindings }: BeginOptions): Promise<RunRecord> {
  const { source, target, journal } = endpoints;
  const fingerprint = await source.fingerprint(plan.tables);
  const named = await nameCatalog(target, await source.describe(plan.tables), plan.tables.map);
  const findings = await preflight({ source, target, named, selection: plan.tables, resuming: false });
  onFindings(findings);
  refuseErrors(findings);
  await endpoints.claim();
  const record = await journal.create({
    name: plan.name,
    id: endpoints.id,
    planHash: planHash(plan),
    planFields: planFields(plan),
    sourceIdentity: await source.identity(),
    targetIdentity: await target.identity(),
    catalog: await renamedTarget(target, named.catalog).fit(named.catalog),
    fingerprint,
    lanes: plan.apply.lanes,
  });
  await journal.setLineage(await source.lineage('', []));
  const servers = { source: await source.version(), target: await target.version() };
  await recordPreflight(journal, findings, servers);
  return record;
}

async function recordPreflight(
  journal: Journal,
  findings: readonly Finding[],
  servers: Readonly<Record<Side, string>>,
): Promise<void> {
  await journal.stages.start('preflight');
  await journal.stages.finish('preflight', { findings, servers });
  await journal.audit({ by: person(), command: 'run', result: 'the run has begun' });
}

/** A plan may name the tables that joined the run, or no longer exclude them. */
export function refuseChangedPlan({ added, catalog, joining, planFields: before }: RunRecord, plan: Plan): void {
  const joined = [...added, ...joining, ...partitionsOf(catalog, added)];
  const [was, is] = [before, planFields(plan)].map((fields) => fieldsWithout(fields, joined));
  const fields = changedFields(was ?? {}, is ?? {});
  if (fields.length === 0) return;
  throw new MigrateError(
    'PLAN.CHANGED',
    `the plan changed in: ${fields.join(', ')}. These may change: ${RESUMABLE_FIELDS.join(', ')}`,
  );
}

async function refuseMismatch(record: RunRecord, plan: Plan, { source, target }: Endpoints): Promise<void> {
  if (record.outcome === 'aborted') throw new MigrateError('RUN.ABORTED', `run ${record.name} was aborted`);
  refuseChangedPlan(record, plan);
  if ((await source.identity()) !== record.sourceIdentity) {
    throw new MigrateError(
      'SOURCE.IDENTITY',
      'source.url leads to another server or database than the one this run began with',
    );
  }
  if ((await target.identity()) !== record.targetIdentity) {
    throw new MigrateError(
      'TARGET.IDENTITY',
      'target.url leads to another server or database than the one this run began with',
    );
  }
}
