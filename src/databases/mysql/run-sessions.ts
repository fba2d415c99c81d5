// Which sessions of a server belong to a run: each takes one of the run's numbered locks, which the server gives back when it has
// rolled back what the session left. Nothing is written, and everybody may ask who has a lock.

import { createHash } from 'node:crypto';
import type { Side } from '../../model/side.ts';
import type { MysqlSession } from './connection.ts';
import { quoteLiteral } from './sql.ts';

/** More than a run has sessions by far; MySQL and MariaDB go no further than 1,000 in one question. */
const PLACES = 512;

/** A server can be the source of one run and the target of another of the same name. */
export interface RunSide {
  readonly run: string;
  readonly side: Side;
}

/** The name of a lock: such names are short, and the same for every database of a server. */
export function lockName(kind: 'lease' | 'session', text: string): string {
  return `migrate/${kind}/${createHash('sha256').update(text).digest('hex').slice(0, 32)}`;
}

/** Makes the session one of the run's, until it ends. */
export async function joinRun(session: MysqlSession, run: RunSide): Promise<void> {
  const name = nameOf(run);
  for (;;) {
    const place = Math.floor(Math.random() * PLACES);
    const [row] = await session.query(`SELECT GET_LOCK(${quoteLiteral(`${name}/${place}`)}, 0)`);
    if (row?.[0] === '1') return;
  }
}

/** The connection ids of the run's sessions, of whatever process. */
export async function readRunSessions(session: MysqlSession, run: RunSide): Promise<readonly number[]> {
  const rows = await session.query(
    `WITH RECURSIVE places AS (SELECT 0 AS place UNION ALL SELECT place + 1 FROM places WHERE place < ${PLACES - 1})
     SELECT IS_USED_LOCK(CONCAT(${quoteLiteral(`${nameOf(run)}/`)}, place)) AS id FROM places
     HAVING id IS NOT NULL`,
  );
  return rows.map(([id]) => Number(id));
}

function nameOf({ run, side }: RunSide): string {
  return lockName('session', `${side}/${run}`);
}
