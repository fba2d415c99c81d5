// The first and the next time: a first run passes every check before anything is written; a later one must fit what
// the journal says about plan, databases and outcome.

import type { Journal, RunRecord } from '../journal/journal.ts';
import { MigrateError } from '../lib/errors.ts';
import type { Finding } from '../model/finding.ts';
import { changedFields, planFields, planHash, RESUMABLE_FIELDS } from '../plan/hash.ts';
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
  return endpoints.record;
}

async function firstRun({ plan, endpoints, onFindings }: BeginOptions): Promise<RunRecord> {
  const { source, target, journal } = endpoints;
  const fingerprint = await source.fingerprint(plan.tables);
  const catalog = await source.describe(plan.tables);
  const findings = await preflight({ source, target, catalog, resuming: false });
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
    catalog,
    fingerprint,
    lanes: plan.apply.lanes,
  });
  await recordPreflight(journal, findings);
  return record;
}

async function recordPreflight(journal: Journal, findings: readonly Finding[]): Promise<void> {
  await journal.stages.start('preflight');
  await journal.stages.finish('preflight', { findings });
  await journal.audit('run', 'begun');
}

async function refuseMismatch(record: RunRecord, plan: Plan, { source, target }: Endpoints): Promise<void> {
  if (record.outcome === 'aborted') throw new MigrateError('RUN.ABORTED', `run ${record.name} was aborted`);
  if (record.planHash !== planHash(plan)) {
    const fields = changedFields(record.planFields, planFields(plan)).join(', ');
    throw new MigrateError(
      'PLAN.CHANGED',
      `the plan changed in: ${fields}. These may change: ${RESUMABLE_FIELDS.join(', ')}`,
    );
  }
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
  if ((await source.fingerprint(plan.tables)) !== record.fingerprint) {
    throw new MigrateError(
      'SCHEMA.CHANGED',
      'the schema of the selected tables on the source is not the one this run began with',
    );
  }
}
