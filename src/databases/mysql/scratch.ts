// Tables that look like the run's, for measuring: in a database of their own, and a look at the run's own tables through a
// snapshot of this server.

import { MigrateError } from '../../lib/errors.ts';
import { type Key, keyText, type Row } from '../../model/change.ts';
import type { Position } from '../../model/position.ts';
import type { Table } from '../../model/table.ts';
import type { ConversionOf } from '../conversion.ts';
import {
  reserved,
  type Scratch,
  type ScratchTable,
  scratchSchema,
  type TargetMoment,
  tooMuchToCopy,
} from '../scratch.ts';
import type { Lane } from '../target.ts';
import type { MysqlServer, MysqlSession } from './connection.ts';
import { serverErrno } from './errors.ts';
import { RowsOf } from './rows.ts';
import { quoteName, quoteTable } from './sql.ts';
import { sql } from './statement.ts';
import { MysqlLane } from './write/lane.ts';

export interface MysqlScratchOptions {
  readonly server: MysqlServer;
  /** The run's id. */
  readonly id: string;
  readonly run: () => string;
  /** By the target's columns. */
  readonly conversionOf: ConversionOf;
}

/** Defaults are the source's, zero dates among them. */
const MAKING = `SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES', lock_wait_timeout = 30`;
/** Rows are found by the key's index, however small the server takes the table for. */
const BY_KEY = 'SET SESSION max_seeks_for_key = 1';
const KEYS = 1_000;
/** To a database, to a statement on a table, to a statement. */
const NO_RIGHT = [1044, 1142, 1227, 1370];

export class MysqlScratch implements Scratch {
  readonly schema: string;
  readonly #options: MysqlScratchOptions;

  constructor(options: MysqlScratchOptions) {
    this.#options = options;
    this.schema = scratchSchema(options.id);
  }

  async reserve(): Promise<{ close(): Promise<void> }> {
    const session = await this.#options.server.session();
    const [held] = await session.query(sql`SELECT GET_LOCK(${this.schema}, 0)`);
    if (held?.[0] === '1') return { close: async () => session.close() };
    session.close();
    throw reserved();
  }

  async look(): Promise<TargetMoment> {
    const { server, run, conversionOf } = this.#options;
    const session = await server.session();
    try {
      await session.query(BY_KEY);
      await session.query('START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY');
      // Without a lock: what a lane is committing is not in the snapshot, neither its rows nor its checkpoint.
      const rows = await session.query(
        sql`SELECT lane, position FROM migrate.checkpoint WHERE run = ${run()} AND direction = 'forward' ORDER BY lane`,
      );
      const rowsOf = new RowsOf(conversionOf);
      return {
        checkpoints: rows.map(([lane, position]) => ({ lane: Number(lane), position: position as Position })),
        rows: (table, keys, maxBytes) => readRows(session, rowsOf, { table, keys, maxBytes }),
        close: async () => session.close(),
      };
    } catch (error) {
      session.close();
      throw error;
    }
  }

  make(tables: readonly ScratchTable[], lanes: number, position: Position): Promise<void> {
    const within = quoteName(this.schema);
    const run = this.#options.run();
    return this.#change(async (session) => {
      await this.#drop(session);
      await session.query(`CREATE DATABASE ${within}`);
      for (const name of ['lease', 'checkpoint'])
        await session.query(`CREATE TABLE ${within}.${name} LIKE migrate.${name}`);
      await session.execute(
        `INSERT INTO ${within}.lease (run, epoch, holder, taken_at, target)
         VALUES (${sql`${run}`}, 0, '', UTC_TIMESTAMP(6), '')`,
      );
      for (let lane = 0; lane < lanes; lane++)
        await session.execute(
          `INSERT INTO ${within}.checkpoint (run, direction, lane, position) VALUES (${sql`${run}, 'forward', ${lane}, ${position}`})`,
        );
      for (const { table, like } of tables)
        await session.query(`CREATE TABLE ${quoteTable(table)} LIKE ${quoteTable(like)}`);
    });
  }

  async lane(): Promise<Lane> {
    const { server, run, conversionOf } = this.#options;
    const claim = { run: run(), epoch: 0 };
    return new MysqlLane({ server, claim, conversionOf, direction: 'forward', journal: this.schema });
  }

  drop(): Promise<boolean> {
    return this.#change((session) => this.#drop(session));
  }

  /** Asked first: who may not make a database may not name one that is not there either. */
  async #drop(session: MysqlSession): Promise<boolean> {
    const found = await session.query(
      sql`SELECT 1 FROM information_schema.schemata WHERE schema_name = ${this.schema}`,
    );
    if (found.length > 0) await session.query(`DROP DATABASE IF EXISTS ${quoteName(this.schema)}`);
    return found.length > 0;
  }

  async #change<T>(work: (session: MysqlSession) => Promise<T>): Promise<T> {
    const session = await this.#options.server.session();
    try {
      await session.query(MAKING);
      return await work(session);
    } catch (error) {
      if (!NO_RIGHT.includes(serverErrno(error) ?? 0)) throw error;
      const [row] = await session.query('SELECT CURRENT_USER()');
      throw new MigrateError('TARGET.REFUSED', `target: database ${this.schema} cannot be made: a right is missing`, {
        cause: error,
        fix: `As an administrator of the target: ${cure(this.schema, row?.[0] ?? '')}; then run the same command again.`,
      });
    } finally {
      session.close();
    }
  }
}

/** In the name of a database that rights are given on, `_` stands for any character. */
function cure(schema: string, account: string): string {
  const at = account.lastIndexOf('@');
  const [user, host] = [account.slice(0, at), account.slice(at + 1)].map((part) => sql`${part}`);
  return `GRANT ALL ON ${quoteName(schema.replaceAll('_', '\\_'))}.* TO ${user}@${host}`;
}

interface Wanted {
  readonly table: Table;
  readonly keys: readonly Key[];
  readonly maxBytes: number;
}

async function readRows(
  session: MysqlSession,
  rowsOf: RowsOf,
  { table, keys, maxBytes }: Wanted,
): Promise<readonly Row[]> {
  const rows = rowsOf.of(table);
  const wanted = new Set(keys.map(keyText));
  const found: Row[] = [];
  let bytes = 0;
  for (let from = 0; from < keys.length; from += KEYS) {
    const { done } = session.each(rows.select(rows.isOneOf(keys.slice(from, from + KEYS))), (row) => {
      const values = rows.values(row);
      // What a collation holds to be equal is another key.
      if (!wanted.has(keyText(rows.keyOf(values)))) return;
      bytes += values.reduce((sum, value) => sum + (value?.length ?? 0), 0);
      if (bytes > maxBytes) throw tooMuchToCopy(table);
      found.push(values);
    });
    await done;
  }
  return found;
}
