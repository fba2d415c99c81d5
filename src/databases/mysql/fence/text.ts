// The texts of a fence: two rows of `migrate.fence` for each run, and the triggers that read them.

import type { TableName } from '../../../model/table.ts';
import { nameDigest } from '../hidden.ts';
import { PASS_VARIABLE } from '../pass.ts';
import { quoteLiteral, quoteName, quoteTable } from '../sql.ts';

/**
 * `state` is what every write reads first; it is `open`, `closed` until a moment in UTC, or `permanent`. `seal` is what a write
 * reads when that moment has passed: `open`, or `permanent`. Two rows, because whoever was refused keeps its lock on the
 * first until its transaction ends, and must not keep the fence from becoming permanent.
 */
export const FENCE_SCHEMA: readonly string[] = [
  'CREATE DATABASE IF NOT EXISTS migrate',
  `CREATE TABLE IF NOT EXISTS migrate.fence (
    id varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    part varchar(10) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    mode varchar(10) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    until_at datetime(6),
    PRIMARY KEY (id, part)
  ) ENGINE=InnoDB`,
];

export type FenceMode = 'open' | 'closed' | 'permanent';

/** Makes the fence of a run where it has none. */
export function insertFence(id: string, mode: FenceMode): string {
  const row = (part: string, value: FenceMode) => `(${quoteLiteral(id)}, '${part}', '${value}')`;
  return (
    `INSERT INTO migrate.fence (id, part, mode) VALUES ${row('state', mode)}, ${row('seal', 'open')} ` +
    'ON DUPLICATE KEY UPDATE mode = mode'
  );
}

/** The row of a part. */
export function partOf(id: string, part: 'state' | 'seal'): string {
  return `id = ${quoteLiteral(id)} AND part = '${part}'`;
}

const EVENTS = ['INSERT', 'UPDATE', 'DELETE'] as const;
export type TriggerEvent = (typeof EVENTS)[number];

export interface FenceTrigger {
  readonly table: TableName;
  readonly event: TriggerEvent;
  readonly name: string;
}

const FENCE_PREFIX = 'migrate_fence_';

/** What the names of a run's triggers begin with. */
export function triggerPrefix(id: string): string {
  return `${FENCE_PREFIX}${id}_`;
}

/** True for those of every run: they change no rows. */
export function isFenceTrigger(name: string): boolean {
  return name.startsWith(FENCE_PREFIX);
}

/** Of every event one. Their names are unique in a database, no longer than it lets them be, and of a hidden table those of its own. */
export function triggersOf(id: string, table: TableName): readonly FenceTrigger[] {
  const digest = nameDigest(id, table.name);
  return EVENTS.map((event) => ({ table, event, name: `${triggerPrefix(id)}${digest}_${event.toLowerCase()}` }));
}

/** `first`: the trigger of somebody else that was first so far. `pass`: what sessions show that the fence lets through. */
export function createTrigger(
  id: string,
  { table, event, name }: FenceTrigger,
  { first, pass }: { readonly first: string | undefined; readonly pass: string | undefined },
): string {
  const order = first === undefined ? '' : ` PRECEDES ${quoteName(first)}`;
  return (
    `CREATE TRIGGER ${quoteTable({ schema: table.schema, name })} BEFORE ${event} ON ${quoteTable(table)} ` +
    `FOR EACH ROW${order} ${triggerBody(id, pass)}`
  );
}

const REFUSE = `SIGNAL SQLSTATE '25006' SET MYSQL_ERRNO = 1290,
    MESSAGE_TEXT = 'writes are stopped: this database is being moved'`;

/**
 * The locked reads see what is committed, whatever the transaction's snapshot, and keep their lock until it ends: by that the
 * fence waits for open writers. What they find must not depend on the row, or the lock would be given back. A clock that
 * the session has set forward opens nothing.
 */
function triggerBody(id: string, pass: string | undefined): string {
  const read = (part: 'state' | 'seal', columns: string, into: string): string =>
    `SELECT ${columns} INTO ${into} FROM migrate.fence WHERE ${partOf(id, part)} LOCK IN SHARE MODE;`;
  const body = `${read('state', 'mode, until_at', 'fence_mode, fence_until')}
  IF fence_mode = 'closed' AND fence_until <= UTC_TIMESTAMP(6) AND NOW(6) <= SYSDATE(6) THEN
    ${read('seal', 'mode', 'fence_mode')}
  END IF;
  IF fence_mode <> 'open' THEN ${REFUSE}; END IF;`;
  return `BEGIN
  DECLARE fence_mode varchar(10) CHARACTER SET ascii;
  DECLARE fence_until datetime(6);
  ${pass === undefined ? body : `IF NOT (${PASS_VARIABLE} <=> ${pass}) THEN ${body} END IF;`}
END`;
}
