// Reads the one partition of a topic record by record. The client library moves by itself where an offset is not there any more:
// so every batch is compared with what has to come next.

import type { Kafka } from 'kafkajs';
import { MigrateError } from '../../lib/errors.ts';
import type { TopicRecord } from './assembler.ts';
import { kafkaError } from './errors.ts';
import { type ArrivedBatch, HEARTBEAT_MS, silent, TopicConsumer } from './topic-consumer.ts';
import { TopicWatch } from './topic-watch.ts';

export interface TopicReaderOptions {
  readonly client: Kafka;
  readonly topic: string;
  /** A consumer group of this reader alone; removed when it is closed, with others of which the name begins with it. */
  readonly group: string;
  /** The offset of the record to begin with, which must be there. Undefined: the first that ever was, whenever it comes. */
  readonly first: number | undefined;
  /** How long the broker may not answer. */
  readonly networkTimeoutMs: number;
  /** How often the group's offset is committed and the topic is looked at. */
  readonly watchIntervalMs: number;
  readonly handler: TopicHandler;
}

export interface TopicHandler {
  /** The offset of the record to read on from, when it is not the next one. What it throws ends the reading. */
  record(record: TopicRecord): number | undefined;
  /** The topic was seen to end before the record with that offset. */
  ends(offset: number): void;
  /** Called once, and nothing after it. */
  failed(error: MigrateError): void;
}

/** So long a broker that answers no more may keep the reader from being closed. */
const CLOSE_MS = 3_000;

export class TopicReader {
  readonly #options: TopicReaderOptions;
  readonly #consumer: TopicConsumer;
  readonly #watch: TopicWatch;
  /** The offset of the record that has to come next. */
  #next: number;
  #acknowledged = -1;
  /** The batch that is being taken; undefined while there is none. */
  #taking: Promise<void> | undefined;
  /** Settled when there is room again; undefined while there is. */
  #room: { readonly promise: Promise<void>; readonly settle: () => void } | undefined;
  #ended = false;
  /** The broker is gone: what it would be told at the end it cannot be told. */
  #isLost = false;
  #closing: Promise<void> | undefined;

