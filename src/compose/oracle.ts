// Oracle as the target of a plan.

import { unconverted } from '../databases/conversion.ts';
import { OracleServer } from '../databases/oracle/connection.ts';
import { oracleHealth } from '../databases/oracle/health.ts';
import { OracleJournal } from '../databases/oracle/journal/journal.ts';
import { OracleLeaseStore } from '../databases/oracle/lease-store.ts';
import { OracleTarget } from '../databases/oracle/target.ts';
import { connectionsOf } from '../plan/connections.ts';
import type { Plan } from '../plan/plan.ts';
import type { TargetDatabase } from './opening.ts';

export function oracleTarget(plan: Plan): TargetDatabase {
  const server = new OracleServer('target', plan.target.url, plan.name);
  return {
    lease: new OracleLeaseStore(server),
    health: oracleHealth(server),
    destroy: () => server.destroy(),
    close: () => server.close(),
    journal: (claim) => new OracleJournal(server, plan.name, claim),
    open: ({ id, record, claim, conversion, onWaiting }) =>
      new OracleTarget({
        server,
        id,
        claim,
        onWaiting,
        conversionOf: conversion?.ofTarget ?? unconverted,
        networkTimeoutMs: plan.limits.networkTimeout,
        builders: plan.snapshot.readers,
        connections: connectionsOf(plan).target,
        reverse: plan.cutover.reverse === 'debezium' ? plan.cutover.reverseAccount : undefined,
        directPath: plan.snapshot.directPath,
        existing: (record?.planFields['schema.target'] ?? plan.schema.target) === 'existing',
      }),
  };
}
