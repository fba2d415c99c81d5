// Who waits on the server, and for whom. A row of the target may be locked by anybody who reads it FOR UPDATE, for as long as they
// like: no error comes of that, and to cut the session and begin again would only lead back to the same row.

import type { OracleServer, OracleSession } from '../connection.ts';
import { oraCode } from '../errors.ts';
import { sessionText } from '../lock-holders.ts';
import { MODULE } from '../run-label.ts';
import { query, raw, sql } from '../statement.ts';

/** Most statements are answered long before anybody looks. */
const LOOK_MS = 2_000;
/** What may not be read, or is not there. */
const NOT_SEEN = new Set([942, 1031, 2030]);

export interface LockWaitsOptions {
  readonly server: Pick<OracleServer, 'use'>;
  /** Told of what is waited for, and null when it is over. Default: nobody is. */
  readonly onWaiting?: ((reason: string | null) => void) | undefined;
  /** Ms after which a statement without an answer is asked about, and again after that. Default 2000. */
  readonly lookMs?: number;
}

/** Of all sessions of a run that write. */
export class LockWaits {
  readonly #options: LockWaitsOptions;
  /** What each session waits for, by its id. */
  readonly #waiting = new Map<string, string>();
  #isBlind = false;

  constructor(options: LockWaitsOptions) {
    this.#options = options;
  }

  /**
   * Does what needs an answer of the server. The session is cut when for `timeoutMs` no byte came or went, which a large value takes
   * long to do, and it did not wait for a lock of somebody else. 0: any time.
   */
  async answered<T>(session: OracleSession, timeoutMs: number, work: () => Promise<T>): Promise<T> {
    const { lookMs = LOOK_MS } = this.#options;
    const limit = (): NodeJS.Timeout | undefined =>
      timeoutMs === 0 ? undefined : setTimeout(() => session.destroy(), timeoutMs);
    let isOver = false;
    let { traffic } = session;
    let patience = limit();
    let next: NodeJS.Timeout | undefined;
    const look = async (): Promise<void> => {
      const holder = await this.#holderOf(session.id);
      if (isOver) return;
      this.#tell(session.id, holder);
      if (holder !== undefined || session.traffic !== traffic) {
        clearTimeout(patience);
        patience = limit();
      }
      ({ traffic } = session);
      next = setTimeout(look, lookMs);
    };
    next = setTimeout(look, lookMs);
    try {
      return await session.within(0, work);
    } finally {
      isOver = true;
      clearTimeout(patience);
      clearTimeout(next);
      this.#tell(session.id, undefined);
    }
  }

  #tell(id: string, holder: string | undefined): void {
    if (this.#waiting.get(id) === holder) return;
    if (holder === undefined) this.#waiting.delete(id);
    else this.#waiting.set(id, holder);
    this.#options.onWaiting?.([...this.#waiting.values()].at(-1) ?? null);
  }

  /** The first session in the way that is not of a run; undefined where nobody is, or that cannot be seen. */
  async #holderOf(id: string): Promise<string | undefined> {
    if (this.#isBlind) return undefined;
    try {
      return await this.#options.server.use((session) => readHolder(session, id));
    } catch (error) {
      // A look that fails otherwise, as when the connection breaks, says nothing.
      if (NOT_SEEN.has(oraCode(error) ?? 0)) this.#isBlind = true;
      return undefined;
    }
  }
}

/**
 * True of a session that waits for a row or a table that another has locked. Others are blocked as well: by the writer of the redo
 * log while they commit, or for a block of an index.
 */
export const WAITS_FOR_LOCK = "(EVENT LIKE 'enq: T%' AND EVENT <> 'enq: TX - index contention')";

/** One writer may wait for another that waits for somebody else: so far it is followed. */
const LONGEST_CHAIN = 8;

async function readHolder(session: OracleSession, id: string): Promise<string | undefined> {
  const rows = await query(
    session,
    sql`SELECT SID, ${raw('SERIAL#')}, INST_ID,
          ${raw(`CASE WHEN ${WAITS_FOR_LOCK} THEN BLOCKING_SESSION END`)}, BLOCKING_INSTANCE, MODULE, USERNAME, PROGRAM, MACHINE
        FROM ${raw('GV$SESSION')}
        WHERE BLOCKING_SESSION IS NOT NULL OR SID IN (SELECT BLOCKING_SESSION FROM ${raw('GV$SESSION')})`,
  );
  const all = rows.map((row) => row.map((value) => (value === null ? '' : String(value))));
  let at = all.find(([, , , , , module]) => module === `${MODULE}${id}`);
  for (let steps = 0; at !== undefined && steps < LONGEST_CHAIN; steps++) {
    const [, , , blocker, instance] = at;
    if (blocker === '') return undefined;
    at = all.find(([sid, , on]) => sid === blocker && on === instance);
    if (at?.[5]?.startsWith(MODULE) === false) return described(at);
  }
  return undefined;
}

function described(row: readonly string[]): string {
  const [sid = '', serial = '', instance = '', , , module = '', user = '', program = '', machine = ''] = row;
  const { name, end } = sessionText({ sid, serial, instance, module, user, program, machine });
  return `${name} to end its transaction: it holds a lock on rows that the run writes (${end})`;
}
