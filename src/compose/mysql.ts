// MySQL and MariaDB on either side of a plan.

import { hostname } from 'node:os';
import { convertedStream } from '../convert/converted-stream.ts';
import { unconverted } from '../databases/conversion.ts';
import { MysqlServer } from '../databases/mysql/connection.ts';
import { MysqlDebezium } from '../databases/mysql/debezium/source.ts';
import { mysqlHealth } from '../databases/mysql/health.ts';
import { MysqlJournal } from '../databases/mysql/journal/journal.ts';
import { MysqlLeaseStore } from '../databases/mysql/lease-store.ts';
import { MysqlStream } from '../databases/mysql/log/stream.ts';
import { MysqlSource } from '../databases/mysql/source.ts';
import { MysqlTarget } from '../databases/mysql/target.ts';
import type { Side } from '../model/side.ts';
import { connectionsOf } from '../plan/connections.ts';
import type { Plan } from '../plan/plan.ts';
import { DebeziumParts, leaseProof, serverIdOf } from './debezium.ts';
import {
  closeAll,
  type Database,
  type OpenedSource,
  replicasOf,
  type SourceDatabase,
  type TargetDatabase,
} from './opening.ts';

export function mysqlSource(plan: Plan): SourceDatabase {
  const database = open('source', plan);
  const { server } = database;
  return {
    ...database,
    open: ({ id, record, claim, conversion, leads, onWaiting }): OpenedSource => {
      const conversionOf = conversion?.ofSource ?? unconverted;
      const kind = plan.source.kind === 'mariadb' ? 'mariadb' : 'mysql';
      const source = new MysqlSource({
        server,
        id,
        run: plan.name,
        selection: { ...plan.tables, names: record?.added ?? [] },
        claim,
        readers: plan.snapshot.readers,
        conversionOf,
        tables: record?.catalog.tables.map(({ table }) => table) ?? [],
        endsTransactions: plan.cutover.openTransactions === 'end',
        connections: connectionsOf(plan).source,
        zeroDates: zeroDatesOf(plan),
        kind,
        onWaiting,
      });
      if (plan.stream.via === 'debezium') {
        const { networkTimeout: networkTimeoutMs } = plan.limits;
        const reading = {
          server,
          kind,
          url: plan.source.url,
          run: plan.name,
          serverId: serverIdOf(id),
          networkTimeoutMs,
        } as const;
        const parts = new DebeziumParts({
          plan,
          id,
          source,
          leads,
          engine: new MysqlDebezium(reading),
          tables: record?.catalog.tables.map(({ table }) => table) ?? [],
          prove: leaseProof(database.lease, claim),
          onWaiting,
        });
        const stream: OpenedSource['stream'] = ({ tables }) =>
          convertedStream(parts.stream(tables.map(({ table }) => table)), conversionOf);
        return { source: parts.source, stream };
      }
      const stream: OpenedSource['stream'] = ({ tables: definitions }) => {
        const tables = definitions.map(({ table }) => table);
        const logged = new MysqlStream({
          connect: () => server.connect(),
          run: plan.name,
          ...(leads ? {} : { reader: `${plan.name} ${hostname()} ${process.pid}` }),
          tables,
          networkTimeoutMs: plan.limits.networkTimeout,
        });
        return convertedStream(logged, conversionOf);
      };
      return { source, stream };
    },
  };
}

/** Only MySQL has them, and Debezium cannot write them. */
function zeroDatesOf({ target, convert, stream }: Plan): 'carried' | 'refused' | 'nulled' {
  if (target.kind === 'mysql') return stream.via === 'debezium' ? 'refused' : 'carried';
  return convert.zeroDates === 'setNull' ? 'nulled' : 'refused';
}

export function mysqlTarget(plan: Plan): TargetDatabase {
  const database = open('target', plan);
  const { server } = database;
  return {
    ...database,
    journal: (claim) => new MysqlJournal(server, plan.name, claim),
    open: ({ id, record, claim, conversion }) =>
      new MysqlTarget({
        server,
        id,
        claim,
        conversionOf: conversion?.ofTarget ?? unconverted,
        networkTimeoutMs: plan.limits.networkTimeout,
        builders: plan.snapshot.readers,
        connections: connectionsOf(plan).target,
        existing: (record?.planFields['schema.target'] ?? plan.schema.target) === 'existing',
      }),
  };
}

function open(side: Side, plan: Plan): Database & { readonly server: MysqlServer } {
  const server = new MysqlServer(side, plan[side].url, plan.name);
  const kind = plan[side].kind === 'mariadb' ? 'mariadb' : 'mysql';
  const replicas = replicasOf(plan, side, (url) => new MysqlServer(side, url));
  const close = (): Promise<void> => closeAll([server, ...replicas.map((replica) => replica.server)]);
  return {
    server,
    lease: new MysqlLeaseStore(server),
    health: mysqlHealth(server, kind, replicas),
    destroy: () => void close(),
    close,
  };
}
