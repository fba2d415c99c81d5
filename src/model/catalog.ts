// The part of a source's schema that a run carries, as read at one moment.

import type { Table, TableId, TableName } from './table.ts';

export interface ColumnDefinition {
  readonly name: string;
  readonly type: string;
  /** Collation to spell out, already quoted, when it is not the type's own. */
  readonly collation: string | null;
  readonly notNull: boolean;
  /** The name of the constraint behind `notNull`, where the source has one (PostgreSQL 18). */
  readonly notNullName: string | null;
  /** Default expression as the source prints it, or null. Defaults that call a sequence name it in `sequences`. */
  readonly defaultExpression: string | null;
  readonly identity: 'always' | 'by default' | null;
  /** A column that each database computes for itself, from this expression. It is not among the columns of `Table`. */
  readonly generated: { readonly expression: string; readonly stored: boolean } | null;
  /** What the source sets for it, as actions of ALTER COLUMN: `SET STORAGE EXTERNAL`. */
  readonly settings: readonly string[];
  readonly comment: string | null;
}

/** A constraint or index by name, with the source's own definition text. */
export interface NamedDefinition {
  readonly name: string;
  readonly definition: string;
}

/** A constraint or index of a table. */
export interface TableObjectDefinition extends NamedDefinition {
  readonly comment: string | null;
  /** What the table uses the index for, as actions of ALTER TABLE: `CLUSTER ON "orders_at"`. */
  readonly roles: readonly string[];
}

export interface KeyDefinition extends TableObjectDefinition {
  /** `constraint`: what follows `CONSTRAINT name`. `index`: the full CREATE INDEX statement. */
  readonly kind: 'constraint' | 'index';
}

export interface ForeignKeyDefinition extends TableObjectDefinition {
  /** The table it points at; null when the run does not carry that. */
  readonly references: TableId | null;
}

/** What tables with rows of their own and partitioned tables have in common. */
export interface RelationDefinition {
  readonly columns: readonly ColumnDefinition[];
  /** How many columns it has ever had, dropped ones included; absent where the source does not count them. */
  readonly columnsMade?: number;
  /** What makes the key unique, built with the table: its primary key, or another unique constraint or index; null without. */
  readonly key: KeyDefinition | null;
  readonly checks: readonly TableObjectDefinition[];
  /** Built after the overlap: unique and exclusion constraints. */
  readonly uniqueConstraints: readonly TableObjectDefinition[];
  /** Built after the overlap: full CREATE INDEX statements, unique indexes included. */
  readonly indexes: readonly TableObjectDefinition[];
  /** Built after the overlap, last of all. */
  readonly foreignKeys: readonly ForeignKeyDefinition[];
  /** The partitioned table it is a part of, and for which values: `FOR VALUES IN (1)`. */
  readonly partitionOf: { readonly parent: TableName; readonly bound: string } | null;
  /** What the source sets for it, as actions of ALTER TABLE: `SET (fillfactor=70)`. */
  readonly settings: readonly string[];
  readonly comment: string | null;
}

/** A table that has rows of its own: a plain one, a partition, a parent or child of an inheritance. */
export interface TableDefinition extends RelationDefinition {
  readonly table: Table;
  /** The tables it inherits from, in their order. Its columns and constraints are all listed here nevertheless. */
  readonly inherits: readonly TableName[];
}

/** A partitioned table: it has no rows, and writes through it go to its partitions. Its key is its primary key, if any. */
export interface ParentDefinition extends RelationDefinition {
  readonly table: TableName;
  /** What follows PARTITION BY. */
  readonly partitionBy: string;
}

export interface EnumDefinition {
  readonly kind: 'enum';
  readonly schema: string;
  readonly name: string;
  /** In their order. */
  readonly labels: readonly string[];
  readonly comment: string | null;
}

export interface DefinedType {
  readonly kind: 'domain' | 'composite' | 'range' | 'collation';
  readonly schema: string;
  readonly name: string;
  /** What follows its name in the statement that creates it. */
  readonly definition: string;
  /** Of a domain; those that were never validated are built after the overlap. */
  readonly checks: readonly NamedDefinition[];
  readonly comment: string | null;
}

/** A type that a user created and a table uses; a collation that was made for it as well. */
export type TypeDefinition = EnumDefinition | DefinedType;

/** Of a type, a function or an operator that a table uses. A run does not make it: the target must have it. */
export interface ExtensionDefinition {
  readonly name: string;
  /** Where its objects are. */
  readonly schema: string;
}

export interface SequenceDefinition {
  readonly schema: string;
  readonly name: string;
  readonly type: string;
  readonly start: string;
  readonly increment: string;
  readonly minimum: string;
  readonly maximum: string;
  readonly cache: string;
  readonly cycle: boolean;
  /** The column that owns it; `identity` sequences are created by their column. */
  readonly owner: { readonly table: TableId; readonly column: string; readonly identity: boolean } | null;
  /** Tables whose defaults call it. */
  readonly users: readonly TableId[];
  readonly comment: string | null;
}

export interface Catalog {
  readonly tables: readonly TableDefinition[];
  /** Partitioned tables, each after the one it is a part of. */
  readonly parents: readonly ParentDefinition[];
  /** Each after those it is made of. */
  readonly types: readonly TypeDefinition[];
  readonly extensions: readonly ExtensionDefinition[];
  readonly sequences: readonly SequenceDefinition[];
  /** Schemas that hold any of the above. */
  readonly schemas: readonly string[];
  /** Objects of the selected schemas that this run does not carry, by kind: `view shop.v`, `trigger t on shop.x`. */
  readonly notCarried: readonly string[];
  /**
   * The same things, with the same ids and in the same order, as the target calls them; absent where it calls them what the
   * source does.
   */
  readonly onTarget?: Catalog;
}

/** Everything that is partitioned under one of these tables, on any level. */
export function partitionsOf({ parents, tables }: Catalog, roots: readonly TableName[]): readonly TableName[] {
  const above = new Set(roots.map(({ id }) => id));
  const under: TableName[] = [];
  // A part comes after what it is a part of.
  for (const { table, partitionOf } of [...parents, ...tables]) {
    if (partitionOf === null || !above.has(partitionOf.parent.id)) continue;
    above.add(table.id);
    under.push(table);
  }
  return under;
}

/** Everything an application can write to: the fence stands on each. */
export function writtenTables(catalog: Catalog): readonly TableName[] {
  return [...catalog.parents, ...catalog.tables].map(({ table }) => table);
}
