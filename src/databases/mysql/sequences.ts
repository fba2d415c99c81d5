// AUTO_INCREMENT, on either side.

import type { Catalog, SequenceDefinition } from '../../model/catalog.ts';
import type { TableName } from '../../model/table.ts';
import { advancedValue, type Sequences, type SequenceValue } from '../sequences.ts';
import type { MysqlServer, MysqlSession } from './connection.ts';
import { altering } from './schema-session.ts';
import { type NameOf, readNaming, schemasOf } from './schema-state.ts';
import { quoteTable } from './sql.ts';

/** Whoever reads a table stands in the way of its ALTER; a cutover has a budget of its own. */
const LOCK_ATTEMPTS = 10;
/** Each statement is committed by itself: the server gathers those of several sessions into one write. */
const SESSIONS = 4;

interface Automatic {
  readonly definition: SequenceDefinition;
  readonly table: TableName;
  /** The next value; null where the table has no such column. */
  readonly next: string | null;
}

export class MysqlSequences implements Sequences {
  readonly #server: MysqlServer;

  constructor(server: MysqlServer) {
    this.#server = server;
  }

  read(catalog: Catalog): Promise<readonly SequenceValue[]> {
    return this.#server.use(async (session) => {
      const found = await readAutomatic(session, catalog);
      return found.map(({ definition, next }) => ({
        schema: definition.schema,
        name: definition.name,
        last: lastOf(next),
        increment: definition.increment,
        cache: definition.cache,
        // The next value moves when one is drawn, whatever becomes of that.
        isExact: true,
      }));
    });
  }

  /** Twice as far as will be needed. One at a time: each keeps the lanes off its table for a moment. */
  async prepare(catalog: Catalog, values: readonly SequenceValue[], margin: number): Promise<void> {
    const goalOf = (each: Automatic, source: SequenceValue): string | null =>
      goalFor(each, source, margin) === null ? null : goalFor(each, source, 2 * margin);
    await this.#move(catalog, values, goalOf, 1);
  }

  advance(catalog: Catalog, values: readonly SequenceValue[], margin: number): Promise<void> {
    return this.#move(catalog, values, (each, source) => goalFor(each, source, margin), SESSIONS);
  }

  /** Sets what has a goal. */
  async #move(
    catalog: Catalog,
    values: readonly SequenceValue[],
    goalOf: (each: Automatic, source: SequenceValue) => string | null,
    sessions: number,
  ): Promise<void> {
    const sources = new Map(values.map((value) => [quoteTable(value), value]));
    const found = await this.#server.use((session) => readAutomatic(session, catalog));
    const statements = found.flatMap((each) => {
      const source = sources.get(quoteTable(each.definition));
      const goal = source === undefined || each.next === null ? null : goalOf(each, source);
      return goal === null ? [] : [`ALTER TABLE ${quoteTable(each.table)} AUTO_INCREMENT = ${BigInt(goal) + 1n}`];
    });
    const work = async (): Promise<void> => {
      const session = await this.#server.session();
      try {
        await session.query('SET SESSION lock_wait_timeout = 1');
        for (let next = statements.shift(); next !== undefined; next = statements.shift())
          await altering(session, next, { lockAttempts: LOCK_ATTEMPTS });
      } finally {
        session.close();
      }
    };
    const working = Array.from({ length: Math.min(sessions, statements.length) }, work);
    for (const result of await Promise.allSettled(working)) if (result.status === 'rejected') throw result.reason;
  }

  async relax(): Promise<void> {
    // Nothing was restored: a column takes any value.
  }
}

function goalFor({ definition, next }: Automatic, source: SequenceValue, margin: number): string | null {
  return advancedValue(definition, source, lastOf(next), margin);
}

/** What the server has in memory: information_schema else tells what it was up to a day ago. */
async function readAutomatic(session: MysqlSession, catalog: Catalog): Promise<readonly Automatic[]> {
  const owned = catalog.sequences.filter(({ owner }) => owner !== null);
  if (owned.length === 0) return [];
  const [cached] = await session.query("SHOW VARIABLES LIKE 'information_schema_stats_expiry'");
  if (cached !== undefined) await session.query('SET SESSION information_schema_stats_expiry = 0');
  const nameOf = await readNaming(session);
  const values = await readNext(session, catalog, nameOf);
  const tables = new Map(catalog.tables.map((definition) => [definition.table.id, definition]));
  return owned.flatMap((sequence) => {
    const found = sequence.owner === null ? undefined : tables.get(sequence.owner.table);
    if (found === undefined) return [];
    const type = found.columns.find(({ name }) => name === sequence.owner?.column)?.type ?? '';
    return {
      definition: { ...sequence, maximum: maximumOf(type) ?? sequence.maximum },
      table: found.table,
      next: values.get(nameOf(found.table)) ?? null,
    };
  });
}

async function readNext(
  session: MysqlSession,
  catalog: Catalog,
  nameOf: NameOf,
): Promise<ReadonlyMap<string, string | null>> {
  const rows = await session.query(
    `SELECT TABLE_SCHEMA, TABLE_NAME, AUTO_INCREMENT FROM information_schema.TABLES
     WHERE TABLE_SCHEMA IN (${schemasOf(catalog)}) AND AUTO_INCREMENT IS NOT NULL`,
  );
  return new Map(
    rows.map(([schema, name, next]) => [nameOf({ schema: schema ?? '', name: name ?? '' }), next ?? null]),
  );
}

function lastOf(next: string | null): string | null {
  return next === null || next === '1' ? null : String(BigInt(next) - 1n);
}

const BITS: ReadonlyMap<string, bigint> = new Map([
  ['tinyint', 8n],
  ['smallint', 16n],
  ['mediumint', 24n],
  ['int', 32n],
  ['bigint', 64n],
]);

/** Undefined for a type that is no integer. */
function maximumOf(type: string): string | undefined {
  const bits = BITS.get(/^[a-z]+/.exec(type)?.[0] ?? '');
  if (bits === undefined) return undefined;
  return String(2n ** (type.includes('unsigned') ? bits : bits - 1n) - 1n);
}
