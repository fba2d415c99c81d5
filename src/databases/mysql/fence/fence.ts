// The fence of MySQL and MariaDB: row triggers, put on the tables before the cutover, that read one row in share mode. Changing
// that row closes every table at one instant, and waits for every open transaction that has written: it holds the row. It
// stops every user, LOAD DATA, INSERT IGNORE, prepared statements and transactions with an older snapshot alike. What it does not
// stop is what fires no triggers: TRUNCATE and other statements that define things, the changes that a foreign key makes to the
// rows that refer to a changed one, and what a replica applies from its source. Triggers run with the rights of who made
// them: the run's user must be allowed to read and to lock `migrate.fence`, and must stay until they are dropped.

import { setTimeout as sleep } from 'node:timers/promises';
import { MigrateError } from '../../../lib/errors.ts';
import { failpoint } from '../../../lib/failpoint.ts';
import type { TableName } from '../../../model/table.ts';
import type { Fence, FenceState, Writer } from '../../fence.ts';
import type { LeaseClaim } from '../../lease-store.ts';
import type { MysqlServer, MysqlSession } from '../connection.ts';
import { serverErrno } from '../errors.ts';
import { refuseReplication } from '../replication.ts';
import { quoteLiteral } from '../sql.ts';
import { FenceChange } from './change.ts';
import { endSession, readFenceHolders, readPrepared, readTableHolders } from './holders.ts';
import { FenceSession } from './session.ts';
import { FENCE_SCHEMA, type FenceMode, insertFence, partOf } from './text.ts';
import { FenceTriggers } from './triggers.ts';

export interface MysqlFenceOptions {
  readonly server: MysqlServer;
  readonly claim: () => LeaseClaim;
  /** The run's id: part of the triggers' names. */
  readonly id: string;
  /** The captured tables, where known before `arm`. */
  readonly tables?: readonly TableName[];
  /** How long to try for the lock on one table. */
  readonly armTimeoutMs?: number;
  /** Told who holds a table that a trigger is to be put on or taken off, and null when nobody does any more. */
  readonly onWaiting?: (reason: string | null) => void;
}

/** A closing that takes longer than this waits for writers: `openWriters` says for whom, and when it is through. */
const AT_ONCE_MS = 50;
const LOOK_AGAIN_MS = 120;
/** How long whoever was refused may keep a permanent fence from being opened, and how long that may take in all. */
const POLITE_MS = 1_000;
const OPEN_MS = 5_000;
const LOCK_WAIT = 1205;
const ABSENT = new Set([1049, 1146]);

export class MysqlFence implements Fence {
  readonly #id: string;
  readonly #session: FenceSession;
  readonly #triggers: FenceTriggers;
  #tables: readonly TableName[] | undefined;
  #closing: FenceChange | undefined;
  #lookedAt = 0;

