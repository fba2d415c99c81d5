// A catalog under other names. What MySQL's definitions have of names is quoted, so that they can be read without a server.

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
import { OWN_SCHEMAS } from './selection.ts';
import { quoteName, quoteTable } from './sql.ts';

const LONGEST_NAME = 64;

export function renameCatalog(catalog: Catalog, renames: Renames): RenamedCatalog {
  const findings = impossibleNames(renames);
  return findings.length > 0 ? { findings } : { catalog: new Translation(catalog, renames).catalog, findings };
}

/** The server would refuse them, or keeps them for itself. */
function impossibleNames({ tables, schemas }: Renames): readonly Finding[] {
  const placed = [...tables.flatMap(({ schema, name }) => [schema, name]), ...schemas.map(({ to }) => to)];
  const names = [...placed, ...tables.flatMap(({ columns }) => columns.map(({ to }) => to))];
  const unfit = names.filter(
    (name) => name === '' || name.endsWith(' ') || name.includes('\0') || /[\ud800-\udfff]/.test(name),
  );
  const long = names.filter((name) => name.length > LONGEST_NAME);
  const reserved = [...tables.map(({ schema }) => schema), ...schemas.map(({ to }) => to)].filter((schema) =>
    OWN_SCHEMAS.includes(schema.toLowerCase()),
  );
  const each = (list: readonly string[], message: string): readonly Finding[] =>
    [...new Set(list)].map((name) =>
      errorFinding({ code: 'RENAME', subject: `tables.map ${name}`, message, cure: 'correct tables.map in the plan' }),
    );
  return [
    ...each(long, `a name has at most ${LONGEST_NAME} characters`),
    ...each(unfit, 'a name is not empty, does not end with a space, and has no characters beyond U+FFFF'),
    ...each(reserved, 'this database is kept for the server or the run itself'),
  ];
}

class Translation {
  readonly catalog: Catalog;
  readonly #to: Destinations;
  /** The ids of the catalog's tables, which are the source's, by their names in it. */
  readonly #ids: ReadonlyMap<TableId, TableId>;

  constructor(catalog: Catalog, renames: Renames) {
    this.#to = new Destinations(renames);
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
    return {
      ...definition,
      table: {
        ...table,
        ...this.#to.table(table),
        columns: table.columns.map((column) => ({ ...column, name: this.#to.column(table.id, column.name) })),
      },
      columns: columns.map((column) => this.#column(table.id, column, own)),
      key: key && text(key),
      checks: checks.map(text),
      uniqueConstraints: uniqueConstraints.map(text),
      indexes: indexes.map((index) => this.#index(table, index, own)),
      foreignKeys: foreignKeys.map((one) => this.#foreignKey(table, one)),
    };
  }

  #column(table: TableId, column: ColumnDefinition, own: (text: string) => string): ColumnDefinition {
    const { defaultExpression, generated } = column;
    return {
      ...column,
      name: this.#to.column(table, column.name),
      defaultExpression: defaultExpression && own(defaultExpression),
      generated: generated && { ...generated, expression: own(generated.expression) },
    };
  }

  #index(table: TableName, index: TableObjectDefinition, own: (text: string) => string): TableObjectDefinition {
    const { kind, parts } = readIndex(index);
    const on = quoteTable(this.#to.table(table));
    return { ...index, definition: `CREATE ${kind}INDEX ${quoteName(index.name)} ON ${on} ${own(parts)}` };
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
