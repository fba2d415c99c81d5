// A consumer of one topic that is replaced by another when it hears nothing any more. The client library knows consumer groups
// only: each consumer gets one that nobody else has, and its committed offset is for people to look at and is never read.

import type { Consumer, EachBatchPayload, Kafka } from 'kafkajs';
import { MigrateError } from '../../lib/errors.ts';
import { kafkaError } from './errors.ts';

export interface TopicConsumerOptions {
  readonly client: Kafka;
  readonly topic: string;
  readonly group: string;
  /** How long the broker may not answer. */
  readonly networkTimeoutMs: number;
  readonly handler: ConsumerHandler;
}

export interface ConsumerHandler {
  /** One at a time. Rejects with what `heartbeat` rejected with and nothing else: the batch then comes again. */
  batch(arrived: ArrivedBatch): Promise<void>;
  /** True while the handler keeps a batch, so that nothing is asked of the broker. */
  isHeld(): boolean;
  /** Nothing comes after it. */
  failed(error: unknown): void;
}

export interface ArrivedBatch extends Pick<EachBatchPayload, 'batch' | 'heartbeat'> {
  /** The offset that was sought before it was asked for, in this consumer, with no other batch on its way. */
  readonly sought: number | undefined;
  /** True when another consumer reads on, or none: the rest of the batch is not wanted. */
  isOver(): boolean;
  /** The next batch begins there; once this one is resolved another may be on its way, and comes first. */
  seek(offset: number): void;
  /** The next batch is the one that follows. */
  resolve(): void;
}

const PARTITION = 0;
/** The broker answers after this time at the latest, and as soon as it has something. */
const LONGEST_WAIT_MS = 200;
/** Compressed, at a time: unpacked it is some ten times as much. One is taken, and the next one held until then. */
const FETCH_BYTES = 512 * 1024;
export const HEARTBEAT_MS = 1_000;
/** To lose the membership does no harm. */
const SESSION_MS = 10_000;
/** A consumer that has heard nothing for so long is replaced. */
const REOPEN_MS = 6_000;
/** A clock that ticks so late tells of this process, not of the broker. */
const LATE_MS = 3_000;

export class TopicConsumer {
  readonly #options: TopicConsumerOptions;
  /** Of all consumers that there were. */
  readonly groups: string[] = [];
  #consumer: Consumer | undefined;
  #heard = 0;
  #openedAt = 0;
  #ticked = 0;
  #isOpening = false;
  #isCrashed = false;
  #clock: NodeJS.Timeout | undefined;
  #ended = false;

  constructor(options: TopicConsumerOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    await this.#open();
    if (this.#ended) return;
    this.heard();
    const interval = Math.min(this.#options.networkTimeoutMs / 4, 1_000);
    this.#clock = setInterval(() => this.#listen(), interval).unref();
  }

  /** The broker has not been silent until now. */
  heard(): void {
    this.#heard = Date.now();
  }

  /** Rejects when it cannot be done now. */
  async commit(offset: number): Promise<void> {
    const { topic } = this.#options;
    await this.#consumer?.commitOffsets([{ topic, partition: PARTITION, offset: String(offset) }]);
  }

  /** Waits for the batch that is being handled. */
  async close(): Promise<void> {
    this.#ended = true;
    clearInterval(this.#clock);
    await this.#consumer?.disconnect().catch(() => undefined);
  }

  /** In the group of the one before its own ghost would be waited for. */
  async #open(): Promise<void> {
    const { client, topic, group } = this.#options;
    const count = this.groups.length;
    const groupId = count === 0 ? group : `${group}.${count}`;
    const consumer = client.consumer({
      groupId,
      allowAutoTopicCreation: false,
      maxWaitTimeInMs: LONGEST_WAIT_MS,
      maxBytesPerPartition: FETCH_BYTES,
      heartbeatInterval: HEARTBEAT_MS,
      sessionTimeout: SESSION_MS,
      rebalanceTimeout: SESSION_MS,
      // What the library cannot cure is begun again here.
      retry: { initialRetryTime: 100, maxRetryTime: 1_000, retries: 5, restartOnFailure: async () => false },
    });
    void this.#consumer?.disconnect().catch(() => undefined);
    this.#consumer = consumer;
    this.groups.push(groupId);
    consumer.on(consumer.events.REQUEST, ({ payload }) => {
      if (payload.apiName === 'Fetch' && !this.#isOver(consumer)) this.heard();
    });
    consumer.on(consumer.events.CRASH, ({ payload }) => this.#crashed(consumer, payload.error));
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    // Closed meanwhile, since all this took too long.
    if (this.#isOver(consumer)) return;
    const eachBatch = this.#batches(consumer);
    await consumer.run({ autoCommit: false, eachBatchAutoResolve: false, eachBatch });
  }

  #batches(consumer: Consumer): (payload: EachBatchPayload) => Promise<void> {
    const { topic, handler } = this.#options;
    let sought: number | undefined;
    return async ({ batch, heartbeat, resolveOffset }) => {
      if (this.#isOver(consumer) || batch.partition !== PARTITION) return;
      this.heard();
      let isResolved = false;
      await handler.batch({
        batch,
        heartbeat,
        sought,
        isOver: () => this.#isOver(consumer),
        seek: (offset) => {
          sought = isResolved ? undefined : offset;
          consumer.seek({ topic, partition: PARTITION, offset: String(offset) });
        },
        resolve: () => {
          isResolved = true;
          sought = undefined;
          resolveOffset(batch.lastOffset());
        },
      });
    };
  }

  #isOver(consumer: Consumer): boolean {
    return this.#ended || consumer !== this.#consumer;
  }

  /** Whether the broker is away for too long the clock tells. */
  #crashed(consumer: Consumer, error: unknown): void {
    if (this.#isOver(consumer)) return;
    if (kafkaError(error, '').code === 'KAFKA.UNREACHABLE') this.#isCrashed = true;
    else this.#options.handler.failed(error);
  }

  #listen(): void {
    const { handler, networkTimeoutMs } = this.#options;
    const now = Date.now();
    const isLate = now - this.#ticked > LATE_MS;
    this.#ticked = now;
    if (this.#ended || isLate || handler.isHeld()) return;
    if (now - this.#heard > networkTimeoutMs) handler.failed(silent(networkTimeoutMs));
    else if (this.#isOpening) return;
    else if (this.#isCrashed || now - Math.max(this.#heard, this.#openedAt) > REOPEN_MS) void this.#reopen();
  }

  async #reopen(): Promise<void> {
    this.#isOpening = true;
    this.#isCrashed = false;
    try {
      await this.#open();
    } catch (error) {
      if (this.#consumer !== undefined) this.#crashed(this.#consumer, error);
    }
    this.#openedAt = Date.now();
    this.#isOpening = false;
  }
}

export function silent(ms: number): MigrateError {
  return new MigrateError('KAFKA.UNREACHABLE', `the Kafka broker did not answer for ${ms} ms`);
}
