// Replication slots: making one with its snapshot, saying what that waits for, and removing it.

import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Position } from '../../../model/position.ts';
import type { PostgresServer, Session } from '../connection.ts';
import { sqlState } from '../errors.ts';
import { quoteName } from '../sql.ts';

/** A new slot and the snapshot that is exact at its position. The snapshot lasts as long as the idle session. */
export interface CreatedSlot {
  readonly session: Session;
  readonly at: Position;
  readonly snapshotName: string;
}

export interface SlotRequest {
  readonly server: PostgresServer;
  readonly name: string;
  readonly temporary: boolean;
  /** Told what the creation waits for, and null when that is over. */
  readonly onWaiting: (reason: string | null) => void;
  readonly waitingPollMs: number;
}

// A walsender notices that its client is gone only when it next writes, or is told to end.
const HOLDER_ATTEMPTS = 40;
const HOLDER_WAIT_MS = 100;

/** Waits for every transaction that is running anywhere on the server to end: there is no exact position before that. */
export async function createSlot(request: SlotRequest): Promise<CreatedSlot> {
  const session = await request.server.session({ purpose: 'snapshot', replication: true });
  try {
    const creating = session.one(
      `CREATE_REPLICATION_SLOT ${quoteName(request.name)} ${request.temporary ? 'TEMPORARY ' : ''}` +
        `LOGICAL pgoutput (${await slotOptions(session, request)})`,
      [],
      { timeoutMs: 0 },
    );
    const made = await reportWaiting(request, session.pid, creating);
    return { session, at: made?.consistent_point as Position, snapshotName: made?.snapshot_name ?? '' };
  } catch (error) {
    await session.close();
    throw error;
  }
}

/** From PostgreSQL 17 on a standby that keeps slots in step has this one when it takes over. */
async function slotOptions(session: Session, { temporary }: SlotRequest): Promise<string> {
  const version = await session.one(`SELECT current_setting('server_version_num') AS version`);
  const failover = !temporary && Number(version?.version) >= 170_000;
  return failover ? "SNAPSHOT 'export', FAILOVER" : "SNAPSHOT 'export'";
}

/** A name no other slot of the server has. */
export function temporaryName(slot: string): string {
  return `${slot.slice(0, 50)}_${randomBytes(4).toString('hex')}`;
}

async function reportWaiting<T>(request: SlotRequest, pid: number, work: Promise<T>): Promise<T> {
  const ended = new AbortController();
  const watching = watchWaiting(request, pid, ended.signal);
  try {
    return await work;
  } finally {
    ended.abort();
    await watching;
  }
}

async function watchWaiting(request: SlotRequest, pid: number, signal: AbortSignal): Promise<void> {
  let session: Session | undefined;
  let told: string | null = null;
  try {
    for (;;) {
      await sleep(request.waitingPollMs, undefined, { signal });
      session ??= await request.server.session({ purpose: 'snapshot watch' });
      const reason = await findBlocker(session, pid);
      if (reason !== told && !signal.aborted) request.onWaiting(reason);
      told = reason;
    }
  } catch {
    // Over, or the server is in trouble: then the creation itself says so.
  } finally {
    await session?.close();
    if (told !== null) request.onWaiting(null);
  }
}

// The creation waits on the transaction ids that were running, one after another.
const BLOCKER = `
SELECT held.pid::text AS pid, a.usename AS "user", a.application_name AS application, p.gid,
       floor(extract(epoch FROM clock_timestamp() - coalesce(a.xact_start, p.prepared)))::text AS seconds
FROM pg_locks waiting
JOIN pg_locks held ON held.locktype = 'transactionid' AND held.transactionid = waiting.transactionid AND held.granted
LEFT JOIN pg_stat_activity a ON a.pid = held.pid
LEFT JOIN pg_prepared_xacts p ON p.transaction = held.transactionid
WHERE waiting.pid = $1 AND waiting.locktype = 'transactionid' AND NOT waiting.granted
LIMIT 1`;

async function findBlocker(session: Session, pid: number): Promise<string | null> {
  const row = await session.one(BLOCKER, [pid]);
  if (row === undefined) return null;
  const age = `open for ${row.seconds ?? '?'} s`;
  if (row.pid === null) return `waiting for prepared transaction ${row.gid ?? '?'}, ${age}`;
  return `waiting for the transaction of pid ${row.pid} (${row.user ?? '?'}, ${row.application ?? '?'}), ${age}`;
}

/** Ends the session that reads from the slot. The slot is this run's alone, so the session is one it left behind. */
async function endHolder(session: Session, slot: string): Promise<void> {
  await session.query(
    'SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = $1 AND active_pid IS NOT NULL',
    [slot],
  );
}

/** True when another session holds the slot. */
export function isTaken(error: unknown): boolean {
  return sqlState(error) === '55006';
}

/** Runs `work` until no other session holds the slot; the last refusal is thrown. */
export async function whenFree<T>(session: Session, slot: string, work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (!isTaken(error) || attempt === HOLDER_ATTEMPTS) throw error;
    }
    await endHolder(session, slot);
    await sleep(HOLDER_WAIT_MS);
  }
}

/** Does nothing when there is no such slot. `prove` runs in the transaction that drops it. */
export async function dropSlot(
  session: Session,
  slot: string,
  prove: (session: Session) => Promise<void>,
): Promise<void> {
  await whenFree(session, slot, () =>
    session.transaction(async () => {
      await prove(session);
      const drop = 'SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1';
      await session.query(drop, [slot]);
    }),
  );
}
