// Number generators of the target: identity columns, each with a sequence that the server made, and sequences of their own.

import type { Catalog, SequenceDefinition } from '../../model/catalog.ts';
import type { TableName } from '../../model/table.ts';
import { advancedValue, type Sequences, type SequenceValue } from '../sequences.ts';
import type { OracleServer, OracleSession } from './connection.ts';
import { cacheOf, identityClause, stepOf } from './ddl.ts';
import { oraCode } from './errors.ts';
import { has, versionsOf } from './features.ts';
import type { SchemaChanges } from './schema-session.ts';
import { type Named, nameOf, schemasOf, text } from './schema-state.ts';
import { quoteLiteral, quoteName, quoteTable } from './sql.ts';

export interface OracleSequencesOptions {
  readonly server: OracleServer;
  /** Runs work in a session that proves the lease before each statement. */
  readonly change: <T>(work: (changes: SchemaChanges) => Promise<T>) => Promise<T>;
}

/** Each statement is committed by itself: several sessions wait for the server at the same time. */
const SESSIONS = 4;
/** A table that is being written to. */
const IN_USE = [54, 4021, 30006];

interface IdentityColumn {
  readonly table: TableName;
  readonly column: string;
  readonly isAlways: boolean;
}

interface Standing {
  readonly definition: SequenceDefinition;
  /** The sequence itself: of an identity column the server has named it. */
  readonly sequence: Named;
  readonly identity: IdentityColumn | null;
  /** What the source says of the column. */
  readonly wantsAlways: boolean;
  /** The value that comes next, or one beyond it: those that sessions hold are behind it. */
  readonly next: bigint;
}

export class OracleSequences implements Sequences {
  readonly #options: OracleSequencesOptions;

  constructor(options: OracleSequencesOptions) {
    this.#options = options;
  }

  async read(catalog: Catalog): Promise<readonly SequenceValue[]> {
    const { standing } = await this.#found(catalog);
    return standing.map(({ definition, next }) => ({
      schema: definition.schema,
      name: definition.name,
      last: String(next - BigInt(definition.increment)),
      increment: definition.increment,
      cache: definition.cache,
    }));
  }

  /** Twice as far as will be needed, one at a time. What is being written to is left for the freeze. */
  async prepare(catalog: Catalog, values: readonly SequenceValue[], margin: number): Promise<void> {
    const { standing } = await this.#found(catalog);
    await this.#move(standing, 1, (each) => {
      const source = sourceOf(values, each);
      if (source === undefined || each.identity?.isAlways === true || goalOf(each, source, margin) === null)
        return null;
      return goalOf(each, source, 2 * margin);
    }).catch((error: unknown) => {
      if (!IN_USE.includes(oraCode(error) ?? 0)) throw error;
    });
  }

  async advance(catalog: Catalog, values: readonly SequenceValue[], margin: number): Promise<void> {
    const { standing, unseen } = await this.#found(catalog);
    await this.#move(
      standing,
      SESSIONS,
      (each) => {
        const source = sourceOf(values, each);
        const goal = source === undefined ? null : goalOf(each, source, margin);
        // One that is to refuse explicit values is told where it goes on as well.
        return goal ?? (each.wantsAlways && each.identity?.isAlways === false ? lastOf(each) : null);
      },
      true,
    );
    if (unseen.length > 0) await this.#advanceUnseen(unseen);
  }

  async relax(catalog: Catalog): Promise<void> {
    const { standing } = await this.#found(catalog);
    await this.#move(standing, SESSIONS, (each) => (each.identity?.isAlways === true ? lastOf(each) : null));
  }

  async #found(catalog: Catalog): Promise<Found> {
    if (catalog.sequences.length === 0) return { standing: [], unseen: [] };
    return this.#options.server.use((session) => readStanding(session, catalog));
  }

  /** Where the account may not see how far an identity column is, the server looks for its highest value. */
  #advanceUnseen(unseen: readonly IdentityColumn[]): Promise<void> {
    return this.#options.change(async ({ run }) => {
      // Never ALWAYS: a cutover that is undone could not see that it has to take it back.
      for (const column of unseen) await run(identityStatement(column, ['START WITH LIMIT VALUE'], false));
    });
  }

  /** Sets what has a goal: the last value that counts as handed out. `restores`: GENERATED ALWAYS, where the source has it. */
  async #move(
    standing: readonly Standing[],
    sessions: number,
    goal: (each: Standing) => bigint | null,
    restores = false,
  ): Promise<void> {
    const { change } = this.#options;
    const waiting = standing.flatMap((each) => {
      const last = goal(each);
      return last === null ? [] : [{ each, last }];
    });
    const work = (): Promise<void> =>
      change(async (changes) => {
        for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
          const { each, last } = next;
          const { identity } = each;
          if (identity === null) await moveSequence(changes, each, last);
          else await changes.run(identityStatement(identity, startOf(each, last), restores && each.wantsAlways));
        }
      });
    const workers = Array.from({ length: Math.min(sessions, waiting.length) }, work);
    // None may be at work any more when this is told to have failed.
    for (const result of await Promise.allSettled(workers)) if (result.status === 'rejected') throw result.reason;
  }
}