  constructor(options: TopicReaderOptions) {
    this.#options = options;
    this.#next = options.first ?? 0;
    this.#watch = new TopicWatch(options.client, options.topic);
    const { client, topic, group, networkTimeoutMs } = options;
    this.#consumer = new TopicConsumer({
      client,
      topic,
      group,
      networkTimeoutMs,
      handler: {
        batch: (arrived) => this.#batch(arrived),
        isHeld: () => this.#room !== undefined,
        failed: (error) => this.#fail(error),
      },
    });
  }

  /** Begins to read. Throws STREAM.GONE when the topic is not there, or not the part from which to read. */
  async start(): Promise<void> {
    const { first, networkTimeoutMs } = this.#options;
    let timer: NodeJS.Timeout | undefined;
    const silence = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(silent(networkTimeoutMs)), networkTimeoutMs);
    });
    const begun = this.#watch.start(first).then(() => this.#consumer.start());
    begun.catch(() => undefined);
    try {
      await Promise.race([begun, silence]);
    } catch (error) {
      const translated = this.#translated(error);
      await this.close();
      throw translated;
    } finally {
      clearTimeout(timer);
    }
    void this.#look();
  }

  /** Nothing is taken until `resume`; the membership in the group is kept meanwhile. */
  pause(): void {
    let settle = (): void => undefined;
    const promise = new Promise<void>((resolve) => {
      settle = resolve;
    });
    this.#room ??= { promise, settle };
  }

  resume(): void {
    this.#consumer.heard();
    this.#room?.settle();
    this.#room = undefined;
  }

  /** For people: the group's offset follows it, some seconds later. */
  acknowledge(offset: number): void {
    if (offset > this.#acknowledged) this.#acknowledged = offset;
  }

  /** Safe to call twice. */
  close(): Promise<void> {
    this.#ended = true;
    this.resume();
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const closed = async (): Promise<void> => {
      await this.#commit();
      await this.#consumer.close();
      await this.#watch.close(this.#consumer.groups);
    };
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, this.#isLost ? 0 : CLOSE_MS);
    });
    await Promise.race([closed(), late]);
    clearTimeout(timer);
  }

  #fail(error: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    this.resume();
    this.#options.handler.failed(this.#translated(error));
  }

  #translated(error: unknown): MigrateError {
    const translated = kafkaError(error, `reading topic ${this.#options.topic}`);
    this.#isLost = translated.code === 'KAFKA.UNREACHABLE';
    return translated;
  }

  /** Returns when the batch is begun: it is taken while the next one is on its way. */
  async #batch(arrived: ArrivedBatch): Promise<void> {
    while (this.#taking !== undefined && !arrived.isOver()) await this.#wait(this.#taking, arrived);
    if (this.#ended || arrived.isOver() || !(await this.#isNext(arrived))) return;
    this.#options.handler.ends(Number(arrived.batch.highWatermark));
    arrived.resolve();
    this.#taking = this.#take(arrived).finally(() => {
      this.#taking = undefined;
    });
  }

  async #take({ batch, seek, isOver }: ArrivedBatch): Promise<void> {
    // The library asks for the next one first.
    await new Promise<void>((resolve) => setImmediate(resolve));
    for (const { offset: text, value, key, headers, timestamp } of batch.messages) {
      if (this.#ended || isOver()) return;
      const offset = Number(text);
      const other = this.#record({ offset, value, key, headers, writtenAt: Number(timestamp) });
      this.#next = other ?? offset + 1;
      while (this.#room !== undefined) await this.#room.promise;
      if (other === undefined) continue;
      seek(other);
      return;
    }
    if (!this.#ended && !isOver()) this.#next = Number(batch.lastOffset()) + 1;
  }

  /** False when the batch was another one, or nothing comes any more; what has to come is asked for again. */
  async #isNext({ batch, sought, seek, isOver }: ArrivedBatch): Promise<boolean> {
    const first = Number(batch.firstOffset() ?? -1);
    if (first === this.#next) return true;
    const isThere = await this.#check();
    if (this.#ended || isOver()) return false;
    // In a gap that is still there when it was asked for stand the marks of Kafka's own transactions and nothing else.
    if (isThere && first > this.#next && sought === this.#next) return true;
    seek(this.#next);
    return false;
  }

  /** What is thrown to the library it would try again. */
  #record(record: TopicRecord): number | undefined {
    try {
      return this.#options.handler.record(record);
    } catch (error) {
      this.#fail(error);
      return undefined;
    }
  }

  async #wait(taken: Promise<void>, { heartbeat }: ArrivedBatch): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const time = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, HEARTBEAT_MS);
    });
    await Promise.race([taken, time]);
    clearTimeout(timer);
    this.#consumer.heard();
    await heartbeat();
  }

  /** True when what has to come next is in the topic, or its end. */
  async #check(): Promise<boolean> {
    try {
      const end = await this.#watch.check(this.#next);
      if (end !== undefined) this.#options.handler.ends(end);
      return end !== undefined;
    } catch (error) {
      // Of a broker that does not answer the consumer's clock tells.
      if (error instanceof MigrateError) this.#fail(error);
      return false;
    }
  }

  async #look(): Promise<void> {
    while (!this.#ended) {
      await new Promise<void>((resolve) => setTimeout(resolve, this.#options.watchIntervalMs).unref());
      if (this.#ended) return;
      await this.#commit();
      await this.#check();
    }
  }

  async #commit(): Promise<void> {
    if (this.#acknowledged < 0) return;
    try {
      // Again and again, since the consumer may be another one.
      await this.#consumer.commit(this.#acknowledged + 1);
    } catch {
      // Nobody depends on it.
    }
  }
}
