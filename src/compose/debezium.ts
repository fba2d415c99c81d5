// A source whose changes come through Debezium: its own parts, a connector, a topic, and the reader of that.

import { createHash } from 'node:crypto';
import type { DebeziumSource } from '../databases/debezium.ts';
import type { LeaseClaim, LeaseStore } from '../databases/lease-store.ts';
import type { Source } from '../databases/source.ts';
import { TopicLog } from '../databases/topic-log.ts';
import { topicSource } from '../databases/topic-source.ts';
import { MigrateError } from '../lib/errors.ts';
import { once } from '../lib/once.ts';
import type { Catalog } from '../model/catalog.ts';
import type { Finding } from '../model/finding.ts';
import type { Position } from '../model/position.ts';
import type { Table } from '../model/table.ts';
import type { Plan } from '../plan/plan.ts';
import type { ConnectorOptions } from '../plan/stream.ts';
import type { ChangeStream } from '../stream/change-stream.ts';
import { checkConnect } from '../stream/connect/check.ts';
import { Connector, type ConnectorOffset } from '../stream/connect/connector.ts';
import { connectorOptions, topicOf } from '../stream/connect/options.ts';
import { ConnectRest } from '../stream/connect/rest.ts';
import { watchConnector } from '../stream/connect/watch.ts';
import { checkBrokers } from '../stream/kafka/check.ts';
import { openKafka } from '../stream/kafka/client.ts';
import { parsePlace } from '../stream/kafka/position.ts';
import { PreparedStream } from '../stream/kafka/prepared-stream.ts';
import { DebeziumStream, type Guard } from '../stream/kafka/stream.ts';
import { dropGroups, dropTopic, makeTopic, type TopicSpec } from '../stream/kafka/topic.ts';

export interface DebeziumRun {
  readonly plan: Plan;
  readonly id: string;
  readonly source: Source;
  readonly engine: DebeziumSource;
  /** False for one of several readers: the connector is looked after by who leads. */
  readonly leads: boolean;
  /** Those of the run so far; none before it began. */
  readonly tables: readonly Table[];
  /** Rejects when another runner has taken over. */
  readonly prove: () => Promise<void>;
  /** Told that the connector is waited for, and null when it no longer is. */
  readonly onWaiting: (reason: string | null) => void;
}

const HEARTBEAT_MS = 5_000;

/** A text of the run that no value is equal to. */
export function placeholderOf(run: string, id: string): string {
  const digest = createHash('sha256').update(`${run} ${id}`).digest('hex');
  return `__migrate_unavailable_${digest.slice(0, 24)}`;
}

/** Of a reader of the source's log; in the upper half, where people seldom put theirs. */
export function serverIdOf(id: string): number {
  return 2 ** 31 + (createHash('sha256').update(id).digest().readUInt32BE(0) % 2 ** 31);
}

/** What a broker does cannot be part of a transaction that proves the lease: to look just before is the nearest to it. */
export function leaseProof(lease: LeaseStore, claim: () => LeaseClaim): () => Promise<void> {
  return async () => {
    const { run, epoch } = claim();
    const row = await lease.read(run);
    if (row?.epoch !== epoch) throw new MigrateError('LEASE.LOST', `another runner took over run ${run}`);
  };
}

export class DebeziumParts {
  readonly source: Source;
  readonly #run: DebeziumRun;
  readonly #debezium: NonNullable<Plan['stream']['debezium']>;
  readonly #name: string;
  readonly #topic: TopicSpec;
  readonly #rest: ConnectRest;
  readonly #kafka: () => ReturnType<typeof openKafka>;
  #readers = 0;

