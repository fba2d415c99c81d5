// The fence's triggers: put on the tables before the cutover, required when it closes, and taken off again. Each takes a lock
// on its table for an instant, for which everybody who has used the table in an open transaction must have ended it.

import { setTimeout as sleep } from 'node:timers/promises';
import { MigrateError } from '../../../lib/errors.ts';
import { type TableName, tableId } from '../../../model/table.ts';
import { type Writer, writerText } from '../../fence.ts';
import type { MysqlSession } from '../connection.ts';
import { serverErrno } from '../errors.ts';
import { readNaming } from '../schema-state.ts';
import { quoteLiteral, quoteTable } from '../sql.ts';
import { readPrepared, readTableHolders } from './holders.ts';
import type { FenceSession } from './session.ts';
import { createTrigger, type FenceTrigger, triggerPrefix, triggersOf } from './text.ts';

/** The lock was not to be had in time, or waiting for it would never have ended. */
const LOCK_WAITS = new Set([1205, 1213]);
const NO_DATABASE = 1049;
const NO_TABLE = 1146;
const NO_TRIGGER = 1360;
const THERE_ALREADY = 1359;
const NEEDS_SUPER = 1419;

export interface FenceTriggersOptions {
  readonly session: FenceSession;
  readonly id: string;
  /** How long to try for the lock on one table. */
  readonly lockTimeoutMs: number;
  /** Told who holds a table that a trigger is to be put on or taken off, and null when nobody does any more. */
  readonly onWaiting?: (reason: string | null) => void;
}

export class FenceTriggers {
  readonly #options: FenceTriggersOptions;

  constructor(options: FenceTriggersOptions) {
    this.#options = options;
  }

  /** Puts them where they are not, table by table. The rows of the fence must be there. */
  async put(tables: readonly TableName[], signal: AbortSignal): Promise<void> {
    const { id, session } = this.#options;
    const standing = await session.use((open) => Standing.read(open, id, tables));
    for (const trigger of standing.missing) {
      const statement = createTrigger(id, trigger, { first: standing.first(trigger), pass: undefined });
      await this.#lockTable(trigger.table, () => session.define(statement), THERE_ALREADY, signal);
    }
  }

  /** Rejects with FENCE.ARM when a table is not fenced. */
  async require(open: MysqlSession, tables: readonly TableName[]): Promise<void> {
    const { missing } = await Standing.read(open, this.#options.id, tables);
    if (missing.length === 0) return;
    const names = missing.slice(0, 5).map(({ table, event }) => `${table.id} (${event})`);
    throw new MigrateError('FENCE.ARM', `the fence is not on ${names.join(', ')}`, {
      fix: 'Find out what removes triggers from these tables; the run puts the fence back.',
    });
  }

  /** From every table that has one of this run, whoever put it there. */
  async remove(): Promise<void> {
    const { id, session } = this.#options;
    for (const { schema, name, table } of await session.use((open) => readOwn(open, id))) {
      const drop = `DROP TRIGGER IF EXISTS ${quoteTable({ schema, name })}`;
      await this.#lockTable(
        { id: tableId(schema, table), schema, name: table },
        () => session.define(drop),
        NO_TRIGGER,
      );
    }
  }

  /** Runs a statement that needs a lock on one table. `done`: the error that says it is as it should be already. */
  async #lockTable(table: TableName, attempt: () => Promise<void>, done: number, signal?: AbortSignal): Promise<void> {
    const { lockTimeoutMs, onWaiting } = this.#options;
    const end = performance.now() + lockTimeoutMs;
    for (let tries = 1; ; tries++) {
      signal?.throwIfAborted();
      try {
        await attempt();
        if (tries > 1) onWaiting?.(null);
        return;
      } catch (error) {
        if (serverErrno(error) === done) return;
        if (!LOCK_WAITS.has(serverErrno(error) ?? 0)) throw refused(error, table);
        const holders = await this.#holders(table);
        if (performance.now() > end) throw blocked(table, holders, error);
        onWaiting?.(`the fence waits for a lock on ${table.id}: it is held by ${holdersText(holders)}`);
      }
      // Whoever came after us waited as long as we did: they go first.
      await sleep(500 + Math.random() * 500, undefined, signal === undefined ? {} : { signal });
    }
  }

  /** What is prepared stays, while those who only pass by come and go. */
  #holders(table: TableName): Promise<readonly Writer[]> {
    const { session } = this.#options;
    return session.use(async (open) => [
      ...(await readPrepared(open)),
      ...(await readTableHolders(open, [table], session.server)),
    ]);
  }
}

