// Tables that look like the run's, for measuring, and a look at the run's own tables at one moment of this server. A schema is a user
// in Oracle, which a run cannot make: the tables stand in the account's own, under names that nothing else has.

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
import type { OracleServer, OracleSession } from './connection.ts';
import { oraCode } from './errors.ts';
import { insertCheckpoints } from './journal/lanes.ts';
import { readCheckpoints } from './journal/moves.ts';
import { checkpointSchema } from './journal/schema.ts';
import { OWN_PREFIX, ownTable, readOwnTables } from './own-tables.ts';
import { RowsOf } from './rows.ts';
import { text } from './schema-state.ts';
import { standIns } from './scratch-lane.ts';
import { quoteLiteral, quoteName, quoteTable } from './sql.ts';
import { execute, inLists, query, raw, sql, textOf } from './statement.ts';
import { OracleLane } from './write/lane.ts';

export interface OracleScratchOptions {
  readonly server: OracleServer;
  /** The run's id. */
  readonly id: string;
  readonly run: () => string;
  /** By the target's columns. */
  readonly conversionOf: ConversionOf;
}

const LOCKED = 54;
/** Rows and checkpoints of one moment, that of the first statement. */
const ONE_MOMENT = 'SET TRANSACTION READ ONLY';

export class OracleScratch implements Scratch {
  readonly schema: string;
  readonly #options: OracleScratchOptions;
  /** What the names of the tables begin with. */
  readonly #prefix: string;

  constructor(options: OracleScratchOptions) {
    this.#options = options;
    this.schema = scratchSchema(options.id);
    // Short enough for servers whose names have 30 bytes.
    this.#prefix = `${OWN_PREFIX}T${options.id}`;
  }

  /** Nobody else writes to the row of the run's pass. */
  async reserve(): Promise<{ close(): Promise<void> }> {
    const { server, run } = this.#options;
    const session = await server.session();
    try {
      await query(session, sql`SELECT "RUN" FROM ${raw(ownTable('PASS'))} WHERE "RUN" = ${run()} FOR UPDATE NOWAIT`);
    } catch (error) {
      await session.close();
      throw oraCode(error) === LOCKED ? reserved() : error;
    }
    return {
      close: async () => {
        if (!session.broken) await session.rollback().catch(() => undefined);
        await session.close();
      },
    };
  }

  async look(): Promise<TargetMoment> {
    const { server, run, conversionOf } = this.#options;
    const session = await server.session();
    try {
      await session.execute(ONE_MOMENT);
      // Without a lock: what a lane is committing is not seen, neither its rows nor its checkpoint.
      const checkpoints = await readCheckpoints(session, { run: run() }, 'forward', false);
      const rowsOf = new RowsOf(conversionOf);
      return {
        checkpoints,
        rows: (table, keys, maxBytes) => readRows(session, rowsOf, { table, keys, maxBytes }),
        close: async () => {
          if (!session.broken) await session.rollback().catch(() => undefined);
          await session.close();
        },
      };
    } catch (error) {
      session.destroy();
      throw error;
    }
  }