function sourceOf(values: readonly SequenceValue[], { definition }: Standing): SequenceValue | undefined {
  return values.find((value) => nameOf(value) === nameOf(definition));
}

function goalOf(each: Standing, source: SequenceValue, margin: number): bigint | null {
  const goal = advancedValue(each.definition, source, String(lastOf(each)), margin);
  return goal === null ? null : BigInt(goal);
}

function lastOf({ next, definition }: Standing): bigint {
  return next - BigInt(definition.increment);
}

/** After this value. */
function startOf({ definition }: Standing, last: bigint): readonly string[] {
  return [`START WITH ${last + BigInt(definition.increment)}`, stepOf(definition)].filter((part) => part !== '');
}

function identityStatement({ table, column }: IdentityColumn, options: readonly string[], isAlways: boolean): string {
  const clause = identityClause(isAlways ? 'always' : 'by default', options.join(' '));
  return `ALTER TABLE ${quoteTable(table)} MODIFY (${quoteName(column)} ${clause})`;
}

async function moveSequence({ session, run }: SchemaChanges, each: Standing, last: bigint): Promise<void> {
  const name = quoteTable(each.sequence);
  const { increment, minimum, maximum } = each.definition;
  const start = last + BigInt(increment);
  if (has(versionsOf(session), 'restart') && start >= BigInt(minimum) && start <= BigInt(maximum)) {
    await run(`ALTER SEQUENCE ${name} RESTART START WITH ${start}`);
    return;
  }
  // The first value that is drawn is the start, whatever the increment; a second one goes the rest of the way at once.
  const draw = async (): Promise<bigint> =>
    BigInt(text((await session.query(`SELECT ${name}.NEXTVAL FROM DUAL`))[0]?.[0]));
  await run(`ALTER SEQUENCE ${name} INCREMENT BY ${increment} NOCACHE`);
  const rest = last - (await draw());
  if (rest !== 0n && rest > 0n === !increment.startsWith('-')) {
    await run(`ALTER SEQUENCE ${name} INCREMENT BY ${rest}`);
    await draw();
  }
  await run(`ALTER SEQUENCE ${name} INCREMENT BY ${increment} ${cacheOf(each.definition)}`);
}

interface Found {
  readonly standing: readonly Standing[];
  /** Identity columns whose sequence the server does not show. */
  readonly unseen: readonly IdentityColumn[];
}

/** Those of the catalog that are there. */
async function readStanding(session: OracleSession, catalog: Catalog): Promise<Found> {
  const schemas = schemasOf(catalog).map(quoteLiteral).join(', ');
  const sequences = await session.query(
    `SELECT SEQUENCE_OWNER, SEQUENCE_NAME, LAST_NUMBER FROM ALL_SEQUENCES WHERE SEQUENCE_OWNER IN (${schemas})`,
  );
  const next = new Map(
    sequences.map(([schema, name, last]) => [nameOf({ schema: text(schema), name: text(name) }), BigInt(text(last))]),
  );
  const columns = await session.query(
    `SELECT OWNER, TABLE_NAME, COLUMN_NAME, GENERATION_TYPE, SEQUENCE_NAME FROM ALL_TAB_IDENTITY_COLS
     WHERE OWNER IN (${schemas})`,
  );
  const tables = new Map(catalog.tables.map((definition) => [definition.table.id, definition]));
  const standing: Standing[] = [];
  const unseen: IdentityColumn[] = [];
  for (const definition of catalog.sequences) {
    const { owner } = definition;
    const own = owner?.identity === true ? tables.get(owner.table) : undefined;
    const column = own?.columns.find(({ name }) => name === owner?.column);
    if (own === undefined || column === undefined) {
      const place = next.get(nameOf(definition));
      if (owner?.identity !== true && place !== undefined)
        standing.push({ definition, sequence: definition, identity: null, wantsAlways: false, next: place });
      continue;
    }
    const { table } = own;
    const wantsAlways = column.identity === 'always';
    const row = columns.find(
      ([schema, name, of]) => schema === table.schema && name === table.name && of === column.name,
    );
    const sequence = { schema: table.schema, name: text(row?.[4]) };
    const place = next.get(nameOf(sequence));
    const identity = { table, column: column.name, isAlways: row?.[3] === 'ALWAYS' };
    if (place === undefined) unseen.push(identity);
    else standing.push({ definition, sequence, identity, wantsAlways, next: place });
  }
  return { standing, unseen };
}
