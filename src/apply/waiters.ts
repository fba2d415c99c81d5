// Those who wait for the apply to get somewhere: to a position, or to a marker.

import type { Position } from '../model/position.ts';
import { createDeferred, type Deferred } from './deferred.ts';

export class Waiters {
  readonly #positions = new Set<{ readonly position: Position; readonly deferred: Deferred<void> }>();
  readonly #markers = new Map<string, Deferred<void>>();
  #failure: { readonly reason: unknown } | undefined;

  get isEmpty(): boolean {
    return this.#positions.size === 0 && this.#markers.size === 0;
  }

  passed(position: Position): Promise<void> {
    return this.#wait((deferred) => this.#positions.add({ position, deferred }));
  }

  /** The marker's promise; the same one when two wait for one marker. */
  met(marker: string): Promise<void> {
    const waiting = this.#markers.get(marker);
    return waiting?.promise ?? this.#wait((deferred) => this.#markers.set(marker, deferred));
  }

  settlePositions(isPassed: (position: Position) => boolean): void {
    for (const waiter of this.#positions) {
      if (!isPassed(waiter.position)) continue;
      this.#positions.delete(waiter);
      waiter.deferred.resolve();
    }
  }

  settleMarker(marker: string): void {
    this.#markers.get(marker)?.resolve();
    this.#markers.delete(marker);
  }

  /** Rejects everyone, and whoever comes later. */
  fail(reason: unknown): void {
    this.#failure ??= { reason };
    for (const { deferred } of this.#positions) deferred.reject(reason);
    for (const deferred of this.#markers.values()) deferred.reject(reason);
    this.#positions.clear();
    this.#markers.clear();
  }

  #wait(enter: (deferred: Deferred<void>) => void): Promise<void> {
    const deferred = createDeferred<void>();
    if (this.#failure === undefined) enter(deferred);
    else deferred.reject(this.#failure.reason);
    return deferred.promise;
  }
}