  make(tables: readonly ScratchTable[], lanes: number, position: Position): Promise<void> {
    const run = this.#options.run();
    const lease = ownTable('LEASE', this.#prefix);
    return this.#work(async (session) => {
      await this.#drop(session);
      await session.execute(`CREATE TABLE ${lease} AS SELECT * FROM ${ownTable('LEASE')} WHERE 1 = 0`);
      await session.execute(checkpointSchema(this.#prefix));
      for (const { table, like } of tables) await makeLike(session, this.#prefix, table.name.toUpperCase(), like);
      const checkpoints = Array.from({ length: lanes }, (_, lane) => ({ lane, position }));
      await session.transaction(async () => {
        await execute(
          session,
          sql`INSERT INTO ${raw(lease)} ("RUN", "EPOCH", "TAKEN_AT") VALUES (${run}, 0, LOCALTIMESTAMP)`,
        );
        await insertCheckpoints(session, run, checkpoints, this.#prefix);
      });
    });
  }

  async lane(): Promise<Lane> {
    const { server, run, conversionOf } = this.#options;
    const claim = { run: run(), epoch: 0 };
    const lane = new OracleLane({ server, claim, conversionOf, direction: 'forward', journal: this.#prefix });
    const schema = await server.use(async (session) => text((await session.query('SELECT USER FROM DUAL'))[0]?.[0]));
    return standIns(lane, (table) => ({ ...table, schema, name: `${this.#prefix}${table.name.toUpperCase()}` }));
  }

  drop(): Promise<boolean> {
    return this.#work((session) => this.#drop(session));
  }

  async #drop(session: OracleSession): Promise<boolean> {
    const there = await readOwnTables(session, this.#prefix);
    for (const name of there) await session.execute(`DROP TABLE ${ownTable(name, this.#prefix)} PURGE`);
    return there.size > 0;
  }

  async #work<T>(work: (session: OracleSession) => Promise<T>): Promise<T> {
    const session = await this.#options.server.session();
    try {
      return await work(session);
    } finally {
      await session.close();
    }
  }
}

/** The columns and the indexes, but for those on expressions. */
async function makeLike(session: OracleSession, prefix: string, name: string, like: Table): Promise<void> {
  const made = ownTable(name, prefix);
  await session.execute(`CREATE TABLE ${made} AS SELECT * FROM ${quoteTable(like)} WHERE 1 = 0`);
  const parts = await session.query(
    `SELECT I.OWNER, I.INDEX_NAME, I.UNIQUENESS, C.COLUMN_NAME FROM ALL_INDEXES I
       JOIN ALL_IND_COLUMNS C ON C.INDEX_OWNER = I.OWNER AND C.INDEX_NAME = I.INDEX_NAME
     WHERE I.TABLE_OWNER = ${quoteLiteral(like.schema)} AND I.TABLE_NAME = ${quoteLiteral(like.name)}
       AND I.INDEX_TYPE = 'NORMAL' ORDER BY 1, 2, C.COLUMN_POSITION`,
  );
  const indexes = new Map<string, { readonly isUnique: boolean; readonly columns: string[] }>();
  for (const [owner, index, uniqueness, column] of parts) {
    const place = `${text(owner)}.${text(index)}`;
    const known = indexes.get(place) ?? { isUnique: text(uniqueness) === 'UNIQUE', columns: [] };
    known.columns.push(text(column));
    indexes.set(place, known);
  }
  for (const [number, { isUnique, columns }] of [...indexes.values()].entries()) {
    const kind = isUnique ? 'UNIQUE INDEX' : 'INDEX';
    const list = columns.map(quoteName).join(', ');
    await session.execute(`CREATE ${kind} ${ownTable(`${name}_${number}`, prefix)} ON ${made} (${list})`);
  }
}

interface Wanted {
  readonly table: Table;
  readonly keys: readonly Key[];
  readonly maxBytes: number;
}

async function readRows(
  session: OracleSession,
  rowsOf: RowsOf,
  { table, keys, maxBytes }: Wanted,
): Promise<readonly Row[]> {
  const rows = rowsOf.of(table);
  const wanted = new Set(keys.map((key) => keyText(rows.printed(key))));
  const found: Row[] = [];
  let bytes = 0;
  for (const some of inLists(keys)) {
    const statement = rows.select(rows.isOneOf(some));
    for await (const batch of session.stream(textOf(statement), statement.binds)) {
      for (const row of batch) {
        const values = rows.values(row);
        if (!wanted.has(keyText(rows.keyOf(values)))) continue;
        bytes += values.reduce((sum, value) => sum + (value?.length ?? 0), 0);
        if (bytes > maxBytes) throw tooMuchToCopy(table);
        found.push(values);
      }
    }
  }
  return found;
}
