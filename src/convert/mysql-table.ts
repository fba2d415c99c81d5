// One table of MySQL or MariaDB as PostgreSQL has it.

import type {
  ColumnDefinition,
  ForeignKeyDefinition,
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
import { hasCounterpart, type IcuCollations } from './icu-collations.ts';
import { columnNames, type IndexPart, indexParts } from './index-parts.ts';
import { defaultFor, labelsOf } from './mysql-defaults.ts';
import { choicesFor, type MappedType, mappedType, postgresCastType } from './mysql-to-postgres.ts';
import { onUpdateTrigger } from './on-update.ts';
import type { ConvertOptions } from './pair.ts';
import type { PostgresNames } from './postgres-names.ts';

/** What all tables of a catalog have in common. */
export interface Shared {
  readonly options: ConvertOptions;
  readonly chosen: ChosenTypes;
  readonly findings: Findings;
  readonly names: PostgresNames;
  readonly collations: IcuCollations;
  /** As the source has them. */
  readonly tables: ReadonlyMap<TableId, TableDefinition>;
}

export interface ConvertedTable {
  /** With what its adapter has to know. */
  readonly source: TableDefinition;
  readonly onTarget: TableDefinition;
}

/** PostgreSQL's adapter asks for it: the values of an array would come apart. */
const ARRAY_HANDLING = ['rides as text'];
/** Longer keys do not fit a page of an index. */
const MOST_INDEXED = 600;

export class MysqlTable {
  readonly #source: TableDefinition;
  readonly #shared: Shared;
  readonly #mapped: ReadonlyMap<string, MappedType>;
  /** Computed columns that are carried. */
  readonly #computed = new Map<string, string>();
  /** Keys and references by name, with those of their columns whose different texts may be equal. */
  readonly #folded: readonly (readonly [name: string, columns: readonly ColumnDefinition[]])[];

  constructor(source: TableDefinition, shared: Shared) {
    this.#source = source;
    this.#shared = shared;
    this.#mapped = new Map(source.columns.flatMap((column) => this.#map(column)));
    for (const { name, generated } of source.columns) {
      if (generated === null) continue;
      const translated = translate(generated.expression, MYSQL, POSTGRES, this.#classOf);
      if (translated === undefined || !this.#mapped.has(name)) this.#stays('generated column', name);
      else this.#computed.set(name, translated.text);
    }
    this.#folded = this.#foldedLists();
  }

  convert(): ConvertedTable {
    const { table, columns, key, uniqueConstraints, indexes, foreignKeys } = this.#source;
    const both = table.columns.map((column) => this.#tableColumn(column));
    this.#warnOfCollations();
    // A primary key over the beginning of a column is an index here.
    const isPart = ({ definition }: TableObjectDefinition): boolean =>
      columnNames(listOf(definition), MYSQL) === undefined;
    const [parts, whole] = [uniqueConstraints.filter(isPart), uniqueConstraints.filter((one) => !isPart(one))];
    return {
      source: { ...this.#source, table: { ...table, columns: both.map(({ source }) => source) } },
      onTarget: {
        ...this.#source,
        table: { ...table, columns: both.map(({ onTarget }) => onTarget) },
        columns: columns.flatMap((column) => this.#column(column) ?? []),
        key: key && { ...this.#constraint(key, 'pkey'), kind: 'constraint' },
        checks: [...this.#enumChecks(), ...this.#checks()],
        uniqueConstraints: whole.flatMap((one) =>
          this.#isCarried(listOf(one.definition))
            ? this.#constraint(one, one.name)
            : (this.#stays('unique key', one.name) ?? []),
        ),
        indexes: [...parts.map(asIndex), ...indexes].flatMap((index) => this.#index(index) ?? []),
        foreignKeys: foreignKeys.flatMap((one) => this.#foreignKey(one) ?? []),
        settings: [],
      },
    };
  }

  #stays(kind: string, name: string): undefined {
    return this.#shared.findings.stays(kind, name, this.#source.table);
  }

  #map(column: ColumnDefinition): readonly (readonly [string, MappedType])[] {
    const { options, chosen, findings } = this.#shared;
    const { table } = this.#source;
    const wanted = chosen.of(table, column.name);
    const mapped = mappedType(column, options, wanted);
    // No row could be found by NULL.
    if (mapped !== undefined)
      return [[column.name, this.#finds(column.name) ? { ...mapped, makesNull: false } : mapped]];
    const path = columnPath(table, column.name);
    const choices = choicesFor(column);
    const list = choices.length === 0 ? '' : `; it may become ${choices.join(', ')}`;
    const message =
      wanted === undefined
        ? `PostgreSQL has no type for the values of ${shortened(column.type)}${list}`
        : `values of ${shortened(column.type)} are not carried as ${wanted}${list}`;
    const cure =
      choices.length === 0
        ? `Exclude the table: tables.exclude: [${JSON.stringify(`${table.schema}.${table.name}`)}]`
        : `convert.columns: { ${JSON.stringify(path)}: ${choices[0]} }`;
    findings.add('error', wanted === undefined ? 'CONVERT_TYPE' : 'CONVERT_COLUMN', path, message, cure);
    return [];
  }

  #finds(column: string): boolean {
    const { table } = this.#source;
    return table.identity === 'key' && table.key.some((place) => table.columns[place]?.name === column);
  }

  #tableColumn(column: Column): { readonly source: Column; readonly onTarget: Column } {
    const mapped = this.#mapped.get(column.name);
    if (mapped === undefined) return { source: column, onTarget: column };
    const { type, form, makesNull = false, comparedAs } = mapped;
    const handling = comparedAs === undefined ? [] : [COMPARED_AS[comparedAs]];
    return {
      source: { ...column, handling: [...(column.handling ?? []), ...formHandling(form, makesNull)] },
      onTarget: {
        name: column.name,
        type,
        castType: postgresCastType(type),
        ...(type.endsWith('[]') ? { handling: ARRAY_HANDLING } : handling.length > 0 ? { handling } : {}),
      },
    };
  }

  #column(column: ColumnDefinition): ColumnDefinition | undefined {
    const mapped = this.#mapped.get(column.name);
    // A column without a type was found as an error; whether the rest can be made is to be seen nevertheless.
    const type = mapped?.type ?? 'text';
    const converted = { ...column, type, collation: this.#collationOf(column), settings: [] };
    if (column.generated !== null) {
      const expression = this.#computed.get(column.name);
      return expression === undefined
        ? undefined
        : { ...converted, defaultExpression: null, generated: { expression, stored: true } };
    }
    const { defaultExpression } = column;
    const translated = defaultExpression === null ? null : defaultFor(type, defaultExpression);
    if (translated === undefined) this.#stays('default of', column.name);
    if (column.settings.some((setting) => setting.startsWith('ON UPDATE'))) this.#tellOfUpdates(column.name, type);
    return {
      ...converted,
      notNull: column.notNull && mapped?.makesNull !== true,
      defaultExpression: translated ?? null,
    };
  }

  #tellOfUpdates(column: string, type: string): void {
    const { table } = this.#source;
    const message =
      'MySQL sets it to the time of each update, and PostgreSQL has no such setting: after the cutover the applications or a ' +
      'trigger must do it';
    const others = table.columns.map(({ name }) => name).filter((name) => name !== column);
    const name = this.#shared.names.in(table, `${column}_on_update`);
    const cure = onUpdateTrigger({ table, column, type, others, name });
    this.#shared.findings.add('warning', 'CONVERT_ON_UPDATE', columnPath(table, column), message, cure);
  }

  #columnOf(name: string): ColumnDefinition | undefined {
    return this.#source.columns.find((column) => column.name === name);
  }

  readonly #classOf: ClassOf = (name): ValueClass => {
    const column = this.#columnOf(name);
    const mapped = this.#mapped.get(name);
    if (column === undefined || mapped === undefined || column.generated !== null) return 'other';
    if (/^(smallint|integer|bigint|numeric)/.test(mapped.type) && mapped.form !== 'year') return 'number';
    if (/^(char|varchar|tinytext|mediumtext|longtext|text)/.test(column.type) && /^(varchar|text)/.test(mapped.type)) {
      return /_bin$/.test(column.collation ?? '') ? 'exact text' : 'text';
    }
    return /^(date$|timestamp\()/.test(mapped.type) && mapped.form !== 'plain' ? 'moment' : 'other';
  };

  #enumChecks(): readonly TableObjectDefinition[] {
    return this.#source.columns.flatMap(({ name, type }) => {
      if (!type.startsWith('enum(') || !this.#mapped.has(name)) return [];
      const labels = labelsOf(type).map((label) => POSTGRES.text(label).trim());
      return this.#object(`${name}_check`, `CHECK (${POSTGRES.name(name)} IN (${labels.join(', ')}))`);
    });
  }

  #checks(): readonly TableObjectDefinition[] {
    return this.#source.checks.flatMap((check) => {
      const inner = /^CHECK \(([\s\S]*)\)$/.exec(check.definition)?.[1] ?? '';
      const translated = translate(inner, MYSQL, POSTGRES, this.#classOf);
      if (translated === undefined) return this.#stays('check', check.name) ?? [];
      return this.#object(check.name, `CHECK (${translated.text})`);
    });
  }

  #object(name: string, definition: string, of?: TableObjectDefinition): TableObjectDefinition {
    const named = this.#shared.names.in(this.#source.table, name);
    return { name: named, definition, comment: of?.comment ?? null, roles: [] };
  }

  #constraint(one: TableObjectDefinition, name: string): TableObjectDefinition {
    const columns = columnNames(listOf(one.definition), MYSQL) ?? [];
    const kind = one.definition.startsWith('PRIMARY') ? 'PRIMARY KEY' : 'UNIQUE';
    return this.#object(name, `${kind} (${nameList(POSTGRES, columns)})`, one);
  }

  /** Whether PostgreSQL has every column of a list. */
  #isCarried(list: string): boolean {
    const parts = indexParts(list, MYSQL);
    return parts?.every(({ column }) => this.#hasColumn(column)) === true;
  }

  #hasColumn(name: string): boolean {
    return this.#columnOf(name)?.generated === null || this.#computed.has(name);
  }

  #index(index: TableObjectDefinition): TableObjectDefinition | undefined {
    const { definition, name } = index;
    const unique = /^CREATE UNIQUE INDEX /.test(definition);
    const parts = /^CREATE (UNIQUE )?INDEX /.test(definition) ? indexParts(listOf(definition), MYSQL) : undefined;
    const texts = parts?.map((part) => (this.#hasColumn(part.column) ? this.#indexPart(part, unique) : undefined));
    if (texts === undefined || texts.includes(undefined)) return this.#stays('index', name);
    const table = tableName(POSTGRES, this.#source.table);
    const made = this.#object(name, '', index);
    const head = `CREATE ${unique ? 'UNIQUE ' : ''}INDEX ${POSTGRES.name(made.name)} ON ${table}`;
    return { ...made, definition: `${head} (${texts.join(', ')})` };
  }

  /** The first characters of a column, unless all of them are few: an expression serves fewer queries. */
  #indexPart({ column, length, descending }: IndexPart, unique: boolean): string | undefined {
    const name = POSTGRES.name(column);
    const order = descending ? ' DESC' : '';
    const { type = '' } = this.#mapped.get(column) ?? {};
    const longest = Number(/^varchar\((\d+)\)$/.exec(type)?.[1] ?? Number.POSITIVE_INFINITY);
    if (type === 'json') return undefined;
    if (length === null || (!unique && longest <= MOST_INDEXED)) return `${name}${order}`;
    if (type === 'bytea') return `substr(${name}, 1, ${length})${order}`;
    return /^(varchar|text)/.test(type) ? `left(${name}, ${length})${order}` : undefined;
  }

  /** PostgreSQL asks for a unique constraint over just these columns, MySQL for any index. */
  #foreignKey(one: ForeignKeyDefinition): ForeignKeyDefinition | undefined {
    const [, own = '', rest = ''] = /^FOREIGN KEY (\([^\0]*?\)) REFERENCES ([^\0]*)$/.exec(one.definition) ?? [];
    const [, theirs = '', actions = ''] = /(\((?:`(?:[^`]|``)*`(?:, )?)+\))([^`]*)$/.exec(rest) ?? [];
    const referenced = one.references === null ? undefined : this.#shared.tables.get(one.references);
    const unique =
      referenced && [referenced.key, ...referenced.uniqueConstraints].map((each) => listOf(each?.definition ?? ''));
    if (referenced !== undefined && unique?.includes(theirs) !== true) return this.#stays('foreign key', one.name);
    if (referenced !== undefined && !this.#comparesAlike(own, theirs, referenced))
      return this.#stays('foreign key', one.name);
    const list = (text: string): string => nameList(POSTGRES, columnNames(text, MYSQL) ?? []);
    const table = /^`((?:[^`]|``)*)`\.`((?:[^`]|``)*)`/.exec(rest);
    const [schema = '', name = ''] = (table ?? []).slice(1).map((part) => part.replaceAll('``', '`'));
    const definition = `FOREIGN KEY (${list(own)}) REFERENCES ${tableName(POSTGRES, { schema, name })} (${list(theirs)})${actions}`;
    return { ...one, ...this.#object(one.name, definition, one) };
  }

  /** Texts that are compared by two collations of ICU refer to nothing. */
  #comparesAlike(own: string, theirs: string, referenced: TableDefinition): boolean {
    if (!this.#shared.collations.isWanted) return true;
    const others = columnNames(theirs, MYSQL) ?? [];
    return (columnNames(own, MYSQL) ?? []).every((name, index) => {
      const other = referenced.columns.find((column) => column.name === others[index]);
      return this.#columnOf(name)?.collation === other?.collation;
    });
  }

  #foldedLists(): readonly (readonly [string, readonly ColumnDefinition[]])[] {
    const { key, uniqueConstraints, indexes, foreignKeys } = this.#source;
    const unique = [
      ...(key === null ? [] : [key]),
      ...uniqueConstraints,
      ...indexes.filter(({ definition }) => definition.startsWith('CREATE UNIQUE')),
    ];
    const lists = [
      ...unique.map(({ name, definition }) => [name, listOf(definition)] as const),
      ...foreignKeys.map(({ name, definition }) => [name, /\([^\0]*?\)/.exec(definition)?.[0] ?? ''] as const),
    ];
    return lists.map(([name, list]) => {
      const folded = (indexParts(list, MYSQL) ?? []).filter(({ column }) => this.#classOf(column) === 'text');
      return [name, folded.flatMap(({ column }) => this.#columnOf(column) ?? [])];
    });
  }

  #collationOf(column: ColumnDefinition): string | null {
    const isFolded = this.#folded.some(([, columns]) => columns.includes(column));
    return isFolded ? this.#shared.collations.of(column.collation) : null;
  }

  /** MySQL takes texts for equal that PostgreSQL does not. */
  #warnOfCollations(): void {
    const { collations, findings } = this.#shared;
    for (const [name, columns] of this.#folded) {
      const left = columns.filter((column) => collations.of(column.collation) === null);
      if (left.length === 0) continue;
      const texts = left.map((column) => `${column.name} (${column.collation ?? 'no collation'})`);
      const message =
        `${name} compares ${texts.join(', ')} without regard to case, accents or blanks at the end, PostgreSQL by every ` +
        'character: there it lets in what MySQL refused, and a reference written in another case finds nothing';
      const cure = 'convert: { caseInsensitive: icu }  # in the plan';
      const isCured = !collations.isWanted && left.every(({ collation }) => hasCounterpart(collation));
      findings.add(
        'warning',
        'CONVERT_COLLATION',
        `${this.#source.table.id} ${name}`,
        message,
        isCured ? cure : undefined,
      );
    }
  }
}

function asIndex(constraint: TableObjectDefinition): TableObjectDefinition {
  return { ...constraint, definition: `CREATE UNIQUE INDEX ON ${listOf(constraint.definition)}` };
}

/** The list of columns that ends a definition. */
function listOf(definition: string): string {
  return /\((?:`(?:[^`]|``)*`(?:\(\d+\))?(?: DESC)?(?:, )?)+\)$/.exec(definition)?.[0] ?? '';
}

function shortened(type: string): string {
  return type.length > 60 ? `${type.slice(0, 60)}…` : type;
}
