// The change stream of a source whose log Debezium writes to a topic: one shard, `log`.

import type { Kafka } from 'kafkajs';
import { MigrateError } from '../../lib/errors.ts';
import type { Finding } from '../../model/finding.ts';
import type { Covers, Position } from '../../model/position.ts';
import type { Backlog, ChangeStream, Shard, ShardId } from '../change-stream.ts';
import { RunQueue } from '../run-queue.ts';
import { TopicAssembler, type TopicRecord } from './assembler.ts';
import { TopicBacklog } from './backlog.ts';
import type { Dialect } from './dialect.ts';
import { Message } from './envelope.ts';
import { JsonError } from './json.ts';
import { coversWith, parsePlace } from './position.ts';
import type { CapturedTable } from './rows.ts';
import { TopicReader } from './topic-reader.ts';

/** Something that is looked after while the topic is read: the connector, the source's log. `failed` ends the reading. */
export type Guard = (failed: (error: MigrateError) => void) => Promise<Guarding>;

export interface Guarding {
  /** Why nothing may come into the topic at present. */
  complaint?(): string | undefined;
  close(): Promise<void>;
}

export interface DebeziumStreamOptions {
  readonly client: Kafka;
  readonly topic: string;
  /** A consumer group of this stream alone. */
  readonly group: string;
  readonly dialect: Dialect;
  readonly tables: readonly CapturedTable[];
  readonly guards?: readonly Guard[];
  /** Bytes of log the source holds back for the connector. Default: unknown. */
  readonly retainedBytes?: () => Promise<number | undefined>;
  /** How long the broker may not answer. Default 60 s. */
  readonly networkTimeoutMs?: number;
  /** How often the topic is looked at. Default 5 s. */
  readonly watchIntervalMs?: number;
}

/** What one opening holds. */
interface Reading {
  readonly queue: RunQueue;
  readonly reader: TopicReader;
  readonly backlog: TopicBacklog;
  readonly guards: Guarding[];
}

const LOG_SHARD: ShardId = 'log';

export class DebeziumStream implements ChangeStream {
  readonly isShareable = true;
  readonly covers: Covers;
  readonly #options: DebeziumStreamOptions;
  #reading: Reading | undefined;
  #failed = false;
  #closed = false;

  constructor(options: DebeziumStreamOptions) {
    this.#options = options;
    this.covers = coversWith(options.dialect.covers);
  }

  /** What the topic needs of the broker, the worker and the source is checked with the source. */
  async check(): Promise<readonly Finding[]> {
    return [];
  }

  async *open(resume: (shard: ShardId) => Promise<Position>, signal: AbortSignal): AsyncIterable<Shard> {
    if (this.#reading !== undefined || this.#closed)
      throw new MigrateError('INTERNAL.BUG', 'the stream was opened before');
    const from = await resume(LOG_SHARD);
    signal.throwIfAborted();
    const reading = await this.#start(from);
    this.#reading = reading;
    const abort = (): void => {
      reading.queue.end();
      void this.#stop();
    };
    signal.addEventListener('abort', abort, { once: true });
    if (signal.aborted || this.#closed) abort();
    // A guard may have been quicker.
    else if (this.#failed) void this.#stop();
    yield {
      id: LOG_SHARD,
      changes: reading.queue.runs(),
      ack: (position) => {
        const { offset, ordinal } = parsePlace(position);
        if (offset !== undefined && ordinal === 0) reading.reader.acknowledge(offset);
      },
    };
  }

  isWhole(position: Position): boolean {
    return parsePlace(position).ordinal === 0;
  }

  distance(from: Position, to: Position): number {
    return this.#options.dialect.distance(parsePlace(from).source, parsePlace(to).source);
  }

  async retainedBytes(): Promise<number | undefined> {
    try {
      return this.#failed ? undefined : await this.#options.retainedBytes?.();
    } catch (error) {
      // Whoever only looks must not end what was read before the end of the stream and is still being applied.
      if (this.#failed) return undefined;
      throw error;
    }
  }

  backlog(applied: Position): Backlog | undefined {
    const reading = this.#reading;
    if (reading === undefined || this.#failed) return undefined;
    const complaints = reading.guards.flatMap((guard) => guard.complaint?.() ?? []);
    return { ...reading.backlog.of(parsePlace(applied).offset, Date.now()), stalled: complaints[0] ?? null };
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#reading?.queue.end();
    await this.#stop();
  }

  async #start(from: Position): Promise<Reading> {
    const { client, topic, group, dialect, tables, networkTimeoutMs = 60_000, watchIntervalMs = 5_000 } = this.#options;
    const queue = new RunQueue({ full: () => reader.pause(), drained: () => reader.resume() });
    const assembler = new TopicAssembler({ queue, dialect, message: new Message(dialect, tables), resume: from });
    const guards: Guarding[] = [];
    const backlog = new TopicBacklog();
    const failed = (error: MigrateError): void => {
      this.#failed = true;
      queue.fail(error);
      void this.#stop();
    };
    const reader = new TopicReader({
      client,
      topic,
      group,
      first: assembler.first,
      networkTimeoutMs,
      watchIntervalMs,
      handler: {
        record: (record) => {
          const other = take(assembler, record, topic);
          backlog.read(record.offset, record.writtenAt ?? Date.now(), assembler.told);
          return other;
        },
        ends: (offset) => backlog.ends(offset, Date.now()),
        failed,
      },
    });
    try {
      for (const guard of this.#options.guards ?? []) guards.push(await guard(failed));
      await reader.start();
      return { queue, reader, backlog, guards };
    } catch (error) {
      await Promise.all([reader.close(), ...guards.map((guard) => guard.close())]);
      throw error;
    }
  }

  async #stop(): Promise<void> {
    const reading = this.#reading;
    if (reading === undefined) return;
    await Promise.all([reading.reader.close(), ...reading.guards.map((guard) => guard.close())]);
  }
}

function take(assembler: TopicAssembler, record: TopicRecord, topic: string): number | undefined {
  try {
    return assembler.record(record);
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    throw new MigrateError('STREAM.FORMAT', `record ${record.offset} of topic ${topic} is no JSON`, {
      fix: 'The connector must write JSON (value.converter = org.apache.kafka.connect.json.JsonConverter), and nothing else to this topic.',
    });
  }
}
