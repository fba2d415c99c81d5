// One table as Oracle has it. Its definitions come in PostgreSQL's words, whatever engine it is from.

import { type EmptyText, emptyHandling } from '../databases/conversion.ts';
import type {
  ColumnDefinition,
  ForeignKeyDefinition,
  KeyDefinition,
  TableDefinition,
  TableObjectDefinition,
} from '../model/catalog.ts';
import type { Column, TableId, TableName } from '../model/table.ts';
import { COMPARED_AS } from './canonical.ts';
import { nameList, ORACLE, tableName } from './dialects.ts';
import type { ValueClass } from './expressions.ts';
import type { Findings } from './findings.ts';
import { formHandling } from './forms.ts';
import { isFinding } from './oracle-columns.ts';
import { oracleDefault, sequenceIn } from './oracle-defaults.ts';
import { type EmptyTexts, tellOfEmpty } from './oracle-empty.ts';
import { type OracleColumns, oracleCondition, oracleValue } from './oracle-expressions.ts';
import { oracleHandling } from './oracle-forms.ts';
import { indexStatement, indexTexts, uniqueWhereWhole } from './oracle-index-text.ts';
import { areAlike, deferrable, isUnique, listOf, readAnyIndex, type TableTypes, wholeColumns } from './oracle-keys.ts';
import type { OracleNames } from './oracle-names.ts';
import { castTypeOf, isLarge, type OracleType } from './oracle-types.ts';
import { readForeignKey, readKey } from './postgres-definitions.ts';

/** What all tables of a catalog have in common. */
export interface Shared {
  readonly findings: Findings;
  readonly names: OracleNames;
  readonly empty: EmptyTexts;
  /** What Oracle calls those of the source. */
  readonly schemas: ReadonlyMap<string, string>;
  /** True where a truth value of the source is a number to its expressions as well. */
  readonly truthIsNumber: boolean;
  /** What the names of a table's objects were given on the way here. */
  readonly prefixOf: (table: TableName) => string;
  /** Whether a text column of the source, by its type, is equal to another exactly when all characters are. */
  readonly isExact: (type: string) => boolean;
  /** The sequence that the default of a column draws from, written in a default; undefined for one that is not carried. */
  readonly nextOf: (sequence: string) => string | undefined;
  /** The same of the sequence that a column owns. */
  readonly nextFor: (table: TableId, column: string) => string | undefined;
}

/** In bytes. */
const LONGEST_COMMENT = 4_000;

export class OracleTable {
  /** As the source has it. */
  readonly source: TableDefinition;
  readonly schema: string;
  readonly name: string;
  /** The column that Oracle numbers by itself. */
  readonly counts: string | undefined;
  readonly #words: TableDefinition;
  readonly #types: TableTypes;
  readonly #shared: Shared;
  readonly #names: ReadonlyMap<string, string>;
  readonly #empty: ReadonlyMap<string, EmptyText>;
  readonly #expressions: OracleColumns;
  /** Computed columns that are carried. */
  readonly #computed = new Map<string, string>();

