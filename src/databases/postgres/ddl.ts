// The statements that make, complete and drop the target's schema. Pure: a catalog goes in, steps come out. Each step
// says how to see that its object is there already, so that any prefix of the work may have been done before.

import type { Catalog, SequenceDefinition, TableDefinition } from '../../model/catalog.ts';
import type { Table, TableId } from '../../model/table.ts';
import { quoteLiteral, quoteName, quoteTable } from './sql.ts';

export interface Step {
  /** What it makes: `index shop.orders_at`. */
  readonly subject: string;
  /** The table it belongs to, if any. */
  readonly table: TableId | null;
  /** A query that returns a row when the object exists. */
  readonly exists: string;
  readonly statement: string;
}

/** Schemas, enums, sequences, then tables with their keys and checks. */
export function createSteps(catalog: Catalog): readonly Step[] {
  const free = catalog.sequences.filter((sequence) => sequence.owner?.identity !== true);
  const identities = new Map(
    catalog.sequences.flatMap((sequence) =>
      sequence.owner?.identity === true ? [[columnKey(sequence.owner.table, sequence.owner.column), sequence]] : [],
    ),
  );
  const tables = new Map(catalog.tables.map(({ table }) => [table.id, table]));
  return [
    ...catalog.schemas.map(createSchemaStep),
    ...catalog.enums.map(
      (type): Step => ({
        subject: `enum ${quoteTable(type)}`,
        table: null,
        exists: existsQuery('pg_type', 'typ', type),
        statement: `CREATE TYPE ${quoteTable(type)} AS ENUM (${type.labels.map(quoteLiteral).join(', ')})`,
      }),
    ),
    ...free.map(
      (sequence): Step => ({
        subject: `sequence ${quoteTable(sequence)}`,
        table: null,
        exists: existsQuery('pg_class', 'rel', sequence),
        statement: `CREATE SEQUENCE ${quoteTable(sequence)} AS ${sequence.type} ${sequenceOptions(sequence)}`,
      }),
    ),
    ...catalog.tables.map((definition) => createTableStep(definition, identities)),
    ...free.flatMap((sequence) => ownStep(sequence, tables)),
  ];
}

/**
 * What slows loading or forbids the in-between states of a resumed copy: indexes and unique constraints, checks the
 * source's own rows need not pass, and, when all keys they may point at exist, foreign keys.
 */
export function completeSteps(catalog: Catalog): readonly Step[] {
  return [
    ...catalog.tables.flatMap((definition) => [
      ...definition.uniqueConstraints.map((constraint) => constraintStep(definition, constraint)),
      ...definition.indexes.map((index): Step => {
        const name = { schema: definition.table.schema, name: index.name };
        return {
          subject: `index ${quoteTable(name)}`,
          table: definition.table.id,
          exists: existsQuery('pg_class', 'rel', name),
          statement: index.definition,
        };
      }),
      ...definition.checks.filter(isUnvalidated).map((constraint) => constraintStep(definition, constraint)),
    ]),
    ...catalog.tables.flatMap((definition) =>
      definition.foreignKeys.map((constraint) => constraintStep(definition, constraint)),
    ),
  ];
}

/**
 * Drops what `createSteps` made, except schemas: they may have been there before, with rights of their own.
 * All tables at once, because they reference each other; without CASCADE, because what others built on them is not ours.
 */
export function dropStatements(catalog: Catalog): readonly string[] {
  const drop = (kind: string, names: readonly { readonly schema: string; readonly name: string }[]): string[] =>
    names.length === 0 ? [] : [`DROP ${kind} IF EXISTS ${names.map(quoteTable).join(', ')}`];
  const free = catalog.sequences.filter((sequence) => sequence.owner?.identity !== true);
  return [
    ...drop(
      'TABLE',
      catalog.tables.map(({ table }) => table),
    ),
    ...drop('SEQUENCE', free),
    ...drop('TYPE', catalog.enums),
  ];
}

function createSchemaStep(schema: string): Step {
  return {
    subject: `schema ${quoteName(schema)}`,
    table: null,
    // CREATE SCHEMA IF NOT EXISTS would ask for CREATE on the database even when the schema is there.
    exists: `SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = ${quoteLiteral(schema)}`,
    statement: `CREATE SCHEMA ${quoteName(schema)}`,
  };
}

