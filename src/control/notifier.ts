// Tells what becomes of the run to those the plan names, beside the run: it waits for none of them.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '../observe/log.ts';
import type { StatusSnapshot } from '../observe/status.ts';
import { deliver, type Receiver, receiverName } from './delivery.ts';
import { type News, NewsDesk } from './news.ts';

/** Before the second and the third attempt. */
const PAUSES_MS = [1_000, 5_000];
/** Of each receiver; what comes on top is dropped. */
const MOST_WAITING = 100;
/** At the end of the process, for what is still under way. */
const LAST_WORDS_MS = 5_000;

export interface NotifierOptions {
  readonly receivers: readonly Receiver[];
  /** Takes secrets out of a text. */
  readonly scrub: (text: string) => string;
  readonly log: Log;
}

export class Notifier {
  readonly #desk = new NewsDesk();
  readonly #queues: readonly Queue[];
  readonly #scrub: (text: string) => string;

  constructor({ receivers, scrub, log }: NotifierOptions) {
    this.#scrub = scrub;
    this.#queues = receivers.map((receiver) => new Queue(receiver, log));
  }

  /** To be called at every change. Never throws. */
  readonly look = (status: StatusSnapshot): void => {
    if (this.#queues.length === 0) return;
    for (const news of this.#desk.look(status)) {
      const scrubbed = { ...news, text: this.#scrub(news.text) };
      for (const queue of this.#queues) queue.add(scrubbed);
    }
  };

  /** Gives what was told last a moment to arrive. */
  async close(patienceMs = LAST_WORDS_MS): Promise<void> {
    await Promise.all(this.#queues.map((queue) => queue.close(patienceMs)));
  }
}

/** One message after the other, in their order. */
class Queue {
  readonly #receiver: Receiver;
  readonly #log: Log;
  readonly #stop = new AbortController();
  readonly #waiting: News[] = [];
  #work: Promise<void> | undefined;

  constructor(receiver: Receiver, log: Log) {
    this.#receiver = receiver;
    this.#log = log;
  }

  add(news: News): void {
    if (!this.#receiver.on.includes(news.event)) return;
    if (this.#waiting.length >= MOST_WAITING) {
      this.#lost('too many messages wait');
      return;
    }
    this.#waiting.push(news);
    this.#work ??= this.#deliverAll().finally(() => {
      this.#work = undefined;
    });
  }

  async #deliverAll(): Promise<void> {
    for (let news = this.#waiting.shift(); news !== undefined; news = this.#waiting.shift()) {
      await this.#deliver(news).catch((error: unknown) => {
        this.#lost(error instanceof Error ? error.message : 'unknown');
      });
    }
  }

  async #deliver(news: News): Promise<void> {
    const { signal } = this.#stop;
    for (const pauseMs of PAUSES_MS) {
      try {
        return await deliver(this.#receiver, news, signal);
      } catch {
        await sleep(pauseMs, undefined, { signal }).catch(() => undefined);
      }
    }
    await deliver(this.#receiver, news, signal);
  }

  #lost(reason: string): void {
    this.#log.warn('a notification was given up', { subject: receiverName(this.#receiver), reason });
  }

  async close(patienceMs: number): Promise<void> {
    const timer = setTimeout(() => this.#stop.abort(), patienceMs);
    await this.#work;
    clearTimeout(timer);
  }
}
