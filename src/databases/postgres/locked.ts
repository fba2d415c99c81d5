// Changes to a table of the source that need a strong lock: each in a transaction of its own that gives up soon when it has to
// wait, again and again, while it is told who holds the table.

import { MigrateError } from '../../lib/errors.ts';
import type { Writer } from '../fence.ts';
import type { Session } from './connection.ts';
import { holdersText, readHolders } from './lock-holders.ts';
import { withShortLock } from './short-lock.ts';

export interface LockedOptions {
  /** Proves, inside a transaction, that this runner may still write. */
  readonly prove: (session: Session) => Promise<void>;
  /** Told who holds a table that is to be changed, and null when nobody does any more. */
  readonly onWaiting?: (reason: string | null) => void;
  /** How long to try for the lock on one table. Default 30 s. */
  readonly lockTimeoutMs?: number;
}

export interface LockedTable {
  /** Its id; '' when it was dropped. */
  readonly table: string;
  /** Lock modes that stand in the way. */
  readonly modes: readonly string[];
  /** What cannot be done as long as somebody holds it, as a sentence. */
  readonly refused: string;
}

/** Rejects with SOURCE.LOCKED naming who holds the table. */
export async function whenLocked(
  options: LockedOptions,
  session: Session,
  { table, modes, refused }: LockedTable,
  work: () => Promise<void>,
): Promise<void> {
  let told = false;
  const held = (holders: readonly Writer[]): string => `${refused}: it is held by ${holdersText(holders)}`;
  await withShortLock({
    timeoutMs: options.lockTimeoutMs ?? 30_000,
    attempt: (lockTimeout) =>
      session.transaction(async () => {
        await session.query(`SET LOCAL lock_timeout = '${lockTimeout}'`);
        await options.prove(session);
        await work();
      }),
    holders: () => readHolders(session, { tables: table === '' ? [] : [table], fence: '', modes }),
    onHeld: (holders) => {
      told = true;
      options.onWaiting?.(held(holders));
    },
    blocked: (holders) => new MigrateError('SOURCE.LOCKED', held(holders)),
  }).finally(() => {
    if (told) options.onWaiting?.(null);
  });
}