/** What of a run's triggers is on tables. */
export class Standing {
  readonly missing: readonly FenceTrigger[];
  readonly #first: ReadonlyMap<string, string>;
  readonly #nameOf: (trigger: FenceTrigger) => string;

  private constructor(
    missing: readonly FenceTrigger[],
    first: ReadonlyMap<string, string>,
    nameOf: (trigger: FenceTrigger) => string,
  ) {
    this.missing = missing;
    this.#first = first;
    this.#nameOf = nameOf;
  }

  static async read(session: MysqlSession, id: string, tables: readonly TableName[]): Promise<Standing> {
    const schemas = [...new Set(tables.map(({ schema }) => schema))];
    if (schemas.length === 0) return new Standing([], new Map(), ({ name }) => name);
    const naming = await readNaming(session);
    const rows = await session.query(
      `SELECT EVENT_OBJECT_SCHEMA, EVENT_OBJECT_TABLE, EVENT_MANIPULATION, TRIGGER_NAME, ACTION_ORDER
       FROM information_schema.TRIGGERS
       WHERE ACTION_TIMING = 'BEFORE' AND TRIGGER_SCHEMA IN (${schemas.map(quoteLiteral).join(', ')})`,
    );
    const keyOf = (schema: string, table: string, last: string): string =>
      `${naming({ schema, name: table })} ${last.toLowerCase()}`;
    const names = new Set<string>();
    const first = new Map<string, string>();
    for (const [schema, table, event, name, order] of rows) {
      names.add(keyOf(schema ?? '', table ?? '', name ?? ''));
      if (order === '1') first.set(keyOf(schema ?? '', table ?? '', event ?? ''), name ?? '');
    }
    const nameOf = ({ table, event }: FenceTrigger): string => keyOf(table.schema, table.name, event);
    const missing = tables
      .flatMap((table) => triggersOf(id, table))
      .filter(({ table, name }) => !names.has(keyOf(table.schema, table.name, name)));
    return new Standing(missing, first, nameOf);
  }

  /** Whose trigger comes first where this one is to be. */
  first(trigger: FenceTrigger): string | undefined {
    return this.#first.get(this.#nameOf(trigger));
  }
}

interface OwnTrigger {
  readonly schema: string;
  readonly name: string;
  readonly table: string;
}

async function readOwn(session: MysqlSession, id: string): Promise<readonly OwnTrigger[]> {
  const prefix = triggerPrefix(id);
  const rows = await session.query(
    `SELECT TRIGGER_SCHEMA, TRIGGER_NAME, EVENT_OBJECT_TABLE FROM information_schema.TRIGGERS
     WHERE LEFT(TRIGGER_NAME, ${prefix.length}) = ${quoteLiteral(prefix)} ORDER BY 1, 3, 2`,
  );
  return rows.map(([schema, name, table]) => ({ schema: schema ?? '', name: name ?? '', table: table ?? '' }));
}

function holdersText(holders: readonly Writer[]): string {
  if (holders.length === 0) return 'a session that this user may not see';
  const more = holders.length > 3 ? ` and ${holders.length - 3} more` : '';
  return holders.slice(0, 3).map(writerText).join(', ') + more;
}

function blocked(table: TableName, holders: readonly Writer[], cause: unknown): MigrateError {
  return new MigrateError('FENCE.ARM', `${table.id} is held by ${holdersText(holders)}`, { cause });
}

export function refused(error: unknown, table: TableName): unknown {
  const errno = serverErrno(error);
  if (errno === NO_TABLE || errno === NO_DATABASE) {
    return new MigrateError('SCHEMA.CHANGED', `${table.id} is gone`, { cause: error });
  }
  if (errno !== NEEDS_SUPER) return error;
  return new MigrateError(
    'FENCE.ARM',
    `the server lets this user make no triggers while it writes a log, and the fence is one on ${table.id}`,
    {
      fix: 'SET GLOBAL log_bin_trust_function_creators = 1, until the run has ended; the run tries again.',
      cause: error,
    },
  );
}
