// Tables that look like the run's, for measuring: a schema made and dropped in one transaction each, and a look at the run's
// own tables through a snapshot of this server.

import { MigrateError } from '../../lib/errors.ts';
import type { Key, Row } from '../../model/change.ts';
import type { Position } from '../../model/position.ts';
import type { Table } from '../../model/table.ts';
import {
  reserved,
  type Scratch,
  type ScratchTable,
  scratchSchema,
  type TargetMoment,
  tooMuchToCopy,
} from '../scratch.ts';
import type { Lane } from '../target.ts';
import type { PostgresServer, Session } from './connection.ts';
import { sqlState } from './errors.ts';
import { field } from './row.ts';
import { quoteName, quoteTable } from './sql.ts';
import { columnArrays, columnsOf } from './write/column-arrays.ts';
import { PostgresLane } from './write/lane.ts';
import { columnAt, sameKey, unnested } from './write/statements.ts';

export interface PostgresScratchOptions {
  readonly server: PostgresServer;
  /** The run's id. */
  readonly id: string;
  readonly run: () => string;
}

/** Rows are found by the key's index, however small the server takes the table for. */
const BY_KEY = { row_security: 'off', enable_seqscan: 'off', enable_hashjoin: 'off', enable_mergejoin: 'off' };
/** What a killed process left may still be in use until the server notices. */
const MAKING = { lock_timeout: '30s' };
const KEYS = 2_000;
const NO_RIGHT = '42501';

export class PostgresScratch implements Scratch {
  readonly schema: string;
  readonly #options: PostgresScratchOptions;

  constructor(options: PostgresScratchOptions) {
    this.#options = options;
    this.schema = scratchSchema(options.id);
  }

  async reserve(): Promise<{ close(): Promise<void> }> {
    const session = await this.#options.server.session({ purpose: 'tune' });
    const held = await session.one('SELECT pg_try_advisory_lock(hashtextextended($1, 0)) AS it', [this.schema]);
    if (held?.it === 't') return session;
    await session.close();
    throw reserved();
  }

  async look(): Promise<TargetMoment> {
    const { server, run } = this.#options;
    const session = await server.session({ purpose: 'tune', settings: BY_KEY });
    try {
      await session.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
      // Without a lock: what a lane is committing is not in the snapshot, neither its rows nor its checkpoint.
      const rows = await session.query(
        `SELECT lane, position FROM migrate.checkpoint WHERE run = $1 AND direction = 'forward' ORDER BY lane`,
        [run()],
      );
      return {
        checkpoints: rows.map((row) => ({
          lane: Number(field(row, 'lane')),
          position: field(row, 'position') as Position,
        })),
        rows: (table, keys, maxBytes) => readRows(session, table, keys, maxBytes),
        close: () => session.close(),
      };
    } catch (error) {
      await session.close();
      throw error;
    }
  }

  make(tables: readonly ScratchTable[], lanes: number, position: Position): Promise<void> {
    const schema = quoteName(this.schema);
    const run = this.#options.run();
    return this.#change((session) =>
      session.transaction(async () => {
        await session.query(`DROP SCHEMA IF EXISTS ${schema} CASCADE`);
        await session.query(`CREATE SCHEMA ${schema}`);
        for (const name of ['lease', 'checkpoint'])
          await session.query(`CREATE TABLE ${schema}.${name} (LIKE migrate.${name} INCLUDING ALL)`);
        await session.query(`INSERT INTO ${schema}.lease (run, epoch, holder) VALUES ($1, 0, '')`, [run]);
        await session.query(
          `INSERT INTO ${schema}.checkpoint (run, direction, lane, position)
           SELECT $1, 'forward', n, $2 FROM generate_series(0, $3::int - 1) AS n`,
          [run, position, lanes],
        );
        for (const { table, like } of tables)
          await session.query(`CREATE TABLE ${quoteTable(table)} (LIKE ${quoteTable(like)} INCLUDING ALL)`);
      }),
    );
  }

  async lane(): Promise<Lane> {
    const { server, run } = this.#options;
    const claim = { run: run(), epoch: 0 };
    return new PostgresLane({ server, claim, direction: 'forward', journal: this.schema });
  }

  drop(): Promise<boolean> {
    return this.#change(async (session) => {
      const found = await session.one('SELECT FROM pg_namespace WHERE nspname = $1', [this.schema]);
      if (found !== undefined) await session.query(`DROP SCHEMA IF EXISTS ${quoteName(this.schema)} CASCADE`);
      return found !== undefined;
    });
  }

  async #change<T>(work: (session: Session) => Promise<T>): Promise<T> {
    const session = await this.#options.server.session({ purpose: 'tune', settings: MAKING });
    try {
      return await work(session);
    } catch (error) {
      if (sqlState(error) !== NO_RIGHT) throw error;
      const names = await session.one('SELECT current_user AS role, current_database() AS database');
      const cure = `GRANT CREATE ON DATABASE ${quoteName(names?.database ?? '')} TO ${quoteName(names?.role ?? '')}`;
      throw new MigrateError('TARGET.REFUSED', `target: schema ${this.schema} cannot be made: a right is missing`, {
        cause: error,
        fix: `As an administrator of the target: ${cure}; then run the same command again.`,
      });
    } finally {
      await session.close();
    }
  }
}

async function readRows(
  session: Session,
  table: Table,
  keys: readonly Key[],
  maxBytes: number,
): Promise<readonly Row[]> {
  const selected = table.columns.map((_, index) => `t.${quoteName(columnAt(table, index).name)} AS v${index}`);
  const text = `SELECT ${selected.join(', ')} FROM ${unnested(table, table.key)}
    JOIN ONLY ${quoteTable(table)} AS t ON ${sameKey(table)}`;
  const found: Row[] = [];
  let bytes = 0;
  for (let from = 0; from < keys.length; from += KEYS) {
    const piece = keys.slice(from, from + KEYS);
    for (const { arrays } of columnArrays(piece.length, columnsOf(piece, table.key.keys()))) {
      if (arrays === undefined) throw tooMuchToCopy(table);
      for (const answered of await session.query(text, arrays)) {
        const row = table.columns.map((_, index) => answered[`v${index}`] ?? null);
        bytes += row.reduce((sum, value) => sum + (value?.length ?? 0), 0);
        found.push(row);
      }
      if (bytes > maxBytes) throw tooMuchToCopy(table);
    }
  }
  return found;
}
