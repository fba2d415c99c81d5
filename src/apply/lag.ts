// How far the target is behind, measured by heartbeats: markers written to the source at known moments.
// Never under-reported: while a heartbeat is under way the lag is at least its age.

import type { Position } from '../model/position.ts';
import type { RunStatus, TopicStatus } from '../observe/status.ts';
import type { Backlog, ChangeStream } from '../stream/change-stream.ts';

const PREFIX = 'heartbeat:';
/** A heart that has not beaten for so long hangs somewhere else than on the way: what came since is unknown. */
const SILENT_MS = 3_000;

export class LagMeter {
  /** When each heartbeat under way was made, oldest first; by a monotonic clock, in ms. */
  readonly #sent = new Map<string, number>();
  #lastLagMs: number | undefined;
  #newestMs: number | undefined;

  /** A heartbeat is about to be written. */
  note(id: string, madeAtMs: number): void {
    this.#sent.set(id, madeAtMs);
    this.#newestMs = madeAtMs;
  }

  /** A marker was met, with everything before it durable. Heartbeats of other sessions say nothing. */
  met(content: string, nowMs: number): void {
    if (!content.startsWith(PREFIX)) return;
    const id = content.slice(PREFIX.length);
    const madeAtMs = this.#sent.get(id);
    if (madeAtMs === undefined) return;
    this.#lastLagMs = nowMs - madeAtMs;
    // Heartbeats before this one cannot come any more: one that failed to be written must not count as under way.
    for (const [other, made] of this.#sent) if (made <= madeAtMs) this.#sent.delete(other);
  }

  /** Null until the first heartbeat was noted. */
  seconds(nowMs: number): number | null {
    const [oldest] = this.#sent.values();
    const underWayMs = oldest === undefined ? undefined : nowMs - oldest;
    if (this.#lastLagMs === undefined) return underWayMs === undefined ? null : underWayMs / 1000;
    const silentMs = this.#newestMs === undefined ? 0 : nowMs - this.#newestMs;
    return Math.max(this.#lastLagMs, underWayMs ?? 0, silentMs > SILENT_MS ? silentMs : 0) / 1000;
  }
}

/** The parts of a lag, which make up the whole: what is not in the topic is on its way there. */
export function partsOf(lagSeconds: number | null, { messages, seconds, stalled }: Backlog): TopicStatus {
  if (lagSeconds === null || seconds === null) return { messages, toSeconds: null, fromSeconds: null, stalled };
  const fromSeconds = Math.min(seconds, lagSeconds);
  return { messages, toSeconds: lagSeconds - fromSeconds, fromSeconds, stalled };
}

export interface LagFacts {
  readonly seconds: number | null;
  /** The source's position; undefined while nobody asked. */
  readonly head: Position | undefined;
  /** Everything up to there is on the target; undefined when nothing measures it any more. */
  readonly applied: Position | undefined;
}

/** What is unknown becomes null. */
export function showLag(
  { status, stream }: { readonly status: RunStatus; readonly stream: Pick<ChangeStream, 'distance' | 'backlog'> },
  { seconds, head, applied }: LagFacts,
): void {
  const lagBytes = head === undefined || applied === undefined ? null : stream.distance(applied, head);
  const backlog = applied === undefined ? undefined : stream.backlog?.(applied);
  status.update((value) => {
    value.stream.lagSeconds = seconds;
    value.stream.lagBytes = lagBytes;
    value.stream.topic = backlog === undefined ? null : partsOf(seconds, backlog);
  });
}