function columnKey(table: TableId, column: string): string {
  return `${table} ${column}`;
}

function createTableStep(definition: TableDefinition, identities: ReadonlyMap<string, SequenceDefinition>): Step {
  const { table } = definition;
  const columns = definition.columns.map((column) => {
    const parts = [quoteName(column.name), column.type];
    if (column.collation !== null) parts.push(`COLLATE ${column.collation}`);
    if (column.notNull) parts.push('NOT NULL');
    if (column.defaultExpression !== null) parts.push(`DEFAULT ${column.defaultExpression}`);
    // Always BY DEFAULT for now: an identity column that is GENERATED ALWAYS refuses the values of the source's own
    // UPDATEs. `Sequences.advance` restores it.
    if (column.identity !== null) {
      parts.push(
        `GENERATED BY DEFAULT AS IDENTITY (${identityOptions(identities.get(columnKey(table.id, column.name)))})`,
      );
    }
    return parts.join(' ');
  });
  const constraints = [definition.primaryKey, ...definition.checks.filter((check) => !isUnvalidated(check))].map(
    (constraint) => `CONSTRAINT ${quoteName(constraint.name)} ${constraint.definition}`,
  );
  return {
    subject: `table ${table.id}`,
    table: table.id,
    exists: existsQuery('pg_class', 'rel', table),
    statement: `CREATE TABLE ${quoteTable(table)} (\n  ${[...columns, ...constraints].join(',\n  ')}\n)`,
  };
}

/** A check the source never validated would refuse rows that the source holds; it is added after they are loaded. */
function isUnvalidated(check: { readonly definition: string }): boolean {
  return check.definition.endsWith(' NOT VALID');
}

function constraintStep(definition: TableDefinition, constraint: { name: string; definition: string }): Step {
  const { table } = definition;
  return {
    subject: `constraint ${quoteName(constraint.name)} on ${table.id}`,
    table: table.id,
    exists:
      `SELECT 1 FROM pg_catalog.pg_constraint WHERE conname = ${quoteLiteral(constraint.name)}` +
      ` AND conrelid = pg_catalog.to_regclass(${quoteLiteral(quoteTable(table))})`,
    statement: `ALTER TABLE ${quoteTable(table)} ADD CONSTRAINT ${quoteName(constraint.name)} ${constraint.definition}`,
  };
}

function ownStep(sequence: SequenceDefinition, tables: ReadonlyMap<TableId, Table>): readonly Step[] {
  const { owner } = sequence;
  const table = owner === null ? undefined : tables.get(owner.table);
  if (owner === null || table === undefined) return [];
  return [
    {
      subject: `owner of sequence ${quoteTable(sequence)}`,
      table: table.id,
      exists:
        `SELECT 1 WHERE pg_catalog.pg_get_serial_sequence(${quoteLiteral(quoteTable(table))},` +
        ` ${quoteLiteral(owner.column)})::regclass = ${quoteLiteral(quoteTable(sequence))}::regclass`,
      statement: `ALTER SEQUENCE ${quoteTable(sequence)} OWNED BY ${quoteTable(table)}.${quoteName(owner.column)}`,
    },
  ];
}

function identityOptions(sequence: SequenceDefinition | undefined): string {
  return sequence === undefined ? '' : `SEQUENCE NAME ${quoteTable(sequence)} ${sequenceOptions(sequence)}`;
}

function sequenceOptions(sequence: SequenceDefinition): string {
  return (
    `START WITH ${sequence.start} INCREMENT BY ${sequence.increment} MINVALUE ${sequence.minimum}` +
    ` MAXVALUE ${sequence.maximum} CACHE ${sequence.cache}${sequence.cycle ? ' CYCLE' : ' NO CYCLE'}`
  );
}

function existsQuery(relation: 'pg_class' | 'pg_type', prefix: 'rel' | 'typ', name: { schema: string; name: string }) {
  return (
    `SELECT 1 FROM pg_catalog.${relation} o JOIN pg_catalog.pg_namespace n ON n.oid = o.${prefix}namespace` +
    ` WHERE n.nspname = ${quoteLiteral(name.schema)} AND o.${prefix}name = ${quoteLiteral(name.name)}`
  );
}
