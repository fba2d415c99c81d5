// The part of a source's schema that a run carries, as read at one moment.

import type { Table, TableId } from './table.ts';

export interface ColumnDefinition {
  readonly name: string;
  readonly type: string;
  /** Collation to spell out, already quoted, when it is not the type's own. */
  readonly collation: string | null;
  readonly notNull: boolean;
  /** Default expression as the source prints it, or null. Defaults that call a sequence name it in `sequences`. */
  readonly defaultExpression: string | null;
  readonly identity: 'always' | 'by default' | null;
}

/** A constraint or index by name, with the source's own definition text. */
export interface NamedDefinition {
  readonly name: string;
  readonly definition: string;
}

export interface KeyDefinition extends NamedDefinition {
  /** `constraint`: what follows `CONSTRAINT name`. `index`: the full CREATE INDEX statement. */
  readonly kind: 'constraint' | 'index';
}

export interface TableDefinition {
  readonly table: Table;
  readonly columns: readonly ColumnDefinition[];
  /** What makes the key unique, built with the table: its primary key, or another unique constraint or index; null without. */
  readonly key: KeyDefinition | null;
  readonly checks: readonly NamedDefinition[];
  /** Built after the overlap: unique and exclusion constraints. */
  readonly uniqueConstraints: readonly NamedDefinition[];
  /** Built after the overlap: full CREATE INDEX statements, unique indexes included. */
  readonly indexes: readonly NamedDefinition[];
  /** Built after the overlap, last of all. */
  readonly foreignKeys: readonly NamedDefinition[];
}

export interface EnumDefinition {
  readonly schema: string;
  readonly name: string;
  readonly labels: readonly string[];
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
}

export interface Catalog {
  readonly tables: readonly TableDefinition[];
  readonly enums: readonly EnumDefinition[];
  readonly sequences: readonly SequenceDefinition[];
  /** Schemas that hold any of the above. */
  readonly schemas: readonly string[];
  /** Objects of the selected schemas that this run does not carry, by kind: `view shop.v`, `trigger t on shop.x`. */
  readonly notCarried: readonly string[];
}
