// The port of what one database keeps of a run's lease: a row with the epoch, which every writing transaction proves, and a
// lock of a session, which tells whether a runner lives. The lease itself spans both databases: runner/lease.ts.

import type { Side } from '../model/side.ts';

/** The right to write that a transaction must prove. */
export interface LeaseClaim {
  readonly run: string;
  readonly epoch: number;
}

export interface LeaseRow {
  readonly epoch: number;
  /** Who took it, for people: host and process id. */
  readonly holder: string;
  /** By the database's clock, for people. */
  readonly takenAt: string;
  /** Which database the run writes to: two runs of one name from one source must not fence each other. */
  readonly target: string;
}

/** Names a session for as long as its server lives; another session never has the same name. */
export interface SessionName {
  readonly id: string;
  readonly since: string;
}

/** A session that waits for the lock of a run, or has it. */
export interface LeaseLock {
  readonly session: SessionName;
  /** Rejects when the session breaks; not when it is closed. */
  readonly lost: Promise<never>;
  /** Takes the lock if nobody has it. */
  take(): Promise<boolean>;
  /** Gives the lock back. Safe to call twice. */
  close(): Promise<void>;
}

export interface LeaseStore {
  readonly side: Side;
  /** The table with the row, quoted, as a person can name it in a statement; its column `run` has the name. */
  readonly table: string;
  /** Identifies the server and database, as Source and Target do. */
  identity(): Promise<string>;
  /** Opens a session for the lock; ends `former` first, which a dead network may have left with it. Writes nothing. */
  lock(run: string, former?: SessionName): Promise<LeaseLock>;
  /** The run's row; undefined without one, also where nothing was ever made. Writes nothing. */
  read(run: string): Promise<LeaseRow | undefined>;
  /** Makes the place for the row, and reads it. Idempotent, also when several do it at once. */
  prepare(run: string): Promise<LeaseRow | undefined>;
  /**
   * Writes the row with a higher epoch, after every transaction has ended that proved a lower one; false when it has the
   * same or a higher one already. Rejects with *.TRANSIENT after about a second of waiting.
   */
  raise(run: string, row: Omit<LeaseRow, 'takenAt'>): Promise<boolean>;
  /**
   * Ends the sessions of the run that are not this process': their runner is dead or fenced, but may still hold locks. One that
   * waits for the lock is left: its runner is told by `raise` that the lease is taken. Resolves when they are gone.
   */
  endOthers(run: string): Promise<void>;
  /** Removes the row, and everything else of ours when no run is left. Proves the claim. Nothing can be written after. */
  forget(claim: LeaseClaim): Promise<void>;
}
