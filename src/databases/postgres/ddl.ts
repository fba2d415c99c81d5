// The statements that make, complete and drop the target's schema. Pure: a catalog goes in, steps come out. Each step
// says how to see that its object is there already, so that any prefix of the work may have been done before.

import type {
  Catalog,
  NamedDefinition,
  RelationDefinition,
  SequenceDefinition,
  TableDefinition,
  TableObjectDefinition,
} from '../../model/catalog.ts';
import type { TableId, TableName } from '../../model/table.ts';
import { createTable, type RelationSequences, sequenceOptions } from './ddl-table.ts';
import { dropTypes, typeCheckSteps, typeSteps } from './ddl-types.ts';
import { quoteLiteral, quoteName, quoteTable } from './sql.ts';

export interface Step {
  /** What it makes: `index shop.orders_at`. */
  readonly subject: string;
  /** The table it belongs to, if any. */
  readonly table: TableId | null;
  /** A query that returns a row when the object exists. */
  readonly exists: string;
  /** One statement, or several that belong in one transaction. */
  readonly statement: string;
  /** The table that it makes: an application could write to it from then on. */
  readonly creates?: TableName;
  /** About how many bytes it has to read. */
  readonly bytes?: number;
}

/** A table of either kind, as far as its statements go. */
export type AnyTable = RelationDefinition & { readonly table: TableName };

/** Schemas, types, sequences, then tables with their keys and checks, partitions after what they are a part of. */
export function createSteps(catalog: Catalog): readonly Step[] {
  const free = catalog.sequences.filter((sequence) => sequence.owner?.identity !== true);
  const owned = new Map<TableId, SequenceDefinition[]>();
  for (const sequence of catalog.sequences) {
    if (sequence.owner === null) continue;
    const list = owned.get(sequence.owner.table);
    if (list === undefined) owned.set(sequence.owner.table, [sequence]);
    else list.push(sequence);
  }
  return [
    ...catalog.schemas.map(createSchemaStep),
    ...typeSteps(catalog.types),
    ...free.map(
      (sequence): Step => ({
        subject: `sequence ${quoteTable(sequence)}`,
        table: null,
        exists: existsQuery(sequence),
        statement:
          `CREATE SEQUENCE ${quoteTable(sequence)} AS ${sequence.type} ${sequenceOptions(sequence)}` +
          commentOn(`SEQUENCE ${quoteTable(sequence)}`, sequence),
      }),
    ),
    ...catalog.parents.map((parent) =>
      createTableStep(parent, owned.get(parent.table.id), ` PARTITION BY ${parent.partitionBy}`),
    ),
    ...catalog.tables.map((definition) => createTableStep(definition, owned.get(definition.table.id))),
  ];
}

/**
 * What slows loading or forbids the in-between states of a resumed copy: indexes and unique constraints, checks the
 * source's own rows need not pass, and, when all keys they may point at exist, foreign keys. What belongs to a
 * partitioned table comes after the same of its partitions and takes that in; what they inherit is checked to be the same.
 */
export function completeSteps(catalog: Catalog): readonly Step[] {
  const relations = inside(catalog);
  return [
    ...typeCheckSteps(catalog.types),
    ...relations.flatMap((definition) => [
      ...definition.uniqueConstraints.map((constraint) => constraintStep(definition, constraint)),
      ...definition.indexes.map((index) => indexStep(definition, index)),
      ...definition.checks.filter(isUnvalidated).map((check) => constraintStep(definition, check)),
    ]),
    ...relations.flatMap((definition) => definition.foreignKeys.map((key) => constraintStep(definition, key))),
    ...catalog.tables.flatMap(({ table, inherits }) => inherits.map((parent) => inheritStep(table, parent))),
  ];
}

/**
 * Drops what `createSteps` made, except schemas: they may have been there before, with rights of their own. In this order
 * any number of them can share a transaction. Without CASCADE, because what others built on them is not ours.
 */
export function dropStatements(catalog: Catalog): readonly string[] {
  const relations = inside(catalog);
  const own = catalog.sequences.filter((sequence) => sequence.owner?.identity !== true);
  const drop = (kind: string) => (name: { readonly schema: string; readonly name: string }) =>
    `DROP ${kind} IF EXISTS ${quoteTable(name)}`;
  return [
    // A partition cannot lose what it inherits: the partitioned tables' go first.
    ...relations
      .toReversed()
      .flatMap(({ table, foreignKeys }) =>
        foreignKeys.map(
          ({ name }) => `ALTER TABLE IF EXISTS ${quoteTable(table)} DROP CONSTRAINT IF EXISTS ${quoteName(name)}`,
        ),
      ),
    // A sequence goes with the table that owns it, also when the defaults of others call it.
    ...own
      .filter(({ owner, users }) => users.some((user) => user !== owner?.table))
      .map((sequence) => `ALTER SEQUENCE IF EXISTS ${quoteTable(sequence)} OWNED BY NONE`),
    ...[...heirsFirst(catalog.tables), ...relations.slice(catalog.tables.length)].map(({ table }) =>
      drop('TABLE')(table),
    ),
    ...own.map(drop('SEQUENCE')),
    ...dropTypes(catalog.types),
  ];
}

