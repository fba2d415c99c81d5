// Looks at a topic from outside: that it is there, and that what has to be read next is.

import type { Admin, Kafka } from 'kafkajs';
import { MigrateError } from '../../lib/errors.ts';
import { kafkaErrorType } from './errors.ts';

export class TopicWatch {
  readonly #admin: Admin;
  readonly #topic: string;
  /** A broker that has just begun may not know it yet. */
  #timesMissed = 0;

  constructor(client: Kafka, topic: string) {
    this.#admin = client.admin({ retry: { initialRetryTime: 100, maxRetryTime: 1_000, retries: 5 } });
    this.#topic = topic;
  }

  /** Throws STREAM.GONE when the topic is not there, or its record `first` is not. Undefined: nothing was removed from it. */
  async start(first: number | undefined): Promise<void> {
    await this.#admin.connect();
    const found = await this.#bounds();
    if (found === undefined) throw gone(`topic ${this.#topic} is not there`);
    if (found.partitions !== 1) {
      throw new MigrateError('STREAM.GONE', `topic ${this.#topic} has ${found.partitions} partitions instead of one`);
    }
    this.#compare(found, first ?? 0, first === undefined ? 0 : 1);
  }

  /** Throws STREAM.GONE when the topic is gone, was made anew, or its records from `next` on were removed. Returned: where it ends; undefined: not known yet. */
  async check(next: number): Promise<number | undefined> {
    const found = await this.#bounds();
    this.#timesMissed = found === undefined ? this.#timesMissed + 1 : 0;
    if (found !== undefined) this.#compare(found, next, 0);
    else if (this.#timesMissed > 1) throw gone(`topic ${this.#topic} is not there any more`);
    return found?.high;
  }

  /** Also removes the groups, which nobody needs. */
  async close(groups: readonly string[]): Promise<void> {
    await this.#admin.deleteGroups([...groups]).catch(() => undefined);
    await this.#admin.disconnect().catch(() => undefined);
  }

  #compare({ low, high }: { readonly low: number; readonly high: number }, next: number, least: number): void {
    if (low > next) throw gone(`its records ${next} to ${low - 1} were removed`);
    if (high < next + least) throw gone(`record ${next + least - 1} is not in it: it was made anew, or lost records`);
  }

  /** Undefined when there is no such topic. */
  async #bounds(): Promise<{ readonly low: number; readonly high: number; readonly partitions: number } | undefined> {
    try {
      const found = await this.#admin.fetchTopicOffsets(this.#topic);
      const [first] = found;
      return { low: Number(first?.low ?? 0), high: Number(first?.high ?? 0), partitions: found.length };
    } catch (error) {
      if (kafkaErrorType(error) === 'UNKNOWN_TOPIC_OR_PARTITION') return undefined;
      throw error;
    }
  }
}

function gone(what: string): MigrateError {
  return new MigrateError('STREAM.GONE', `the topic cannot be read on: ${what}`, {
    fix: 'The gap cannot be closed: abort with --drop and start again. Let nothing remove the topic, or records from it, during a run.',
  });
}
