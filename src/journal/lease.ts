// The port of the lease: the right to write, with an epoch that only grows.

/** Held by one runner at a time, on both databases. */
export interface Lease {
  readonly epoch: number;
  /** Rejects with LEASE.LOST when the session that holds it breaks or someone took over; never resolves while held. */
  readonly lost: Promise<never>;
  /** Gives the lease back. Safe to call twice. */
  release(): Promise<void>;
}
