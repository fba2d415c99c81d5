// PostgreSQL on either side of a plan.

import { readExtensions } from '../databases/postgres/check/extensions.ts';
import { readServerFacts } from '../databases/postgres/check/facts.ts';
import { PostgresServer } from '../databases/postgres/connection.ts';
import { PostgresDebezium } from '../databases/postgres/debezium/source.ts';
import { readHashForm } from '../databases/postgres/digest.ts';
import { postgresHealth } from '../databases/postgres/health.ts';
import { PostgresJournal } from '../databases/postgres/journal/journal.ts';
import { PostgresLeaseStore } from '../databases/postgres/lease-store.ts';
import { PostgresStream } from '../databases/postgres/log/stream.ts';
import { alwaysText } from '../databases/postgres/snapshot.ts';
import { PostgresSource } from '../databases/postgres/source.ts';
import { PostgresTarget } from '../databases/postgres/target.ts';
import { once } from '../lib/once.ts';
import type { Side } from '../model/side.ts';
import { connectionsOf } from '../plan/connections.ts';
import type { Plan } from '../plan/plan.ts';
import { DebeziumParts, leaseProof, placeholderOf } from './debezium.ts';
import {
  closeAll,
  type Database,
  type OpenedSource,
  type Opening,
  replicasOf,
  type SourceDatabase,
  type TargetDatabase,
} from './opening.ts';

interface PostgresDatabase extends Database {
  readonly server: PostgresServer;
}

export function postgresSource(plan: Plan): SourceDatabase {
  const database = open('source', plan);
  const { networkTimeout: networkTimeoutMs, decodingMemory } = plan.limits;
  return {
    ...database,
    open: (opening): OpenedSource => {
      const { id, record, peer, onWaiting } = opening;
      const log = {
        slot: `migrate_${plan.name.replaceAll('-', '_')}_${id}`,
        publication: `migrate_${plan.name}_${id}`,
      };
      const source = new PostgresSource({
        ...shared(database, plan, opening),
        ...log,
        selection: { ...plan.tables, names: record?.added ?? [] },
        endsTransactions: plan.cutover.openTransactions === 'end',
        onWaiting,
        ...(serverOf(peer) === undefined ? { formatOf: alwaysText } : {}),
        targetExtensions: async () => serverOf(peer)?.with('facts', readExtensions),
      });
      const { server } = database;
      if (plan.stream.via === 'debezium') {
        const placeholder = placeholderOf(plan.name, id);
        const engine = new PostgresDebezium({ ...log, server, url: plan.source.url, placeholder });
        const prove = leaseProof(database.lease, opening.claim);
        const tables = record?.catalog.tables.map(({ table }) => table) ?? [];
        const { leads } = opening;
        const parts = new DebeziumParts({ plan, id, source, engine, tables, leads, prove, onWaiting });
        return { source: parts.source, stream: (catalog) => parts.stream(catalog.tables.map(({ table }) => table)) };
      }
      const stream: OpenedSource['stream'] = ({ tables: definitions }) => {
        const tables = definitions.map(({ table }) => table);
        return new PostgresStream({
          ...log,
          server,
          tables,
          networkTimeoutMs,
          decodingMemory,
          givesWay: !opening.leads,
        });
      };
      return { source, stream };
    },
  };
}

export function postgresTarget(plan: Plan): TargetDatabase {
  const database = open('target', plan);
  return {
    ...database,
    journal: (claim) => new PostgresJournal(database.server, plan.name, claim),
    open: (opening) => {
      const { record, peer } = opening;
      return new PostgresTarget({
        ...shared(database, plan, opening),
        networkTimeoutMs: plan.limits.networkTimeout,
        builders: plan.snapshot.readers,
        existing: (record?.planFields['schema.target'] ?? plan.schema.target) === 'existing',
        sourceFacts: async () => serverOf(peer)?.with('facts', readServerFacts),
      });
    },
  };
}

function open(side: Side, plan: Plan): PostgresDatabase {
  const server = new PostgresServer(side, plan[side].url, plan.name);
  const replicas = replicasOf(plan, side, (url) => new PostgresServer(side, url, plan.name));
  return {
    server,
    lease: new PostgresLeaseStore(server),
    health: postgresHealth(server, replicas),
    destroy: (reason) => {
      for (const each of [server, ...replicas.map((replica) => replica.server)]) each.destroy(reason);
    },
    close: () => closeAll([server, ...replicas.map((replica) => replica.server)]),
  };
}

function shared({ server }: PostgresDatabase, plan: Plan, { id, claim, peer, conversion }: Opening) {
  return {
    id,
    claim,
    server,
    connections: connectionsOf(plan)[server.side],
    digestConcurrency: plan.verify.concurrency,
    portableDigests: once(async () => !(await hashesAlike(server, serverOf(peer)))),
    ...(conversion?.canonicalOf === undefined ? {} : { canonicalOf: conversion.canonicalOf }),
  };
}

/** The server of the other side, where that is PostgreSQL as well. */
function serverOf(peer: Database): PostgresServer | undefined {
  return 'server' in peer && peer.server instanceof PostgresServer ? peer.server : undefined;
}

async function hashesAlike(server: PostgresServer, peer: PostgresServer | undefined): Promise<boolean> {
  if (peer === undefined) return false;
  const [one, other] = await Promise.all([server, peer].map((each) => each.with('facts', readHashForm)));
  return one === other;
}