  /** `words`: in PostgreSQL's. `counts`: the column that the source numbers by itself. */
  constructor(
    source: TableDefinition,
    words: TableDefinition,
    types: TableTypes,
    counts: string | undefined,
    shared: Shared,
  ) {
    const { table, columns } = source;
    this.source = source;
    this.#words = words;
    this.#types = types;
    this.#shared = shared;
    this.schema = shared.schemas.get(table.schema) ?? table.schema;
    this.name = this.#named(`objects ${this.schema}`, table.name, table.id);
    this.#names = new Map(
      columns.map(({ name }) => [name, this.#named(`columns ${table.id}`, name, `${table.id}.${name}`)]),
    );
    const finds = (name: string): boolean => isFinding(table, name);
    const empty = columns.flatMap(({ name, generated }): readonly (readonly [string, EmptyText])[] => {
      const type = types.get(name);
      const found = type && generated === null ? shared.empty.of(table, name, type, finds(name)) : undefined;
      return found === undefined ? [] : [[name, found]];
    });
    this.#empty = new Map(empty);
    const told = columns.map(({ name, notNull }) => ({ name, notNull, empty: this.#empty.get(name) }));
    tellOfEmpty(table, told, shared.findings);
    this.counts = /^NUMBER\b/.test(types.get(counts ?? '')?.type ?? '') ? counts : undefined;
    this.#expressions = {
      classOf: (name) => this.#classOf(name),
      nameOf: (name) => this.columnName(name),
      mayBecomeNull: (name) => this.#mayBecomeNull(name),
    };
    for (const { name, generated } of words.columns) {
      const expression = generated && this.#computedAs(name, generated.expression);
      if (expression) this.#computed.set(name, expression);
      else if (generated !== null) this.#stays('generated column', name);
    }
  }

  typeOf(column: string): OracleType | undefined {
    return this.#types.get(column);
  }

  columnName(column: string): string {
    return this.#names.get(column) ?? column;
  }

  convert(tables: ReadonlyMap<TableId, OracleTable>): { source: TableDefinition; onTarget: TableDefinition } {
    const { table, columns, key, uniqueConstraints, indexes, foreignKeys, comment } = this.#words;
    const both = this.source.table.columns.map((column) => this.#tableColumn(column));
    const ownKey = key === null ? null : (this.#key(key) ?? null);
    // Oracle makes no second constraint or index over the same list.
    const lists = new Set(ownKey === null ? [] : [listOf(ownKey)]);
    const unique = uniqueConstraints.flatMap((one) => this.#unique(one, lists) ?? []);
    const constraints = unique.filter(({ definition }) => definition.startsWith('UNIQUE'));
    // What is unique comes first: another index over its list only serves queries, as it does.
    const inTurn = indexes.toSorted((one, other) => Number(isUnique(other)) - Number(isUnique(one)));
    const made = [
      ...unique.filter((one) => !constraints.includes(one)),
      ...inTurn.flatMap((index) => this.#index(index, lists) ?? []),
    ];
    return {
      source: { ...this.source, table: { ...this.source.table, columns: both.map(({ source }) => source) } },
      onTarget: {
        table: { ...table, schema: this.schema, name: this.name, columns: both.map(({ onTarget }) => onTarget) },
        inherits: [],
        columns: columns.flatMap((column) => this.#column(column) ?? []),
        key: ownKey,
        checks: [...this.#typeChecks(), ...this.#checks()],
        uniqueConstraints: constraints,
        indexes: made,
        foreignKeys: foreignKeys.flatMap((one) => this.#foreignKey(one, tables) ?? []),
        partitionOf: null,
        settings: [],
        comment: this.#comment(comment, 'the table'),
      },
    };
  }

  /** A name in Oracle that does not follow from the source's alone is told of. */
  #named(space: string, wanted: string, subject: string): string {
    const obstacle = this.#shared.names.obstacle(space, wanted);
    const name = this.#shared.names.in(space, subject, wanted);
    if (obstacle !== undefined) {
      this.#shared.findings.add('warning', 'CONVERT_NAME', subject, `${obstacle}: it is called ${name} there`);
    }
    return name;
  }

  #stays(kind: string, name: string): undefined {
    return this.#shared.findings.stays(kind, name, this.source.table);
  }

  /** An object under the name that the source has for it. */
  #left(kind: string, { name }: TableObjectDefinition): undefined {
    const prefix = this.#shared.prefixOf(this.source.table);
    return this.#stays(kind, name.startsWith(prefix) ? name.slice(prefix.length) : name);
  }

  #tableColumn(column: Column): { readonly source: Column; readonly onTarget: Column } {
    const found = this.typeOf(column.name);
    if (found === undefined) return { source: column, onTarget: column };
    const { type, form, from, comparedAs, makesNull = false } = found;
    const empty = this.#empty.get(column.name);
    const handling = [
      ...(column.handling ?? []),
      ...(from === undefined ? [] : formHandling(from, makesNull)),
      ...(comparedAs === undefined || from !== undefined ? [] : [COMPARED_AS[comparedAs]]),
      ...(empty === undefined ? [] : [emptyHandling(empty)]),
    ];
    return {
      source: handling.length === 0 ? column : { ...column, handling },
      onTarget: {
        name: this.columnName(column.name),
        type,
        castType: castTypeOf(type),
        handling: oracleHandling(form, empty),
      },
    };
  }

  #column(column: ColumnDefinition): ColumnDefinition | undefined {
    const { name } = column;
    const found = this.typeOf(name);
    const converted: ColumnDefinition = {
      name: this.columnName(name),
      // A column without a type was found as an error; whether the rest can be made is to be seen nevertheless.
      type: found?.type ?? 'CLOB',
      collation: null,
      notNull: this.#isNotNull(column),
      notNullName: null,
      defaultExpression: null,
      identity: null,
      generated: null,
      settings: [],
      comment: this.#comment(column.comment, name),
    };
    if (column.generated !== null) {
      const expression = this.#computed.get(name);
      return expression === undefined ? undefined : { ...converted, generated: { expression, stored: false } };
    }
    if (this.counts === name) return { ...converted, identity: 'by default' };
    return { ...converted, defaultExpression: this.#default(column, found) };
  }

  #default({ name, defaultExpression, identity }: ColumnDefinition, found: OracleType | undefined): string | null {
    // Oracle numbers one column of a table, and others draw their numbers.
    if (identity !== null) return this.#shared.nextFor(this.source.table.id, name) ?? null;
    if (defaultExpression === null || found === undefined) return null;
    const sequence = sequenceIn(defaultExpression);
    const made =
      sequence === undefined
        ? oracleDefault(found, defaultExpression, this.#empty.get(name))
        : this.#shared.nextOf(sequence);
    if (made === undefined) this.#stays('default of', name);
    return made ?? null;
  }

  #comment(comment: string | null, of: string): string | null {
    if (comment === null || comment === '' || Buffer.byteLength(comment) <= LONGEST_COMMENT) return comment || null;
    return this.#stays('comment on', of) ?? null;
  }

  #computedAs(name: string, expression: string): string | undefined {
    const type = this.typeOf(name);
    // No virtual column is a LOB.
    return type === undefined || isLarge(type) ? undefined : oracleValue(expression, this.#expressions);
  }

  #classOf(name: string): ValueClass {
    const column = this.source.columns.find((each) => each.name === name);
    const found = this.typeOf(name);
    if (column === undefined || found === undefined || column.generated !== null) return 'other';
    const { type, form } = found;
    // What may be compared with its own truth values is another language.
    if (type === 'BOOLEAN') return 'other';
    if (form === 'boolean') return this.#shared.truthIsNumber ? 'number' : 'truth';
    if (type.startsWith('NUMBER') && form !== 'money') return 'number';
    if (type.startsWith('VARCHAR2') && form === 'plain' && this.#shared.isExact(column.type)) return 'exact text';
    return /^(?:date|second|moment)$/.test(form) ? 'moment' : 'other';
  }

  #object(name: string, definition: string, of?: TableObjectDefinition): TableObjectDefinition {
    return { name, definition, comment: of?.comment ?? null, roles: [] };
  }

  /** A constraint may have an index of its name. */
  #objectName(name: string): string {
    return this.#shared.names.in(`constraints ${this.schema}`, this.source.table.id, name);
  }

  #list(columns: readonly string[]): string {
    return `(${nameList(
      ORACLE,
      columns.map((name) => this.columnName(name)),
    )})`;
  }

  /** Whether Oracle can have them in a key or an index. */
  #canBeIndexed(columns: readonly string[]): boolean {
    return columns.every((name) => {
      const type = this.typeOf(name);
      const isThere = this.#computed.has(name) || this.#isStored(name);
      return type !== undefined && !isLarge(type) && isThere;
    });
  }

  #isStored(name: string): boolean {
    return this.source.columns.some((column) => column.name === name && column.generated === null);
  }

