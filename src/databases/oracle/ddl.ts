// The statements that make a table and complete it. Pure: definitions go in, texts come out.

import type { Catalog, ColumnDefinition, SequenceDefinition, TableDefinition } from '../../model/catalog.ts';
import type { TableId } from '../../model/table.ts';
import { createIndex } from './definitions.ts';
import { quoteLiteral, quoteName, quoteTable } from './sql.ts';

/** The sequences behind the identity columns of a catalog, by table and column. */
export class Identities {
  readonly #sequences: ReadonlyMap<string, SequenceDefinition>;

  constructor({ sequences }: Pick<Catalog, 'sequences'>) {
    this.#sequences = new Map(
      sequences.flatMap((sequence) =>
        sequence.owner?.identity === true ? [[placeOf(sequence.owner.table, sequence.owner.column), sequence]] : [],
      ),
    );
  }

  of(table: TableId, column: string): SequenceDefinition | undefined {
    return this.#sequences.get(placeOf(table, column));
  }
}

function placeOf(table: TableId, column: string): string {
  return JSON.stringify([table, column]);
}

/** The table with its key and checks. */
export function createTable(definition: TableDefinition, identities: Identities): string {
  const { table, columns, key, checks } = definition;
  const lines = [
    ...columns.map((column) => columnClause(column, identities.of(table.id, column.name))),
    ...(key?.kind === 'constraint' ? [constraintClause(key)] : []),
    ...checks.map(constraintClause),
  ];
  return `CREATE TABLE ${quoteTable(table)} (\n  ${lines.join(',\n  ')}\n)`;
}

/** What the source says about the table and its columns. Each may be said again. */
export function commentsOf({ table, columns, comment }: TableDefinition): readonly string[] {
  const place = quoteTable(table);
  return [
    ...(comment === null ? [] : [`COMMENT ON TABLE ${place} IS ${quoteLiteral(comment)}`]),
    ...columns.flatMap((column) =>
      column.comment === null
        ? []
        : [`COMMENT ON COLUMN ${place}.${quoteName(column.name)} IS ${quoteLiteral(column.comment)}`],
    ),
  ];
}

/**
 * A column as CREATE TABLE and ADD have it. Whatever its own say on explicit values, the run's are taken: GENERATED ALWAYS comes back
 * with the sequences.
 */
export function columnClause(column: ColumnDefinition, sequence?: SequenceDefinition): string {
  const { name, type, notNull, defaultExpression, identity, generated } = column;
  const parts = [quoteName(name), type];
  if (generated !== null) parts.push(`GENERATED ALWAYS AS (${generated.expression}) VIRTUAL`);
  else if (identity !== null) parts.push(identityClause('by default', sequence && stepOf(sequence)));
  else if (defaultExpression !== null) parts.push(`DEFAULT ${defaultExpression}`);
  // A virtual column is what its expression makes it.
  if (notNull && generated === null) parts.push('NOT NULL');
  return parts.join(' ');
}

/** `options`: those of a sequence that are not the default's. NULL counts as no value, as it does where the rows come from. */
export function identityClause(kind: 'always' | 'by default', options = ''): string {
  const generated = kind === 'always' ? 'ALWAYS' : 'BY DEFAULT ON NULL';
  return `GENERATED ${generated} AS IDENTITY${options === '' ? '' : ` (${options})`}`;
}

/** Nothing for one that counts up by one. */
export function stepOf({ increment }: SequenceDefinition): string {
  return increment === '1' ? '' : `INCREMENT BY ${increment}`;
}

const LIMITS = { maximum: 9_223_372_036_854_775_807n, minimum: -9_223_372_036_854_775_808n };

/** With limits only where the source has set its own. */
export function createSequence(sequence: SequenceDefinition, start = sequence.start): string {
  const { increment, minimum, maximum, cycle } = sequence;
  const isUp = !increment.startsWith('-');
  const parts = [`CREATE SEQUENCE ${quoteTable(sequence)} START WITH ${start} INCREMENT BY ${increment}`];
  const own = isUp ? '1' : String(LIMITS.minimum);
  parts.push(minimum === own && isUp ? '' : `MINVALUE ${minimum}`);
  parts.push(maximum === String(isUp ? LIMITS.maximum : -1n) && !cycle ? '' : `MAXVALUE ${maximum}`);
  parts.push(cacheOf(sequence), cycle ? 'CYCLE' : 'NOCYCLE');
  return parts.filter((part) => part !== '').join(' ');
}

/** Oracle takes no cache of one value, and none that has all values of the sequence. */
export function cacheOf({ increment, minimum, maximum, cache }: SequenceDefinition): string {
  const step = BigInt(increment) < 0n ? -BigInt(increment) : BigInt(increment);
  const fits = BigInt(cache) * step < BigInt(maximum) - BigInt(minimum);
  return BigInt(cache) > 1n && fits ? `CACHE ${cache}` : 'NOCACHE';
}

function constraintClause({ name, definition }: { readonly name: string; readonly definition: string }): string {
  return `CONSTRAINT ${quoteName(name)} ${definition}`;
}

/** Something that is added to a table once its rows are there. */
export interface Addition {
  readonly subject: string;
  /** By which it is found to be there already. */
  readonly kind: 'index' | 'constraint';
  readonly name: string;
  readonly statement: string;
}

/** A key that is an index and no constraint: it comes with the table. */
export function keyIndexOf({ table, key }: TableDefinition): Addition | undefined {
  if (key?.kind !== 'index') return undefined;
  return { ...named('index', key.name, table.id), statement: createIndex(table, key) };
}

/** What forbids the states in between of a copy that was resumed, or slows loading. */
export function additionsOf({ table, uniqueConstraints, indexes }: TableDefinition): readonly Addition[] {
  return [
    ...uniqueConstraints.map(
      (one): Addition => ({
        ...named('constraint', one.name, table.id),
        statement: `ALTER TABLE ${quoteTable(table)} ADD ${constraintClause(one)}`,
      }),
    ),
    ...indexes.map((one): Addition => ({ ...named('index', one.name, table.id), statement: createIndex(table, one) })),
  ];
}

function named(kind: Addition['kind'], name: string, table: TableId): Omit<Addition, 'statement'> {
  return { subject: `${kind} ${quoteName(name)} on ${table}`, kind, name };
}
