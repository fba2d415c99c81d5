// One table of PostgreSQL as MySQL has it.

import type {
  Catalog,
  ColumnDefinition,
  ForeignKeyDefinition,
  KeyDefinition,
  TableDefinition,
  TableObjectDefinition,
} from '../model/catalog.ts';
import type { Column, TableId } from '../model/table.ts';
import { columnPath } from '../plan/names.ts';
import { COMPARED_AS } from './canonical.ts';
import { MYSQL, nameList, POSTGRES, tableName } from './dialects.ts';
import { type ClassOf, translate, type ValueClass } from './expressions.ts';
import type { ChosenTypes, Findings } from './findings.ts';
import { formHandling } from './forms.ts';
import type { MysqlNames } from './mysql-names.ts';
import { mysqlDefault } from './postgres-defaults.ts';
import { readForeignKey, readIndex, readKey } from './postgres-definitions.ts';
import {
  areAlike,
  columnsOf,
  fittedTypes,
  indexedCharacters,
  keyedCharacters,
  leadingColumns,
  referableLists,
} from './postgres-keys.ts';
import { type MysqlType, mysqlChoices, mysqlType, type ResolvedType, resolvedType } from './postgres-to-mysql.ts';

/** What all tables of a catalog have in common. */
export interface Shared {
  readonly source: Catalog;
  readonly chosen: ChosenTypes;
  readonly findings: Findings;
  readonly names: MysqlNames;
  /** What MySQL's adapter calls a type in a condition. */
  readonly castTypeOf: (type: string) => string;
}

const COMMENTS = { table: 2_048, column: 1_024 };

export class PostgresTable {
  readonly source: TableDefinition;
  /** The column that AUTO_INCREMENT counts for. */
  readonly counts: string | undefined;
  readonly #shared: Shared;
  readonly #resolved: ReadonlyMap<string, ResolvedType>;
  readonly #types: ReadonlyMap<string, MysqlType>;
  /** Computed columns that are carried. */
  readonly #computed = new Map<string, string>();

