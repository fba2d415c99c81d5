// A catalog in the target's words: the source's things, named and described as the target names and describes them.

import { MigrateError } from '../../lib/errors.ts';
import type {
  Catalog,
  ColumnDefinition,
  NamedDefinition,
  RelationDefinition,
  TypeDefinition,
} from '../../model/catalog.ts';
import { Destinations } from '../../model/destinations.ts';
import type { Renames } from '../../model/renames.ts';
import { type Table, type TableId, type TableName, tableId } from '../../model/table.ts';

type Relation = RelationDefinition & { readonly table: TableName };

/**
 * `read` is how the target describes what it has been given under these names. With `complete` all of it must be there, else
 * INTERNAL.BUG; without, what is not keeps the source's text.
 */
export function renamedCatalog(catalog: Catalog, renames: Renames, read: Catalog, complete: boolean): Catalog {
  return new Translation(new Destinations(renames), read, complete).catalog(catalog);
}

class Translation {
  readonly #to: Destinations;
  readonly #relations: ReadonlyMap<TableId, Relation & { readonly partitionBy?: string }>;
  readonly #columns: ReadonlyMap<TableId, Table>;
  readonly #types: ReadonlyMap<TableId, TypeDefinition>;
  readonly #complete: boolean;

  constructor(to: Destinations, read: Catalog, complete: boolean) {
    this.#to = to;
    this.#complete = complete;
    this.#relations = new Map([...read.tables, ...read.parents].map((relation) => [relation.table.id, relation]));
    this.#columns = new Map(read.tables.map(({ table }) => [table.id, table]));
    this.#types = new Map(read.types.map((type) => [tableId(type.schema, type.name), type]));
  }

  catalog(source: Catalog): Catalog {
    const tables = source.tables.map((definition) => ({
      ...this.#relation(definition),
      table: this.#table(definition.table),
      inherits: definition.inherits.map((parent) => this.#to.table(parent)),
    }));
    const parents = source.parents.map((definition) => {
      const table = this.#to.table(definition.table);
      const read = this.#relations.get(tableId(table.schema, table.name))?.partitionBy;
      return {
        ...this.#relation(definition),
        table,
        partitionBy: this.#found(read, table.id) ?? definition.partitionBy,
      };
    });
    const types = source.types.map((type) => this.#type(type));
    const sequences = source.sequences.map((sequence) => ({
      ...sequence,
      ...this.#to.sequence(sequence),
      owner:
        sequence.owner === null
          ? null
          : { ...sequence.owner, column: this.#to.column(sequence.owner.table, sequence.owner.column) },
    }));
    const named = [...[...tables, ...parents].map(({ table }) => table), ...types, ...sequences];
    return {
      tables,
      parents,
      types,
      extensions: source.extensions,
      sequences,
      schemas: [...new Set(named.map(({ schema }) => schema))].sort(),
      notCarried: source.notCarried,
    };
  }

  #table(table: Table): Table {
    const { schema, name } = this.#to.table(table);
    const read = new Map(this.#columns.get(tableId(schema, name))?.columns.map((column) => [column.name, column]));
    const columns = table.columns.map((column) => {
      const to = this.#to.column(table.id, column.name);
      const found = this.#found(read.get(to), `${table.id} ${to}`) ?? column;
      return { ...column, name: to, type: found.type, castType: found.castType };
    });
    return { ...table, schema, name, columns };
  }

  #relation<T extends Relation>(definition: T): T {
    const { table, partitionOf } = definition;
    const target = this.#to.table(table);
    const read = this.#found(this.#relations.get(tableId(target.schema, target.name)), table.id);
    const key = definition.key && {
      ...definition.key,
      ...this.#text(definition.key, read?.key ? [read.key] : [], table.id),
    };
    const bound = partitionOf && (this.#found(read?.partitionOf?.bound, table.id) ?? partitionOf.bound);
    return {
      ...definition,
      columns: this.#columnDefinitions(definition, read),
      key,
      checks: this.#texts(definition.checks, read?.checks, table.id),
      uniqueConstraints: this.#texts(definition.uniqueConstraints, read?.uniqueConstraints, table.id),
      indexes: this.#texts(definition.indexes, read?.indexes, table.id),
      foreignKeys: this.#texts(definition.foreignKeys, read?.foreignKeys, table.id),
      partitionOf: partitionOf && { parent: this.#to.table(partitionOf.parent), bound: bound ?? partitionOf.bound },
    };
  }

  #columnDefinitions({ table, columns }: Relation, read: Relation | undefined): readonly ColumnDefinition[] {
    const known = new Map(read?.columns.map((column) => [column.name, column]));
    return columns.map((column) => {
      const name = this.#to.column(table.id, column.name);
      const found = this.#found(known.get(name), `${table.id} ${name}`) ?? column;
      return {
        ...column,
        name,
        type: found.type,
        collation: found.collation,
        defaultExpression: found.defaultExpression,
        generated: found.generated,
      };
    });
  }

  #type(type: TypeDefinition): TypeDefinition {
    const to = this.#to.type(type);
    if (type.kind === 'enum' || type.kind === 'collation') return { ...type, ...to };
    const id = tableId(to.schema, to.name);
    const read = this.#found(this.#types.get(id), id);
    if (read === undefined || read.kind === 'enum') return { ...type, ...to };
    return { ...type, ...to, definition: read.definition, checks: this.#texts(type.checks, read.checks, id) };
  }

  #texts<T extends NamedDefinition>(
    list: readonly T[],
    read: readonly NamedDefinition[] | undefined,
    of: string,
  ): readonly T[] {
    return list.map((each) => ({ ...each, ...this.#text(each, read ?? [], of) }));
  }

  #text(own: NamedDefinition, read: readonly NamedDefinition[], of: string): { readonly definition: string } {
    const found = read.find(({ name }) => name === own.name);
    return { definition: this.#found(found, `${of} ${own.name}`)?.definition ?? own.definition };
  }

  #found<T>(read: T | undefined, what: string): T | undefined {
    if (read === undefined && this.#complete) {
      throw new MigrateError('INTERNAL.BUG', `the target did not describe ${what} under its new name`);
    }
    return read;
  }
}