  constructor({ server, claim, id, tables, armTimeoutMs = 30_000, onWaiting }: MysqlFenceOptions) {
    this.#id = id;
    this.#tables = tables;
    this.#session = new FenceSession(server, claim);
    this.#triggers = new FenceTriggers({
      session: this.#session,
      id,
      lockTimeoutMs: armTimeoutMs,
      ...(onWaiting === undefined ? {} : { onWaiting }),
    });
  }

  async arm(tables: readonly TableName[], signal: AbortSignal): Promise<void> {
    this.#tables = tables;
    await this.#session.use(refuseReplication);
    if ((await this.state()).kind === 'absent') {
      for (const statement of FENCE_SCHEMA) await this.#session.define(statement);
      await this.#session.change((session) => session.execute(insertFence(this.#id, 'open')));
    }
    await this.#triggers.put(tables, signal);
  }

  async close(budgetMs: number): Promise<void> {
    const until = await this.#session.use(async (session) => {
      await this.#closing?.cancel(session);
      await this.#requireTriggers(session);
      if ((await readRows(session, this.#id))?.seal === 'permanent') {
        throw new MigrateError('INTERNAL.BUG', 'a permanent fence must not be given a deadline');
      }
      const [row] = await session.query(
        `SELECT UTC_TIMESTAMP(6) + INTERVAL ${Math.round(budgetMs * 1_000)} MICROSECOND`,
      );
      return row?.[0] ?? '';
    });
    this.#closing = await FenceChange.begin({
      session: this.#session,
      update: `UPDATE migrate.fence SET mode = 'closed', until_at = ${quoteLiteral(until)}
        WHERE ${partOf(this.#id, 'state')} AND mode <> 'permanent'`,
      patienceMs: budgetMs,
    });
    await Promise.race([this.#closing.done, sleep(AT_ONCE_MS)]);
  }

  /** While the closing waits, all whom it waits for, whatever `previous` says: nobody has joined them since. */
  async openWriters(_previous?: readonly Writer[]): Promise<readonly Writer[]> {
    const closing = this.#closing;
    while (closing !== undefined && !closing.settled) {
      const writers = [...(await this.#present()), ...(await this.#session.use(readPrepared))];
      if (writers.length > 0 && !closing.settled) return writers;
    }
    await closing?.done;
    // When the fence is closed, only what is prepared can be left: not every server keeps its locks.
    const sessions = closing === undefined ? await this.#present() : [];
    return [...sessions, ...(await this.#session.use(readPrepared))];
  }

  async end(writers: readonly Writer[]): Promise<void> {
    const closing = this.#closing;
    const given = new Map(writers.map((writer) => [writer.id, writer.transaction]));
    // Only while it is still that transaction: the session may have gone on to other work.
    const present = (await this.#present()).filter(
      ({ id, transaction }) => given.has(id) && (closing !== undefined || given.get(id) === transaction),
    );
    await this.#session.change(async (session) => {
      for (const { id } of present) await endSession(session, Number(id));
    });
  }

  async permanent(reserveMs?: number): Promise<void> {
    await this.#closing?.done;
    await this.#session.change(async (session) => {
      const before = await readRows(session, this.#id);
      if (reserveMs === undefined && before?.mode === 'open') {
        await session.execute(`UPDATE migrate.fence SET mode = 'permanent' WHERE ${partOf(this.#id, 'state')}`);
        return;
      }
      if (before?.mode === 'permanent') return;
      // Whoever finds the deadline passed reads the seal, and cannot before we are through: if it has not passed now, nobody
      // has got through by it.
      await session.query(`SELECT mode FROM migrate.fence WHERE ${partOf(this.#id, 'seal')} FOR UPDATE`);
      const now = await readRows(session, this.#id);
      if (now?.seal === 'permanent') return;
      if (reserveMs !== undefined) {
        await this.#requireTriggers(session);
        if (now?.mode !== 'closed' || now.remainingMs < reserveMs) throw expired();
      }
      await session.execute(`UPDATE migrate.fence SET mode = 'permanent' WHERE ${partOf(this.#id, 'seal')}`);
      await failpoint('cutover.pending');
    });
  }

  async open(): Promise<void> {
    await this.#session.use(async (session) => this.#closing?.cancel(session));
    this.#closing = undefined;
    if ((await this.state()).kind === 'absent') return;
    // One after the other, since writes lock them in the other order.
    await this.#openPart('seal');
    await this.#openPart('state');
  }

  async disarm(): Promise<void> {
    await this.#triggers.remove();
    if ((await this.state()).kind === 'absent') return;
    await this.#session.change((session) =>
      session.execute(`DELETE FROM migrate.fence WHERE id = ${quoteLiteral(this.#id)}`),
    );
  }

  async state(): Promise<FenceState> {
    return stateOf(await this.#session.use((session) => readRows(session, this.#id)));
  }

  /** Only where it is not open: the change waits for everybody who holds the row, and they were all refused. */
  async #openPart(part: 'seal' | 'state'): Promise<void> {
    const [row] = await this.#session.change((session) =>
      // With a lock: a change whose reply was lost ends first.
      session.query(`SELECT mode FROM migrate.fence WHERE ${partOf(this.#id, part)} LOCK IN SHARE MODE`),
    );
    if (row === undefined || row[0] === 'open') return;
    const state = await this.state();
    const untilMs = part === 'state' && state.kind === 'closed' ? state.remainingMs : undefined;
    const change = await FenceChange.begin({
      session: this.#session,
      update: `UPDATE migrate.fence SET mode = 'open', until_at = NULL WHERE ${partOf(this.#id, part)}`,
      patienceMs: untilMs ?? OPEN_MS,
    });
    await Promise.race([change.done, sleep(POLITE_MS)]);
    if (!change.settled && untilMs === undefined) await this.#endRefused(change);
    await change.done.catch(async (error: unknown) => {
      // The deadline opens it as well.
      const now = await this.state();
      if (serverErrno(error) !== LOCK_WAIT || now.kind !== 'closed' || !now.expired) throw error;
    });
  }

  /** Whoever still holds a permanent fence would hold it for ever. */
  async #endRefused(change: FenceChange): Promise<void> {
    await this.#session.use(async (session) => {
      const holders = await readFenceHolders(session, change.waiting, this.#session.server);
      for (const { id } of change.settled ? [] : holders) await endSession(session, Number(id));
    });
  }

  /** The sessions in the way: of the closing, while it waits, else of whatever the tables are locked for. */
  async #present(): Promise<readonly Writer[]> {
    const closing = this.#closing;
    // The server looks again only when nobody has asked it for a while.
    const wait = sleep(Math.max(0, this.#lookedAt + LOOK_AGAIN_MS - performance.now()));
    await (closing === undefined ? wait : Promise.race([closing.done, wait]));
    if (closing?.settled) return [];
    const { server } = this.#session;
    const present = await this.#session.use((session) =>
      closing === undefined
        ? readTableHolders(session, this.#tables ?? [], server)
        : readFenceHolders(session, closing.waiting, server),
    );
    this.#lookedAt = performance.now();
    return present;
  }

  #requireTriggers(session: MysqlSession): Promise<void> {
    if (this.#tables === undefined) throw new MigrateError('FENCE.ARM', 'the fence has not been armed by this runner');
    return this.#triggers.require(session, this.#tables);
  }
}

