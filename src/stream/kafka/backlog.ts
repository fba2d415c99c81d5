// How much of a topic is not applied yet, and for how long it has been there.

import type { Backlog } from '../change-stream.ts';

/** Ends of transactions, everything behind the entry before it: written at `since` (ms since 1970) or later. */
interface Read {
  since: number;
  offset: number;
}

/** What was written within so many ms counts as one: so old a part may seem too old. */
const GRAIN_MS = 250;
/** What was not looked at for so long is not known any more. */
const STALE_MS = 20_000;

export class TopicBacklog {
  /** Read, and maybe not applied; oldest first. */
  #read: Read[] = [];
  /** When the first message was written behind the last entry. */
  #since: number | undefined;
  #next = 0;
  #newest: number | undefined;
  #end: { readonly offset: number; readonly seenAt: number } | undefined;

  /** A message was read; `told`: the offset of the last one that ended a transaction. */
  read(offset: number, writtenAt: number, told: number): void {
    this.#next = offset + 1;
    this.#newest = writtenAt;
    this.#since ??= writtenAt;
    if (told !== offset) return;
    const last = this.#read.at(-1);
    if (last !== undefined && this.#since - last.since < GRAIN_MS) last.offset = offset;
    else this.#read.push({ since: this.#since, offset });
    this.#since = undefined;
  }

  /** The topic was seen to end before the message `offset`. */
  ends(offset: number, now: number): void {
    this.#end = { offset, seenAt: now };
  }

  /** `applied`: the offset up to which everything is; undefined when that is before the topic. `now`: in ms since 1970. */
  of(applied: number | undefined, now: number): Pick<Backlog, 'messages' | 'seconds'> {
    const reached = applied ?? -1;
    const first = this.#read.findIndex(({ offset }) => offset > reached);
    this.#read = first === -1 ? [] : this.#read.slice(first);
    const end = this.#end;
    const isKnown = this.#newest !== undefined && end !== undefined && now - end.seenAt <= STALE_MS;
    if (!isKnown) return { messages: null, seconds: null };
    const left = end.offset - this.#next;
    // A mark that Kafka sets behind its own transactions is never read; a change never comes alone.
    const unread = left <= 1 ? 0 : left;
    const [oldest, newest] = [this.#read[0], this.#read.at(-1)];
    const held = newest === undefined ? 0 : newest.offset - reached;
    const since = oldest?.since ?? (unread > 0 ? this.#newest : undefined);
    return { messages: unread + held, seconds: since === undefined ? 0 : Math.max(0, now - since) / 1_000 };
  }
}