  constructor(source: TableDefinition, shared: Shared) {
    this.source = source;
    this.#shared = shared;
    const { types } = shared.source;
    this.#resolved = new Map(source.columns.map(({ name, type }) => [name, resolvedType(type, types)]));
    this.#types = fittedTypes(source, new Map(source.columns.flatMap((column) => this.#map(column))));
    this.#tellOfValues();
    this.counts = this.#counted();
    for (const { name, generated } of source.columns) {
      if (generated === null) continue;
      const translated = translate(generated.expression, POSTGRES, MYSQL, this.#classOf);
      if (translated === undefined) this.#stays('generated column', name);
      else this.#computed.set(name, translated.text);
    }
  }

  /** MySQL's type of a column. */
  typeOf(column: string): MysqlType | undefined {
    return this.#types.get(column);
  }

  convert(tables: ReadonlyMap<TableId, PostgresTable>): { source: TableDefinition; onTarget: TableDefinition } {
    const { table, columns, key, uniqueConstraints, indexes, foreignKeys, comment } = this.source;
    const both = table.columns.map((column) => this.#tableColumn(column));
    const foreign = foreignKeys.flatMap((one) => this.#foreignKey(one, tables) ?? []);
    const converted: TableDefinition = {
      table: { ...table, columns: both.map(({ onTarget }) => onTarget) },
      inherits: [],
      columns: columns.flatMap((column) => this.#column(column) ?? []),
      key: key === null ? null : (this.#key(key) ?? null),
      checks: this.#checks(foreign),
      uniqueConstraints: uniqueConstraints.flatMap((one) => this.#unique(one) ?? []),
      indexes: indexes.flatMap((index) => this.#index(index) ?? []),
      foreignKeys: foreign,
      partitionOf: null,
      settings: [],
      comment: this.#comment(comment, COMMENTS.table, 'the table'),
    };
    return {
      source: { ...this.source, table: { ...table, columns: both.map(({ source }) => source) } },
      onTarget: converted,
    };
  }

  #stays(kind: string, name: string): undefined {
    return this.#shared.findings.stays(kind, name, this.source.table);
  }

  #find(
    level: 'error' | 'warning' | 'info',
    code: Parameters<Findings['add']>[1],
    column: string,
    message: string,
    cure?: string,
  ): void {
    this.#shared.findings.add(level, code, columnPath(this.source.table, column), message, cure);
  }

  #map(column: ColumnDefinition): readonly (readonly [string, MysqlType])[] {
    const { name } = column;
    const resolved = this.#resolved.get(name) ?? { type: column.type, labels: undefined, isDomain: false };
    const wanted = this.#shared.chosen.of(this.source.table, name);
    const place = { keyed: keyedCharacters(this.source, name), finding: this.#finds(name) };
    const found = mysqlType(resolved, place, wanted);
    if (found !== undefined) {
      this.#tell(column, found, resolved.isDomain);
      return [[name, found]];
    }
    const choices = mysqlChoices(resolved);
    const list = choices.length === 0 ? '' : `; it may become ${choices.join(', ')}`;
    const cure = `Correct convert.columns: { ${JSON.stringify(columnPath(this.source.table, name))}: ${choices[0] ?? '…'} }`;
    this.#find('error', 'CONVERT_COLUMN', name, `values of ${column.type} are not carried as ${wanted}${list}`, cure);
    return [];
  }

  #tell({ name, type }: ColumnDefinition, found: MysqlType, isDomain: boolean): void {
    const path = JSON.stringify(columnPath(this.source.table, name));
    if (found.asText === true)
      this.#find('warning', 'CONVERT_TEXT', name, `${type} becomes the text that PostgreSQL prints, in ${found.type}`);
    if (found.limited === true) {
      const message = `it is in a key or unique constraint and becomes ${found.type}: a longer value stops the run`;
      this.#find(
        'warning',
        'CONVERT_KEY_LENGTH',
        name,
        message,
        `Where it is too short: convert.columns: { ${path}: … }`,
      );
    }
    if (isDomain)
      this.#find(
        'warning',
        'CONVERT_DOMAIN',
        name,
        `domain ${type} becomes ${found.type}, without its checks and default`,
      );
  }

  /** Once for all columns that refuse the same. */
  #tellOfValues(): void {
    const columns = new Map<string, string[]>();
    for (const [name, { refuses }] of this.#types) {
      if (refuses === undefined || !this.#isStored(name)) continue;
      columns.set(refuses, [...(columns.get(refuses) ?? []), name]);
    }
    for (const [values, names] of columns) {
      const message = `MySQL's types of ${names.join(', ')} do not take ${values}: such a value stops the run`;
      this.#shared.findings.add('info', 'CONVERT_VALUES', this.source.table.id, message);
    }
  }

  #finds(column: string): boolean {
    const { table } = this.source;
    return table.identity === 'key' && table.key.some((place) => table.columns[place]?.name === column);
  }

  #counted(): string | undefined {
    const { columns, table } = this.source;
    const leading = leadingColumns(this.source);
    const owned = this.#shared.source.sequences.flatMap(({ owner }) =>
      owner?.table === table.id ? [owner.column] : [],
    );
    return columns.find(
      ({ name, identity, defaultExpression }) =>
        (identity !== null || defaultExpression?.startsWith('nextval(') === true) &&
        owned.includes(name) &&
        /^(small|big)?int$/.test(this.typeOf(name)?.type ?? '') &&
        leading.has(name),
    )?.name;
  }

  #tableColumn(column: Column): { readonly source: Column; readonly onTarget: Column } {
    const found = this.typeOf(column.name);
    if (found === undefined) return { source: column, onTarget: column };
    const { type, form, comparedAs } = found;
    const handling = comparedAs === undefined ? [] : [COMPARED_AS[comparedAs]];
    return {
      source: handling.length === 0 ? column : { ...column, handling: [...(column.handling ?? []), ...handling] },
      onTarget: { name: column.name, type, castType: this.#shared.castTypeOf(type), handling: formHandling(form) },
    };
  }

  #column(column: ColumnDefinition): ColumnDefinition | undefined {
    const { name, notNull, defaultExpression, generated } = column;
    const found = this.typeOf(name);
    const { type, collation = null } = found ?? column;
    const converted: ColumnDefinition = {
      name,
      type,
      collation: collation ?? null,
      notNull,
      notNullName: null,
      defaultExpression: null,
      identity: null,
      generated: null,
      settings: [],
      comment: this.#comment(column.comment, COMMENTS.column, name),
    };
    if (generated !== null) {
      const expression = this.#computed.get(name);
      return expression === undefined ? undefined : { ...converted, generated: { expression, stored: true } };
    }
    if (this.counts === name) return { ...converted, notNull: true, identity: 'by default' };
    const made = defaultExpression === null ? null : mysqlDefault(type, found?.form ?? '', defaultExpression);
    if (made === undefined) this.#stays('default of', name);
    return { ...converted, defaultExpression: made ?? null };
  }

  #comment(comment: string | null, longest: number, of: string): string | null {
    if (comment === null || [...comment].length <= longest) return comment;
    this.#stays('comment on', of);
    return null;
  }

  readonly #classOf: ClassOf = (name): ValueClass => {
    const column = this.source.columns.find((each) => each.name === name);
    const { type = '', form = '' } = this.typeOf(name) ?? {};
    // MySQL does not take it in a check.
    if (column === undefined || column.generated !== null || this.counts === name) return 'other';
    if (form === 'boolean') return 'truth';
    if (/^(small|big)?int$|^decimal/.test(type) && form !== 'money') return 'number';
    if (
      /^(varchar|longtext)/.test(type) &&
      form === 'plain' &&
      /^(text|character varying)/.test(this.#resolved.get(name)?.type ?? '')
    )
      return 'exact text';
    return form === 'date' || form === 'moment' ? 'moment' : 'other';
  };

  #object(name: string, definition: string, of: TableObjectDefinition): TableObjectDefinition {
    return { name, definition, comment: of.comment, roles: [] };
  }

  /** A name within the database. */
  #constraintName(kind: string, name: string): string {
    const { id, schema } = this.source.table;
    return this.#shared.names.in(`${kind} ${schema}`, id, name);
  }

  /** A name within the table. */
  #indexName(name: string): string {
    const { id } = this.source.table;
    return this.#shared.names.in(id, id, /^primary$/i.test(name) ? `${name}_key` : name);
  }

  #hasColumns(columns: readonly string[]): boolean {
    return columns.every(
      (name) => this.typeOf(name) !== undefined && (this.#computed.has(name) || this.#isStored(name)),
    );
  }

  #isStored(name: string): boolean {
    return this.source.columns.some((column) => column.name === name && column.generated === null);
  }

  #key(key: KeyDefinition): KeyDefinition | undefined {
    const columns = columnsOf(key);
    if (columns === undefined || !this.#hasColumns(columns)) return this.#stays('key', key.name);
    if (readKey(key.definition)?.deferrable === true) return this.#deferred(key) ?? this.#stays('key', key.name);
    const primary = key.definition.startsWith('PRIMARY');
    const definition = `${primary ? 'PRIMARY KEY' : 'UNIQUE'} (${nameList(MYSQL, columns)})`;
    return { ...this.#object(primary ? 'PRIMARY' : this.#indexName(key.name), definition, key), kind: 'constraint' };
  }

  #deferred({ name }: TableObjectDefinition): undefined {
    const message = 'it may be broken until a transaction ends, and no key of MySQL may: it is not made there';
    this.#shared.findings.add('warning', 'CONVERT_CONSTRAINT', `${this.source.table.id} ${name}`, message);
  }

  #unique(one: TableObjectDefinition): TableObjectDefinition | undefined {
    const read = readKey(one.definition);
    if (read === undefined || !this.#hasColumns(read.columns)) return this.#stays('constraint', one.name);
    if (read.deferrable) return this.#deferred(one) ?? this.#stays('constraint', one.name);
    return this.#object(this.#indexName(one.name), `UNIQUE (${nameList(MYSQL, read.columns)})`, one);
  }

  #index(index: TableObjectDefinition): TableObjectDefinition | undefined {
    const read = readIndex(index.definition);
    const columns = read?.parts.map(({ column }) => column) ?? [];
    if (
      read === undefined ||
      !this.#hasColumns(columns) ||
      columns.some((name) => this.typeOf(name)?.type === 'json')
    ) {
      return this.#stays('index', index.name);
    }
    const share = indexedCharacters(columns.length);
    const parts = read.parts.map(({ column, descending }) => {
      const { type = '' } = this.typeOf(column) ?? {};
      const long = /^(.*text|.*blob)$/.test(type) || Number(/^var\w+\((\d+)\)$/.exec(type)?.[1] ?? 0) > share;
      return `${MYSQL.name(column)}${long ? `(${share})` : ''}${descending ? ' DESC' : ''}`;
    });
    const name = this.#indexName(index.name);
    const head = `CREATE ${read.unique ? 'UNIQUE ' : ''}INDEX ${MYSQL.name(name)} ON ${tableName(MYSQL, this.source.table)}`;
    return this.#object(name, `${head} (${parts.join(', ')})`, index);
  }

  #foreignKey(
    one: ForeignKeyDefinition,
    tables: ReadonlyMap<TableId, PostgresTable>,
  ): ForeignKeyDefinition | undefined {
    const read = readForeignKey(one.definition);
    const other = one.references === null ? undefined : tables.get(one.references);
    const alike = read?.columns.every((name, place) => {
      const theirs = other?.typeOf(read.references[place] ?? '');
      const own = this.typeOf(name);
      return areAlike(own, theirs);
    });
    const known =
      read !== undefined &&
      other !== undefined &&
      referableLists(other.source).includes(JSON.stringify(read.references));
    if (read === undefined || other === undefined || alike !== true || !known || !this.#hasColumns(read.columns)) {
      return this.#stays('foreign key', one.name);
    }
    if (read.deferrable) {
      const message = 'it may be broken until a transaction ends; MySQL checks it with every statement';
      this.#shared.findings.add('info', 'CONVERT_CONSTRAINT', `${this.source.table.id} ${one.name}`, message);
    }
    const target = `${tableName(MYSQL, other.source.table)} (${nameList(MYSQL, read.references)})`;
    const definition = `FOREIGN KEY (${nameList(MYSQL, read.columns)}) REFERENCES ${target}${read.actions}`;
    const name = this.#constraintName('foreign keys', one.name);
    return { ...one, ...this.#object(name, definition, one) };
  }

  /** MySQL takes no check on a column that a foreign key may change. */
  #checks(foreignKeys: readonly ForeignKeyDefinition[]): readonly TableObjectDefinition[] {
    const changed = new Set(
      foreignKeys.flatMap(({ definition }) => {
        const read = readForeignKey(definition.replaceAll('`', '"'));
        return read === undefined || read.actions === '' ? [] : read.columns;
      }),
    );
    return this.source.checks.flatMap((check) => {
      const inner = /^CHECK \(([\s\S]*)\)( NO INHERIT)?$/.exec(check.definition)?.[1] ?? '';
      const translated = translate(inner, POSTGRES, MYSQL, this.#classOf);
      if (translated === undefined || translated.columns.some((name) => changed.has(name))) {
        return this.#stays('check', check.name) ?? [];
      }
      return this.#object(this.#constraintName('checks', check.name), `CHECK (${translated.text})`, check);
    });
  }
}
