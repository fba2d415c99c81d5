// A catalog of MySQL as PostgreSQL has it: other types, names that are unique in a schema, and a list of what it cannot be
// given. MySQL's definitions are texts of quoted names and a few words that both have, unless they are listed.

import type {
  Catalog,
  ColumnDefinition,
  ForeignKeyDefinition,
  SequenceDefinition,
  TableDefinition,
  TableObjectDefinition,
} from '../model/catalog.ts';
import type { Column, TableId } from '../model/table.ts';
import { defaultFor } from './mysql-defaults.ts';
import { type MysqlToPostgresOptions, mappedType } from './mysql-to-postgres.ts';
import { PostgresNames } from './postgres-names.ts';

export interface ConvertedCatalog {
  /** The source's; with `onTarget`, and all that stays behind among what is not carried. */
  readonly catalog: Catalog;
  /** Columns with a type that PostgreSQL has nothing for: `shop.places.at point`. None may be left. */
  readonly unmapped: readonly string[];
}

/** What a definition may have in it beside quoted names. */
const COMMON_INDEX = /^CREATE (UNIQUE )?INDEX `[^\0]*` ON [^\0]*$/;
const PART_LENGTH = /`\(\d+\)/;
const EXPRESSION_PART = /\(\(|, \(/;
const INTEGERS: ReadonlyMap<string, string> = new Map([
  ['smallint', '32767'],
  ['integer', '2147483647'],
  ['bigint', '9223372036854775807'],
]);

export function convertCatalog(source: Catalog, options: MysqlToPostgresOptions = {}): ConvertedCatalog {
  const unmapped: string[] = [];
  const behind: string[] = [];
  const names = new PostgresNames(source.tables.map(({ table }) => table));
  const keys = new Map(source.tables.map((definition) => [definition.table.id, uniqueColumns(definition)]));
  const tables = source.tables.map((definition) => {
    const convert = new TableConversion(definition, names, { options, unmapped, behind, keys });
    return convert.definition();
  });
  const sequences = source.sequences.map((sequence) => toSequence(sequence, tables));
  const onTarget = {
    ...source,
    tables: tables.map((table) => withDefaults(table, sequences)),
    sequences,
    notCarried: [],
  };
  return { catalog: { ...source, notCarried: [...source.notCarried, ...behind], onTarget }, unmapped };
}

interface Shared {
  readonly options: MysqlToPostgresOptions;
  readonly unmapped: string[];
  readonly behind: string[];
  readonly keys: ReadonlyMap<TableId, readonly string[]>;
}

class TableConversion {
  readonly #source: TableDefinition;
  readonly #names: PostgresNames;
  readonly #shared: Shared;

  constructor(source: TableDefinition, names: PostgresNames, shared: Shared) {
    this.#source = source;
    this.#names = names;
    this.#shared = shared;
  }

  definition(): TableDefinition {
    const { table, key, columns, checks, uniqueConstraints, indexes, foreignKeys } = this.#source;
    for (const { name } of checks) this.#stays('check', name);
    return {
      ...this.#source,
      table: { ...table, columns: table.columns.map((column) => this.#tableColumn(column)) },
      columns: columns.flatMap((column) => this.#column(column) ?? []),
      key: key && { ...this.#named(key, key.definition, 'pkey'), kind: key.kind },
      checks: [],
      uniqueConstraints: uniqueConstraints.map((one) => this.#named(one, one.definition, one.name)),
      indexes: indexes.flatMap((index) => this.#index(index) ?? []),
      foreignKeys: foreignKeys.flatMap((one) => this.#foreignKey(one) ?? []),
      settings: [],
    };
  }

  #stays(kind: string, name: string): undefined {
    this.#shared.behind.push(`${kind} ${name} on ${this.#source.table.id}`);
  }

  #tableColumn(column: Column): Column {
    const mapped = mappedType(column, this.#shared.options);
    if (mapped === undefined) {
      this.#shared.unmapped.push(`${this.#source.table.id}.${column.name} ${column.type}`);
      return column;
    }
    return { ...column, type: mapped.type, castType: mapped.castType };
  }

  #column(column: ColumnDefinition): ColumnDefinition | undefined {
    if (column.generated !== null) return this.#stays('generated column', column.name);
    const mapped = mappedType(column, this.#shared.options);
    const type = mapped?.type ?? column.type;
    const { defaultExpression } = column;
    const converted = defaultExpression === null ? null : defaultFor(type, defaultExpression);
    if (converted === undefined) this.#stays('default of', column.name);
    if (column.settings.some((setting) => setting.startsWith('ON UPDATE'))) this.#stays('ON UPDATE of', column.name);
    return {
      ...column,
      type,
      collation: null,
      notNull: column.notNull && mapped?.makesNull !== true,
      defaultExpression: converted ?? null,
      settings: [],
    };
  }

  #index(index: TableObjectDefinition): TableObjectDefinition | undefined {
    const { definition } = index;
    const parts = definition.slice(definition.indexOf(' ON '));
    if (!COMMON_INDEX.test(definition) || PART_LENGTH.test(parts) || EXPRESSION_PART.test(parts)) {
      return this.#stays('index', index.name);
    }
    const name = this.#names.in(this.#source.table, index.name);
    const head = /^CREATE (UNIQUE )?INDEX /.exec(definition)?.[0] ?? '';
    return { ...index, name, definition: `${head}${requoted(`\`${name.replaceAll('`', '``')}\`${parts}`)}` };
  }

  /** PostgreSQL asks for a unique constraint over just these columns, MySQL for any index. */
  #foreignKey(one: ForeignKeyDefinition): ForeignKeyDefinition | undefined {
    const columns = /REFERENCES [^\0]*? \(([^\0]*)\)/.exec(one.definition)?.[1] ?? '';
    const unique = one.references === null ? undefined : this.#shared.keys.get(one.references);
    if (one.references !== null && unique?.includes(columns) !== true) return this.#stays('foreign key', one.name);
    return { ...one, ...this.#named(one, one.definition, one.name) };
  }

  #named(one: TableObjectDefinition, definition: string, name: string): TableObjectDefinition {
    return { ...one, name: this.#names.in(this.#source.table, name), definition: requoted(definition) };
  }
}

