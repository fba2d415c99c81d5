// The sessions of a run, of whatever process, as the server knows them, and how they are ended. Both need a right; without the
// first nobody is seen, and whoever takes over waits for the server to notice that they are gone.

import { setTimeout as sleep } from 'node:timers/promises';
import { MigrateError } from '../../lib/errors.ts';
import type { OracleServer, OracleSession, ValueRow } from './connection.ts';
import { oraCode } from './errors.ts';
import { MODULE } from './run-label.ts';
import { query, raw, type Statement, sql } from './statement.ts';

export interface RunSession {
  /** As in `OracleSession.id`. */
  readonly id: string;
  /** `sid,serial#,@instance`: what it is ended by. */
  readonly address: string;
}

const NOT_SEEN = new Set([942, 1031, 2030]);
/** Gone already, or marked and not yet gone. */
const ENDED = new Set([30, 31]);
const NO_RIGHT = 1031;
/** The server needs a moment to roll back. */
const END_PATIENCE_MS = 8_000;
const LOOK_AGAIN_MS = 20;

/** Ends those sessions of ours that `which` is true of, but not `ours`, and resolves when they are gone. */
export async function endSessions(
  server: Pick<OracleServer, 'use'>,
  which: Statement,
  ours: () => readonly string[],
): Promise<void> {
  const others = async (): Promise<readonly RunSession[]> => {
    const found = await server.use((session) => readSessions(session, which));
    // Asked for last: a session has an id here before the server knows of it.
    const own = new Set(ours());
    return found.filter(({ id }) => !own.has(id));
  };
  const ended = await others();
  if (ended.length === 0) return;
  // Each in a session that may be lost: the driver takes the answer that the other one is marked (ORA-00031) for the end of its own.
  for (const { address } of ended) await server.use((session) => endSession(session, address));
  const patience = performance.now() + END_PATIENCE_MS;
  while (performance.now() < patience) {
    const left = new Set((await others()).map(({ id }) => id));
    if (!ended.some(({ id }) => left.has(id))) return;
    await sleep(LOOK_AGAIN_MS);
  }
}

/** One that was ended stays in the list until its client asks something; what it held is free when it has no transaction. */
async function readSessions(session: OracleSession, which: Statement): Promise<readonly RunSession[]> {
  const rows = await query(
    session,
    sql`SELECT MODULE, SID, ${raw('SERIAL#')}, INST_ID FROM ${raw('GV$SESSION')}
        WHERE ${raw(`SUBSTR(MODULE, 1, ${MODULE.length})`)} = ${MODULE} AND ${which}
          AND (STATUS <> 'KILLED' OR TADDR IS NOT NULL)`,
  ).catch((error: unknown): readonly ValueRow[] => {
    if (!NOT_SEEN.has(oraCode(error) ?? 0)) throw error;
    return [];
  });
  return rows.map(([module, sid, serial, instance]) => ({
    id: String(module).slice(MODULE.length),
    address: `${sid},${serial},@${instance}`,
  }));
}

async function endSession(session: OracleSession, address: string): Promise<void> {
  await session.execute(`ALTER SYSTEM KILL SESSION '${address}' IMMEDIATE`).catch((error: unknown) => {
    const code = oraCode(error) ?? 0;
    if (ENDED.has(code)) return;
    if (code !== NO_RIGHT) throw error;
    throw new MigrateError('TARGET.REFUSED', 'the account may not end the sessions of the runner before', {
      fix: `ALTER SYSTEM KILL SESSION '${address}' IMMEDIATE as an administrator, or GRANT ALTER SYSTEM to the account of target.url; then run the same command again.`,
      cause: error,
    });
  });
}
