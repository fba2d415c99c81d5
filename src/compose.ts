// Puts a run together: the application's commands, and the two databases that a plan names.

import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import type { Application } from './cli/application.ts';
import { conversionFor } from './compose/conversion.ts';
import { mysqlSource, mysqlTarget } from './compose/mysql.ts';
import type { SourceDatabase, TargetDatabase } from './compose/opening.ts';
import { oracleTarget } from './compose/oracle.ts';
import { postgresSource, postgresTarget } from './compose/postgres.ts';
import { convertedSource } from './convert/converted-source.ts';
import { runDemo } from './demo/demo.ts';
import { Closer } from './lib/closer.ts';
import type { Plan } from './plan/plan.ts';
import { abortRun } from './runner/abort.ts';
import { checkPlan } from './runner/check.ts';
import type { Endpoints, OpenOptions } from './runner/endpoints.ts';
import { readGrants } from './runner/grants.ts';
import { inspectRun, readAudit, recordPause, recordThrottle } from './runner/inspect.ts';
import { type FormerLock, RunLease } from './runner/lease.ts';
import { readLetters, settleLetters } from './runner/letters.ts';
import { runPlan } from './runner/run.ts';
import { recordTable } from './runner/tables.ts';
import { dropScratch, tunePlan } from './runner/tune.ts';
import { verifyPlan } from './runner/verify.ts';
import { workPlan } from './runner/worker.ts';

export function createApplication(): Application {
  return {
    run: (request) => {
      const former: FormerLock = {};
      return runPlan(request, (plan, options) => openEndpoints(plan, options, former));
    },
    verify: (request) => verifyPlan(request, openEndpoints),
    check: (plan) => checkPlan(plan, openEndpoints),
    inspect: (plan) => inspectRun(plan, openEndpoints),
    audit: (plan, most) => readAudit(plan, most, openEndpoints),
    work: (request) => workPlan(request, openEndpoints),
    setPaused: (plan, request) => recordPause(plan, request, openEndpoints),
    setThrottle: (plan, request) => recordThrottle(plan, request, openEndpoints),
    requestTable: (plan, request) => recordTable(plan, request, openEndpoints),
    letters: (plan, wanted) => readLetters(plan, wanted, openEndpoints),
    settleLetters: (plan, request) => settleLetters(plan, request, openEndpoints),
    abort: (plan, options) => abortRun(plan, options, openEndpoints),
    grants: (plan, request) => readGrants(plan, request, openEndpoints),
    tune: (request) => tunePlan(request, openEndpoints),
    dropTuning: (plan) => dropScratch(plan, openEndpoints),
    demo: runDemo,
  };
}

function openSource(plan: Plan): SourceDatabase {
  return plan.source.kind === 'postgres' ? postgresSource(plan) : mysqlSource(plan);
}

function openTarget(plan: Plan): TargetDatabase {
  return TARGETS[plan.target.kind](plan);
}

const TARGETS: Readonly<Record<Plan['target']['kind'], (plan: Plan) => TargetDatabase>> = {
  postgres: postgresTarget,
  mysql: mysqlTarget,
  oracle: oracleTarget,
};

/** Opens both sides of a plan. The lock comes first: what an earlier runner left open is ended by its age. */
async function openEndpoints(plan: Plan, options: OpenOptions, former?: FormerLock): Promise<Endpoints> {
  const source = openSource(plan);
  const target = openTarget(plan);
  const lease = new RunLease({
    source: source.lease,
    target: target.lease,
    run: plan.name,
    holder: `${hostname()} process ${process.pid}`,
    ...(former === undefined ? {} : { former }),
  });
  const { following } = options;
  const claimed = () => (following === undefined ? lease.claim() : { run: plan.name, epoch: following() });
  const journal = target.journal(claimed);
  const closer = new Closer();
  closer.add(() => source.close());
  closer.add(() => target.close());
  closer.add(() => lease.release());
  try {
    if (options.lock) await lease.lock(options.takeover);
    const record = await journal.load();
    const id = record?.id ?? randomBytes(4).toString('hex');
    // Without the lock nothing may be written: no transaction can prove this epoch.
    const claim = () => (options.lock || following !== undefined ? claimed() : { run: plan.name, epoch: 0 });
    const conversion = conversionFor(plan);
    const shared = { record, id, claim, conversion, onWaiting: options.onWaiting, leads: options.lock };
    const opened = source.open({ ...shared, peer: target });
    return {
      id,
      source: conversion === undefined ? opened.source : convertedSource(opened.source, conversion),
      target: target.open({ ...shared, peer: source }),
      stream: (catalog) => opened.stream(catalog),
      record,
      journal,
      lease,
      leader: () => target.lease.read(plan.name),
      health: { source: source.health, target: target.health },
      claim: () => lease.claimEpoch(),
      forget: (side) => lease.forget(side),
      destroy: (reason) => {
        source.destroy(reason);
        target.destroy(reason);
      },
      close: () => closer.close(),
    };
  } catch (error) {
    await closer.close().catch(() => undefined);
    throw error;
  }
}
