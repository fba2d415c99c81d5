// The only file that names concrete databases and streams.

import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import type { Application } from './cli/application.ts';
import { readExtensions } from './databases/postgres/check/extensions.ts';
import { readServerFacts } from './databases/postgres/check/facts.ts';
import { PostgresServer } from './databases/postgres/connection.ts';
import { readHashForm } from './databases/postgres/digest.ts';
import { PostgresJournal } from './databases/postgres/journal/journal.ts';
import { type FormerLock, PostgresLease } from './databases/postgres/lease.ts';
import type { LeaseClaim } from './databases/postgres/lease-proof.ts';
import { PostgresStream } from './databases/postgres/log/stream.ts';
import { PostgresSource } from './databases/postgres/source.ts';
import { PostgresTarget } from './databases/postgres/target.ts';
import { runDemo } from './demo/demo.ts';
import type { RunRecord } from './journal/journal.ts';
import { Closer } from './lib/closer.ts';
import { once } from './lib/once.ts';
import type { Side } from './model/side.ts';
import { connectionsOf } from './plan/connections.ts';
import type { Plan } from './plan/plan.ts';
import { abortRun } from './runner/abort.ts';
import { checkPlan } from './runner/check.ts';
import type { Endpoints, OpenOptions } from './runner/endpoints.ts';
import { readGrants } from './runner/grants.ts';
import { inspectRun, recordPause } from './runner/inspect.ts';
import { readLetters, settleLetters } from './runner/letters.ts';
import { runPlan } from './runner/run.ts';
import { recordTable } from './runner/tables.ts';
import { verifyPlan } from './runner/verify.ts';

export function createApplication(): Application {
  return {
    run: (request) => {
      const former: FormerLock = {};
      return runPlan(request, (plan, options) => openEndpoints(plan, options, former));
    },
    verify: (request) => verifyPlan(request, openEndpoints),
    check: (plan) => checkPlan(plan, openEndpoints),
    inspect: (plan) => inspectRun(plan, openEndpoints),
    setPaused: (plan, paused) => recordPause(plan, paused, openEndpoints),
    requestTable: (plan, request) => recordTable(plan, request, openEndpoints),
    letters: (plan, wanted) => readLetters(plan, wanted, openEndpoints),
    settleLetters: (plan, request) => settleLetters(plan, request, openEndpoints),
    abort: (plan, options) => abortRun(plan, options, openEndpoints),
    grants: (plan, request) => readGrants(plan, request, openEndpoints),
    demo: runDemo,
  };
}

async function hashesDiffer(source: PostgresServer, target: PostgresServer): Promise<boolean> {
  const [one, other] = await Promise.all([source, target].map((server) => server.with('facts', readHashForm)));
  return one !== other;
}

/** Opens both sides of a plan. The lock comes first: what an earlier runner left open is ended by its age. */
async function openEndpoints(plan: Plan, options: OpenOptions, former?: FormerLock): Promise<Endpoints> {
  const source = new PostgresServer('source', plan.source.url, plan.name);
  const target = new PostgresServer('target', plan.target.url, plan.name);
  const lease = new PostgresLease({
    source,
    target,
    run: plan.name,
    holder: `${hostname()} process ${process.pid}`,
    ...(former === undefined ? {} : { former }),
  });
  const journal = new PostgresJournal(target, plan.name, () => lease.claim());
  const closer = new Closer();
  closer.add(() => source.close());
  closer.add(() => target.close());
  closer.add(() => lease.release());
  try {
    if (options.lock) await lease.lock(options.takeover);
    const record = await journal.load();
    // Without the lock nothing may be written: no transaction can prove this epoch.
    const claim = () => (options.lock ? lease.claim() : { run: plan.name, epoch: 0 });
    return {
      ...portsOf({ source, target }, { plan, record, claim, onWaiting: options.onWaiting }),
      record,
      journal,
      lease,
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

interface Opened extends Pick<OpenOptions, 'onWaiting'> {
  readonly plan: Plan;
  readonly record: RunRecord | undefined;
  readonly claim: () => LeaseClaim;
}

function portsOf(
  { source, target }: Readonly<Record<Side, PostgresServer>>,
  { plan, record, claim, onWaiting }: Opened,
): Pick<Endpoints, 'id' | 'source' | 'target' | 'stream'> {
  const id = record?.id ?? randomBytes(4).toString('hex');
  const log = { slot: `migrate_${plan.name.replaceAll('-', '_')}_${id}`, publication: `migrate_${plan.name}_${id}` };
  const networkTimeoutMs = plan.limits.networkTimeout;
  const shared = {
    id,
    claim,
    digestConcurrency: plan.verify.concurrency,
    portableDigests: once(() => hashesDiffer(source, target)),
  };
  const connections = connectionsOf(plan);
  return {
    id,
    source: new PostgresSource({
      ...shared,
      ...log,
      server: source,
      connections: connections.source,
      selection: { ...plan.tables, names: record?.added ?? [] },
      endsTransactions: plan.cutover.openTransactions === 'end',
      onWaiting,
      targetExtensions: () => target.with('facts', readExtensions),
    }),
    target: new PostgresTarget({
      ...shared,
      server: target,
      connections: connections.target,
      networkTimeoutMs,
      builders: plan.snapshot.readers,
      existing: (record?.planFields['schema.target'] ?? plan.schema.target) === 'existing',
      sourceFacts: () => source.with('facts', readServerFacts),
    }),
    stream: ({ tables }) =>
      new PostgresStream({
        ...log,
        server: source,
        tables: tables.map(({ table }) => table),
        networkTimeoutMs,
        decodingMemory: plan.limits.decodingMemory,
      }),
  };
}