function heirsFirst(tables: readonly TableDefinition[]): readonly TableDefinition[] {
  const parents = new Map(tables.map(({ table, inherits }) => [table.id, inherits.map(({ id }) => id)]));
  const depth = (id: TableId): number => Math.max(0, ...(parents.get(id) ?? []).map((parent) => depth(parent) + 1));
  return [...tables].sort((one, other) => depth(other.table.id) - depth(one.table.id));
}

/** Partitions before what they are a part of. */
function inside(catalog: Catalog): readonly AnyTable[] {
  return [...catalog.tables, ...catalog.parents.toReversed()];
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

function createTableStep(definition: AnyTable, sequences: RelationSequences = [], partitionBy = ''): Step {
  const { table, key } = definition;
  return {
    subject: `table ${table.id}`,
    table: table.id,
    creates: table,
    exists: existsQuery(table),
    statement: [
      ...createTable(
        { ...definition, checks: definition.checks.filter((check) => !isUnvalidated(check)) },
        sequences,
        partitionBy,
      ),
      ...(key === null ? [] : [key.kind === 'index' ? indexStatement(definition, key) : rest(definition, key)]),
      ...definition.checks.filter((check) => !isUnvalidated(check)).map((check) => rest(definition, check)),
    ]
      .filter((statement) => statement !== '')
      .join(';\n'),
  };
}

function indexStep(definition: AnyTable, index: TableObjectDefinition): Step {
  const name = { schema: definition.table.schema, name: index.name };
  return {
    subject: `index ${quoteTable(name)}`,
    table: definition.table.id,
    // One of this name on another table is not it.
    exists:
      `SELECT 1 FROM pg_catalog.pg_index WHERE indexrelid = pg_catalog.to_regclass(${quoteLiteral(quoteTable(name))})` +
      ` AND indrelid = pg_catalog.to_regclass(${quoteLiteral(quoteTable(definition.table))})`,
    statement: indexStatement(definition, index),
    bytes: bytesOf(definition),
  };
}

function indexStatement({ table }: AnyTable, index: TableObjectDefinition): string {
  const name = quoteTable({ schema: table.schema, name: index.name });
  return `${index.definition}${commentOn(`INDEX ${name}`, index)}${rolesOf(table, index)}`;
}

/** A check the source never validated would refuse rows that the source holds; it is added after they are loaded. */
function isUnvalidated(check: NamedDefinition): boolean {
  return check.definition.endsWith(' NOT VALID');
}

function constraintStep(definition: AnyTable, constraint: TableObjectDefinition): Step {
  const { table } = definition;
  const more = rest(definition, constraint);
  return {
    subject: `constraint ${quoteName(constraint.name)} on ${table.id}`,
    table: table.id,
    exists:
      `SELECT 1 FROM pg_catalog.pg_constraint WHERE conname = ${quoteLiteral(constraint.name)}` +
      ` AND conrelid = pg_catalog.to_regclass(${quoteLiteral(quoteTable(table))})`,
    statement:
      `ALTER TABLE ${quoteTable(table)} ADD CONSTRAINT ${quoteName(constraint.name)} ${constraint.definition}` +
      (more === '' ? '' : `;\n${more}`),
    bytes: bytesOf(definition),
  };
}

/** What follows once a constraint is there. */
function rest({ table }: AnyTable, constraint: TableObjectDefinition): string {
  const comment = commentOn(`CONSTRAINT ${quoteName(constraint.name)} ON ${quoteTable(table)}`, constraint);
  return `${comment}${rolesOf(table, constraint)}`.replace(/^;\n/, '');
}

function rolesOf(table: TableName, { roles }: TableObjectDefinition): string {
  return roles.length === 0 ? '' : `;\nALTER TABLE ${quoteTable(table)} ${roles.join(', ')}`;
}

function inheritStep(table: TableName, parent: TableName): Step {
  const [child, from] = [quoteTable(table), quoteTable(parent)];
  return {
    subject: `inheritance of ${table.id} from ${parent.id}`,
    table: table.id,
    exists:
      `SELECT 1 FROM pg_catalog.pg_inherits WHERE inhrelid = pg_catalog.to_regclass(${quoteLiteral(child)})` +
      ` AND inhparent = pg_catalog.to_regclass(${quoteLiteral(from)})`,
    statement: `ALTER TABLE ${child} INHERIT ${from}`,
  };
}

/** A partitioned table's may read or lock any number of partitions. */
function bytesOf({ table }: AnyTable): number {
  return 'byteEstimate' in table ? Number(table.byteEstimate) : Number.POSITIVE_INFINITY;
}

function commentOn(subject: string, { comment }: { readonly comment: string | null }): string {
  return comment === null ? '' : `;\nCOMMENT ON ${subject} IS ${quoteLiteral(comment)}`;
}

function existsQuery(name: { readonly schema: string; readonly name: string }): string {
  return (
    'SELECT 1 FROM pg_catalog.pg_class o JOIN pg_catalog.pg_namespace n ON n.oid = o.relnamespace' +
    ` WHERE n.nspname = ${quoteLiteral(name.schema)} AND o.relname = ${quoteLiteral(name.name)}`
  );
}