  constructor(run: DebeziumRun) {
    const { plan, id, source, engine } = run;
    const { debezium } = plan.stream;
    if (debezium === undefined) throw new MigrateError('INTERNAL.BUG', 'the plan does not say where Kafka is');
    this.#run = run;
    this.#debezium = debezium;
    this.#name = `migrate-${plan.name}-${id}`;
    this.#topic = { name: topicOf(this.#name), replicationFactor: debezium.replicationFactor };
    this.#rest = new ConnectRest({ url: debezium.connect, timeoutMs: plan.limits.networkTimeout });
    this.#kafka = once(() =>
      openKafka({ ...debezium, clientId: `migrate-${plan.name}`, networkTimeoutMs: plan.limits.networkTimeout }),
    );
    const log = new TopicLog({
      native: source.log,
      topic: {
        make: async () => makeTopic(await this.#kafka(), this.#topic),
        drop: async () => {
          await dropGroups(await this.#kafka(), this.#name);
          await dropTopic(await this.#kafka(), this.#topic.name);
        },
      },
      connector: (tables) => this.#connector(tables),
      tables: run.tables,
      prove: run.prove,
      offsetOf: (at) => this.#offsetOf(at),
    });
    this.source = topicSource({
      source,
      log,
      check: async (catalog) => [...(await engine.check(catalog)), ...(await this.#check(catalog))],
    });
  }

  stream(tables: readonly Table[]): ChangeStream {
    const { covers } = this.#run.engine;
    return new PreparedStream({ covers, prepare: (from) => this.#prepare(tables, from) });
  }

  async #prepare(tables: readonly Table[], from: Position): Promise<ChangeStream> {
    const { plan, engine, leads, onWaiting } = this.#run;
    const facts = await engine.facts(tables);
    const connector = this.#connector(tables);
    const patienceMs = plan.limits.networkTimeout;
    const atWork: Guard = async (failed) => {
      onWaiting(`connector ${this.#name} is being started`);
      await connector.start(async () => this.#offsetOf(parsePlace(from).source));
      onWaiting(null);
      return watchConnector(connector, { patienceMs }, failed);
    };
    const ofSource: Guard = async (failed) => {
      const watch = facts.watch(failed);
      return {
        close: async () => {
          await watch.close();
          await facts.close();
        },
      };
    };
    this.#readers++;
    return new DebeziumStream({
      client: await this.#kafka(),
      topic: this.#topic.name,
      group: `${this.#name}.${process.pid}-${Date.now()}-${this.#readers}`,
      dialect: facts.dialect,
      tables: facts.tables,
      // The source's first: what it has to say is the cause of what the connector says.
      guards: leads ? [ofSource, atWork] : [ofSource],
      retainedBytes: () => facts.retainedBytes(),
      networkTimeoutMs: plan.limits.networkTimeout,
    });
  }

  #options(tables: readonly Table[]): ConnectorOptions {
    const { host, port, user, password } = this.#debezium.source;
    const others = {
      'database.hostname': host,
      'database.port': port === undefined ? undefined : String(port),
      'database.user': user,
      'database.password': password,
    };
    const given = Object.entries(others).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]]));
    return connectorOptions({
      name: this.#name,
      className: this.#run.engine.connector,
      source: { ...this.#run.engine.options(tables), ...Object.fromEntries(given) },
      plan: this.#debezium,
      heartbeatMs: HEARTBEAT_MS,
    });
  }

  #connector(tables: readonly Table[]): Connector {
    const { beginOf } = this.#run.engine;
    return new Connector(this.#rest, {
      name: this.#name,
      options: this.#options(tables),
      ...(beginOf === undefined ? {} : { beginOf }),
      timeoutMs: this.#run.plan.limits.networkTimeout,
    });
  }

  #offsetOf(at: Position): ConnectorOffset {
    const offset = this.#run.engine.offsetOf(at);
    if (offset !== undefined) return offset;
    throw new MigrateError('STREAM.GONE', `connector ${this.#name} was deleted with its place in the log`, {
      fix: 'The gap cannot be closed: abort with --drop and start again.',
    });
  }

  async #check(catalog: Catalog): Promise<readonly Finding[]> {
    const kafka = await this.#kafka();
    const { findings, clusterId } = await checkBrokers(kafka, this.#topic);
    const options = this.#options(catalog.tables.map(({ table }) => table));
    return [...findings, ...(await checkConnect({ rest: this.#rest, options, name: this.#name, clusterId }))];
  }
}
