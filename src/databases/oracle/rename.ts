// A catalog under other names. What Oracle's definitions have of names is quoted, so that they can be read without a server.
// Names of the plan are written in the case of the source; here they are folded as the rest of the catalog is.

import { foldedName } from '../../lib/oracle-names.ts';
import type {
  Catalog,
  ColumnDefinition,
  ForeignKeyDefinition,
  SequenceDefinition,
  TableDefinition,
  TableObjectDefinition,
} from '../../model/catalog.ts';
import { Destinations, type Name } from '../../model/destinations.ts';
import type { Finding } from '../../model/finding.ts';
import type { Renames } from '../../model/renames.ts';
import { type TableId, type TableName, tableId } from '../../model/table.ts';
import { errorFinding } from '../findings.ts';
import type { RenamedCatalog } from '../target.ts';
import { foreignKeyText, readForeignKey, readIndex, withNames } from './definitions.ts';
import { RESERVED } from './reserved.ts';
import { quoteTable } from './sql.ts';

/** In bytes; a server before 12.2 takes fewer, which preflight tells. */
const LONGEST_NAME = 128;

export function renameCatalog(catalog: Catalog, renames: Renames): RenamedCatalog {
  const folded = foldRenames(catalog, renames);
  const findings = impossibleNames(folded);
  return findings.length > 0 ? { findings } : { catalog: new Translation(catalog, folded).catalog, findings };
}

/** A schema or a name that the plan leaves as it is on the source is what the catalog makes of it. */
function foldRenames({ tables }: Catalog, renames: Renames): Renames {
  const there = new Map(tables.map(({ table }) => [table.id, table]));
  return {
    tables: renames.tables.map((rename) => {
      const own = there.get(rename.table.id);
      const { table, schema, name, columns } = rename;
      return {
        table,
        schema: own !== undefined && schema === table.schema ? own.schema : foldedName(schema),
        name: own !== undefined && name === table.name ? own.name : foldedName(name),
        columns: columns.map((column) => ({ ...column, from: foldedName(column.from), to: foldedName(column.to) })),
      };
    }),
    schemas: renames.schemas.map(({ from, to }) => ({ from: foldedName(from), to: foldedName(to) })),
  };
}

/** The server would refuse them, or keeps them for itself. */
function impossibleNames({ tables, schemas }: Renames): readonly Finding[] {
  const placed = [...tables.flatMap(({ schema, name }) => [schema, name]), ...schemas.map(({ to }) => to)];
  const names = [...placed, ...tables.flatMap(({ columns }) => columns.map(({ to }) => to))];
  const each = (list: readonly string[], message: string): readonly Finding[] =>
    [...new Set(list)].map((name) =>
      errorFinding({ code: 'RENAME', subject: `tables.map ${name}`, message, cure: 'correct tables.map in the plan' }),
    );
  return [
    ...each(
      names.filter((name) => Buffer.byteLength(name) > LONGEST_NAME),
      `a name has at most ${LONGEST_NAME} bytes`,
    ),
    ...each(
      names.filter((name) => name === '' || name === 'ROWID'),
      'a name is not empty, and not ROWID',
    ),
    ...each(
      placed.filter((name) => RESERVED.includes(name)),
      'the server keeps this name for itself',
    ),
  ];
}

class Translation {
  readonly catalog: Catalog;
  readonly #to: Destinations;
  /** The ids of the catalog's tables, which are the source's, by their names in it. */
  readonly #ids: ReadonlyMap<TableId, TableId>;
  /** Quoted, by what they are called in it. */
  readonly #sequences: ReadonlyMap<string, string>;

  constructor(catalog: Catalog, renames: Renames) {
    this.#to = new Destinations(renames);
    this.#sequences = new Map(
      catalog.sequences.map((sequence) => [quoteTable(sequence), quoteTable(this.#to.sequence(sequence))]),
    );
    this.#ids = new Map(catalog.tables.map(({ table }) => [tableId(table.schema, table.name), table.id]));
    const tables = catalog.tables.map((definition) => this.#table(definition));
    const sequences = catalog.sequences.map((sequence) => this.#sequence(sequence));
    const schemas = new Set([...tables.map(({ table }) => table.schema), ...sequences.map(({ schema }) => schema)]);
    this.catalog = { ...catalog, tables, sequences, schemas: [...schemas].sort() };
  }

  #table(definition: TableDefinition): TableDefinition {
    const { table, columns, key, checks, uniqueConstraints, indexes, foreignKeys } = definition;
    const own = (text: string): string => withNames(text, (name) => this.#to.column(table.id, name));
    const text = <T extends TableObjectDefinition>(object: T): T => ({ ...object, definition: own(object.definition) });
    const index = <T extends TableObjectDefinition>(object: T): T => this.#index(table, object, own);
    return {
      ...definition,
      table: {
        ...table,
        ...this.#to.table(table),
        columns: table.columns.map((column) => ({ ...column, name: this.#to.column(table.id, column.name) })),
      },
      columns: columns.map((column) => this.#column(table.id, column, own)),
      key: key && (key.kind === 'index' ? index(key) : text(key)),
      checks: checks.map(text),
      uniqueConstraints: uniqueConstraints.map(text),
      indexes: indexes.map(index),
      foreignKeys: foreignKeys.map((one) => this.#foreignKey(table, one)),
    };
  }

  #column(table: TableId, column: ColumnDefinition, own: (text: string) => string): ColumnDefinition {
    const { defaultExpression, generated } = column;
    return {
      ...column,
      name: this.#to.column(table, column.name),
      defaultExpression: defaultExpression && this.#default(defaultExpression),
      generated: generated && { ...generated, expression: own(generated.expression) },
    };
  }

  /** A default names no column, but perhaps a sequence with its schema. */
  #default(text: string): string {
    const moved = this.#sequences.get(text.replace(/\.NEXTVAL$/i, ''));
    return moved === undefined ? text : `${moved}.NEXTVAL`;
  }

  #index<T extends TableObjectDefinition>(table: TableName, index: T, own: (text: string) => string): T {
    const { kind, parts } = readIndex(index);
    const on = this.#to.table(table);
    const name = quoteTable({ schema: on.schema, name: index.name });
    return { ...index, definition: `CREATE ${kind}INDEX ${name} ON ${quoteTable(on)} ${own(parts)}` };
  }

  #foreignKey(table: TableName, key: ForeignKeyDefinition): ForeignKeyDefinition {
    const { columns, references, actions } = readForeignKey(key);
    const id = this.#ids.get(tableId(references.schema, references.name));
    const there: Name = id === undefined ? references : this.#to.table({ ...references, id });
    const definition = foreignKeyText({
      columns: columns.map((name) => this.#to.column(table.id, name)),
      references: {
        schema: there.schema,
        name: there.name,
        columns: references.columns.map((name) => (id === undefined ? name : this.#to.column(id, name))),
      },
      actions,
    });
    return { ...key, definition };
  }

  #sequence(sequence: SequenceDefinition): SequenceDefinition {
    const { owner } = sequence;
    return {
      ...sequence,
      ...this.#to.sequence(sequence),
      owner: owner && { ...owner, column: this.#to.column(owner.table, owner.column) },
    };
  }
}