  #mayBecomeNull(name: string): boolean {
    return this.typeOf(name)?.makesNull === true || this.#empty.get(name) === 'null';
  }

  #isNotNull({ name, notNull }: ColumnDefinition): boolean {
    return this.counts === name || (notNull && !this.#mayBecomeNull(name));
  }

  #isNullable(name: string): boolean {
    const column = this.source.columns.find((each) => each.name === name);
    return column === undefined || !this.#isNotNull(column);
  }

  #key(key: KeyDefinition): KeyDefinition | undefined {
    const columns = wholeColumns(key);
    if (columns === undefined || !this.#canBeIndexed(columns)) return this.#left('key', key);
    const primary = key.definition.startsWith('PRIMARY');
    const definition = `${primary ? 'PRIMARY KEY' : 'UNIQUE'} ${this.#list(columns)}${deferrable(key)}`;
    return { ...this.#object(this.#objectName(key.name), definition, key), kind: 'constraint' };
  }

  #unique(one: TableObjectDefinition, lists: Set<string>): TableObjectDefinition | undefined {
    const columns = readKey(one.definition)?.columns;
    if (columns === undefined || !this.#canBeIndexed(columns) || lists.has(this.#list(columns))) {
      return this.#left('constraint', one);
    }
    if (this.#isPartly(columns)) {
      return deferrable(one) === '' ? this.#uniqueIndex(one, columns) : this.#left('constraint', one);
    }
    lists.add(this.#list(columns));
    return this.#object(this.#objectName(one.name), `UNIQUE ${this.#list(columns)}${deferrable(one)}`, one);
  }

  /** Some of its columns may be NULL while others are not. */
  #isPartly(columns: readonly string[]): boolean {
    return columns.length > 1 && columns.some((column) => this.#isNullable(column));
  }

  #uniqueIndex(one: TableObjectDefinition, columns: readonly string[]): TableObjectDefinition {
    const message = 'a row with a NULL in it is equal to no other: it is made as an index over expressions that say so';
    this.#shared.findings.add('info', 'CONVERT_CONSTRAINT', `${this.source.table.id} ${one.name}`, message);
    const named = (names: readonly string[]): readonly string[] => names.map((name) => this.columnName(name));
    const parts = uniqueWhereWhole(named(columns), named(columns.filter((column) => this.#isNullable(column))));
    const name = this.#objectName(one.name);
    return this.#object(name, indexStatement(this, name, true, parts), one);
  }

  #index(index: TableObjectDefinition, lists: Set<string>): TableObjectDefinition | undefined {
    const { unique = false, parts = [] } = readAnyIndex(index.definition) ?? {};
    const columns = parts.map(({ column }) => column);
    if (columns.length === 0 || !this.#canBeIndexed(columns)) return this.#left('index', index);
    const found = parts.flatMap(({ column, ...part }) => {
      const type = this.typeOf(column);
      return type === undefined ? [] : [{ ...part, name: this.columnName(column), type }];
    });
    const texts = indexTexts(found, unique);
    const list = `(${texts?.join(', ')})`;
    if (texts === undefined || lists.has(list)) return this.#left('index', index);
    lists.add(list);
    if (unique && this.#isPartly(columns)) {
      return list.includes('SUBSTR(') ? this.#left('index', index) : this.#uniqueIndex(index, columns);
    }
    const name = this.#objectName(index.name);
    return this.#object(name, indexStatement(this, name, unique, texts), index);
  }

  #foreignKey(one: ForeignKeyDefinition, tables: ReadonlyMap<TableId, OracleTable>): ForeignKeyDefinition | undefined {
    const read = readForeignKey(one.definition);
    const other = one.references === null ? undefined : tables.get(one.references);
    if (read === undefined || other === undefined) return this.#left('foreign key', one);
    const isAlike = read.columns.every((name, place) =>
      areAlike(this.typeOf(name), other.typeOf(read.references[place] ?? '')),
    );
    if (!isAlike || !other.canBeReferred(read.references) || !this.#canBeIndexed(read.columns)) {
      return this.#left('foreign key', one);
    }
    const onDelete = / ON DELETE (CASCADE|SET NULL)/.exec(read.actions)?.[0] ?? '';
    if (/ ON UPDATE (CASCADE|SET NULL)/.test(read.actions)) {
      const message = 'Oracle has no ON UPDATE: it refuses to change a key that others refer to';
      this.#shared.findings.add('warning', 'CONVERT_CONSTRAINT', `${this.source.table.id} ${one.name}`, message);
    }
    const there = tableName(ORACLE, { schema: other.schema, name: other.name });
    const definition =
      `FOREIGN KEY ${this.#list(read.columns)} REFERENCES ${there} ${other.#list(read.references)}` +
      `${onDelete}${deferrable(one)}`;
    return { ...one, ...this.#object(this.#objectName(one.name), definition, one) };
  }

  /** Whether a constraint of just these columns is made. */
  canBeReferred(columns: readonly string[]): boolean {
    const { key, uniqueConstraints } = this.#words;
    const wanted = JSON.stringify(columns);
    const isPrimary = key !== null && JSON.stringify(wholeColumns(key)) === wanted;
    const unique = uniqueConstraints.some((one) => JSON.stringify(readKey(one.definition)?.columns) === wanted);
    const isConstraint = columns.length === 1 || !columns.some((column) => this.#isNullable(column));
    return (isPrimary || (unique && isConstraint)) && this.#canBeIndexed(columns);
  }

  #typeChecks(): readonly TableObjectDefinition[] {
    return this.source.table.columns.flatMap(({ name }) => {
      const check = this.typeOf(name)?.check;
      if (check === undefined || check.length === 0) return [];
      const column = ORACLE.name(this.columnName(name));
      const empty = this.#empty.get(name);
      const sentinel = typeof empty === 'object' ? [empty.sentinel] : [];
      const list = typeof check === 'string' ? '0, 1' : [...check, ...sentinel].map(ORACLE.text).join(', ');
      const condition = check === 'json' ? `${column} IS JSON` : `${column} IN (${list})`;
      const wanted = `${this.source.table.name}_${name}_check`;
      return this.#object(this.#objectName(wanted), `CHECK (${condition})`);
    });
  }

  #checks(): readonly TableObjectDefinition[] {
    return this.#words.checks.flatMap((check) => {
      const inner = /^CHECK \(([\s\S]*)\)( NO INHERIT)?$/.exec(check.definition)?.[1] ?? '';
      const condition = oracleCondition(inner, this.#expressions);
      if (condition === undefined) return this.#left('check', check) ?? [];
      return this.#object(this.#objectName(check.name), `CHECK (${condition})`, check);
    });
  }
}