/** The lists of columns that a foreign key may point at, as texts. */
function uniqueColumns({ key, uniqueConstraints }: TableDefinition): readonly string[] {
  return [...(key === null ? [] : [key]), ...uniqueConstraints].map(
    ({ definition }) => /\(([^\0]*)\)$/.exec(definition)?.[1] ?? '',
  );
}

function toSequence(sequence: SequenceDefinition, tables: readonly TableDefinition[]): SequenceDefinition {
  const { owner } = sequence;
  const table = tables.find((one) => one.table.id === owner?.table);
  const type = table?.columns.find(({ name }) => name === owner?.column)?.type ?? '';
  const maximum = INTEGERS.get(type);
  if (owner === null || maximum !== undefined) return { ...sequence, type, maximum: maximum ?? sequence.maximum };
  // No identity is of such a type; a default is.
  return { ...sequence, type: 'bigint', owner: { ...owner, identity: false }, users: [owner.table] };
}

function withDefaults(definition: TableDefinition, sequences: readonly SequenceDefinition[]): TableDefinition {
  const columns = definition.columns.map((column): ColumnDefinition => {
    const sequence = sequences.find(
      ({ owner }) => owner?.table === definition.table.id && owner.column === column.name && !owner.identity,
    );
    if (sequence === undefined) return column;
    const name = `${quoted(sequence.schema)}.${quoted(sequence.name)}`.replaceAll("'", "''");
    return { ...column, identity: null, defaultExpression: `nextval('${name}'::regclass)` };
  });
  return { ...definition, columns };
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** Every quoted name as PostgreSQL quotes it. */
function requoted(definition: string): string {
  return definition.replace(/`((?:[^`]|``)*)`/g, (_, name: string) => quoted(name.replaceAll('``', '`')));
}
