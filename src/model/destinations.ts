// Where the things of a catalog are on the target, when some are to have other names there.

import type { SequenceDefinition } from './catalog.ts';
import type { Renames, TableRename } from './renames.ts';
import type { TableId, TableName } from './table.ts';

/** `schema` and `name` of anything. */
export interface Name {
  readonly schema: string;
  readonly name: string;
}

/** Where each thing of a catalog goes. */
export class Destinations {
  readonly #tables: ReadonlyMap<TableId, TableRename>;
  readonly #schemas: ReadonlyMap<string, string>;

  constructor({ tables, schemas }: Renames) {
    this.#tables = new Map(tables.map((rename) => [rename.table.id, rename]));
    this.#schemas = new Map(schemas.map(({ from, to }) => [from, to]));
  }

  /** The id stays the source's: by it a table is known to the journal and to people. */
  table(table: TableName): TableName {
    const { schema, name } = this.#tables.get(table.id) ?? table;
    return { id: table.id, schema, name };
  }

  column(table: TableId, name: string): string {
    return this.#tables.get(table)?.columns.find(({ from }) => from === name)?.to ?? name;
  }

  type({ schema, name }: Name): Name {
    return { schema: this.#schemas.get(schema) ?? schema, name };
  }

  /** A sequence is always in the schema of the table that owns it. */
  sequence({ schema, name, owner }: SequenceDefinition): Name {
    if (owner === null) return this.type({ schema, name });
    return { schema: this.#tables.get(owner.table)?.schema ?? schema, name };
  }
}