interface FenceRows {
  readonly mode: FenceMode;
  /** Until the deadline; less than nothing when it has passed. */
  readonly remainingMs: number;
  readonly seal: FenceMode;
}

/** As it is at the moment of the statement. Undefined where the run has no fence. */
async function readRows(session: MysqlSession, id: string): Promise<FenceRows | undefined> {
  const rows = await session
    .query(
      `SELECT s.mode, TIMESTAMPDIFF(MICROSECOND, UTC_TIMESTAMP(6), s.until_at), l.mode
       FROM migrate.fence s JOIN migrate.fence l ON l.id = s.id AND l.part = 'seal'
       WHERE s.id = ${quoteLiteral(id)} AND s.part = 'state'`,
    )
    .catch((error: unknown) => {
      if (!ABSENT.has(serverErrno(error) ?? 0)) throw error;
      return [];
    });
  const [row] = rows;
  if (row === undefined) return undefined;
  return { mode: asMode(row[0]), remainingMs: Number(row[1] ?? 0) / 1_000, seal: asMode(row[2]) };
}

function asMode(text: string | null | undefined): FenceMode {
  return text === 'open' || text === 'closed' ? text : 'permanent';
}

function stateOf(rows: FenceRows | undefined): FenceState {
  if (rows === undefined) return { kind: 'absent' };
  const { mode, remainingMs, seal } = rows;
  if (mode === 'open') return { kind: 'open' };
  if (mode === 'permanent' || seal === 'permanent') return { kind: 'permanent' };
  return { kind: 'closed', expired: remainingMs <= 0, remainingMs: Math.max(0, remainingMs) };
}

function expired(): MigrateError {
  return new MigrateError('FENCE.EXPIRED', 'too little was left of the freeze to make the fence permanent');
}
