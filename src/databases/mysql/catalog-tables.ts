// Rows of information_schema → the definition of one table, in MySQL's own terms.

import type {
  ColumnDefinition,
  ForeignKeyDefinition,
  SequenceDefinition,
  TableDefinition,
  TableObjectDefinition,
} from '../../model/catalog.ts';
import { type Column, type Table, tableId } from '../../model/table.ts';
import type { TextRow } from './connection.ts';
import { expressionText } from './expressions.ts';
import { quoteLiteral, quoteName, quoteTable } from './sql.ts';
import { castTypeOf } from './values.ts';

/** What information_schema has of one table. */
export interface TableFacts {
  readonly isMariadb: boolean;
  readonly table: TextRow;
  readonly columns: readonly TextRow[];
  readonly indexes: readonly TextRow[];
  readonly foreignKeys: readonly TextRow[];
  readonly checks: readonly TextRow[];
}

interface IndexPart {
  readonly column: string | null;
  /** As in the definition: `` `a`(10) DESC ``. */
  readonly text: string;
  /** A whole column. */
  readonly isWhole: boolean;
  /** In ascending order. */
  readonly isPlain: boolean;
}

interface Index {
  readonly name: string;
  readonly isUnique: boolean;
  readonly type: string;
  readonly comment: string | null;
  readonly parts: readonly IndexPart[];
}

export function toTable(facts: TableFacts): TableDefinition {
  const [schema, name, , , rows, bytes, comment, collation] = facts.table;
  const table = { schema: schema ?? '', name: name ?? '', id: tableId(schema ?? '', name ?? '') };
  const definitions = facts.columns.map((row) => toColumn(row, facts.isMariadb));
  const columns = definitions
    .filter(({ generated }) => generated === null)
    .map(({ name, type }): Column => ({ name, type, castType: castTypeOf(type) }));
  const indexes = [...grouped(facts.indexes, 2).values()].map((rows) => toIndex(rows, facts.isMariadb));
  const keyIndex = [...indexes.filter(isPrimary), ...indexes].find((one) => isKey(one, definitions));
  const key = keyIndex && keyPlaces(keyIndex, columns);
  const others = indexes.filter((index) => index !== keyIndex);
  const isConstraint = (index: Index): boolean =>
    isPrimary(index) || (index.isUnique && index.parts.every(({ isPlain }) => isPlain));
  const found: Table = {
    ...table,
    columns,
    key: key ?? columns.map((_, index) => index),
    identity: key === undefined ? 'row' : 'key',
    // Texts that a collation holds to be equal are different texts.
    spread:
      key?.every((place) => /^(number|bit|binary|DATE)/.test(columns[place]?.castType ?? '')) === true &&
      !others.some(({ isUnique }) => isUnique),
    rowEstimate: Number(rows ?? 0),
    byteEstimate: Number(bytes ?? 0),
  };
  return {
    table: found,
    inherits: [],
    columns: definitions,
    key: keyIndex === undefined ? null : { ...toConstraint(keyIndex), kind: 'constraint' },
    checks: facts.checks.map(([, , check, clause]) =>
      object(check, `CHECK (${expressionOf(clause ?? '', facts.isMariadb)})`),
    ),
    uniqueConstraints: others.filter(isConstraint).map(toConstraint),
    indexes: others.filter((index) => !isConstraint(index)).map((index) => named(index, createIndex(found, index))),
    foreignKeys: [...grouped(facts.foreignKeys, 2).values()].map(toForeignKey),
    partitionOf: null,
    // Of columns that are added later.
    settings: collation === null || collation === undefined ? [] : [`COLLATE ${collation}`],
    comment: comment === '' ? null : (comment ?? null),
  };
}

/** AUTO_INCREMENT as what it is elsewhere. Its name is one that the target can be given. */
export function toSequences({ table, columns }: TableDefinition): readonly SequenceDefinition[] {
  return columns
    .filter(({ identity }) => identity !== null)
    .map(({ name, type }) => ({
      schema: table.schema,
      name: `${table.name}_${name}_seq`,
      type,
      start: '1',
      increment: '1',
      minimum: '1',
      maximum: '9223372036854775807',
      cache: '1',
      cycle: false,
      owner: { table: table.id, column: name, identity: true },
      users: [],
      comment: null,
    }));
}

function toColumn(row: TextRow, isMariadb: boolean): ColumnDefinition {
  const [, , name, type, nullable, , extra, generation, collation, comment, srid] = row;
  const expression = expressionOf(generation ?? '', isMariadb);
  const isGenerated = expression !== '';
  const onUpdate = /on update \S+/i.exec(extra ?? '');
  return {
    name: name ?? '',
    type: type ?? '',
    collation: collation ?? null,
    notNull: nullable === 'NO',
    notNullName: null,
    defaultExpression: isGenerated ? null : defaultOf(row, isMariadb),
    identity: /auto_increment/i.test(extra ?? '') ? 'by default' : null,
    generated: isGenerated ? { expression, stored: /stored|persistent/i.test(extra ?? '') } : null,
    settings: [
      ...(onUpdate === null ? [] : [onUpdate[0].toUpperCase()]),
      ...(/invisible/i.test(extra ?? '') ? ['INVISIBLE'] : []),
      ...(srid === null || srid === undefined ? [] : [`SRID ${srid}`]),
    ],
    comment: comment === '' ? null : (comment ?? null),
  };
}

/** MariaDB keeps an expression; MySQL the bare text of a literal, unless `EXTRA` says that it is an expression. */
function defaultOf([, , , type, , value, extra]: TextRow, isMariadb: boolean): string | null {
  if (value === null || value === undefined || (isMariadb && value === 'NULL')) return null;
  if (isMariadb) return value;
  if (/DEFAULT_GENERATED/i.test(extra ?? '')) return expressionText(value);
  if (/^bit\b/.test(type ?? '')) return value;
  if (/^(var)?binary\b/.test(type ?? '') && value !== '') return value;
  // Before MySQL 8.0.13 this one was not marked.
  if (/^current_timestamp(\(\d?\))?$/i.test(value)) return value;
  return /^((tiny|small|medium|big)?int|decimal|float|double|year)\b/.test(type ?? '') ? value : quoteLiteral(value);
}

function expressionOf(text: string, isMariadb: boolean): string {
  return isMariadb ? text : expressionText(text);
}

function toIndex(rows: readonly TextRow[], isMariadb: boolean): Index {
  const [, , name, nonUnique, type, , , , , comment] = rows[0] ?? [];
  return {
    name: name ?? '',
    isUnique: nonUnique === '0',
    type: type ?? '',
    comment: comment === '' ? null : (comment ?? null),
    parts: rows.map(([, , , , , column, length, order, expression]) => {
      const what =
        column === null || column === undefined ? `(${expressionOf(expression ?? '', isMariadb)})` : quoteName(column);
      // Of a spatial index it is the size of what is indexed instead.
      const isWhole = length === null || length === undefined || type === 'SPATIAL';
      return {
        column: column ?? null,
        text: `${what}${isWhole ? '' : `(${length})`}${order === 'D' ? ' DESC' : ''}`,
        isWhole: column !== null && isWhole,
        isPlain: column !== null && isWhole && order !== 'D',
      };
    }),
  };
}

function isPrimary({ name }: Index): boolean {
  return name === 'PRIMARY';
}

/**
 * A unique index that finds every row: not by the beginning of a value, because the values would be sorted by no more than that,
 * nor by one that the server computes, which is not among those that a run carries. The primary key comes first.
 */
function isKey(index: Index, columns: readonly ColumnDefinition[]): boolean {
  const required = columns.filter(({ notNull, generated }) => notNull && generated === null);
  const finds = ({ column, isWhole, isPlain }: IndexPart): boolean =>
    (isPrimary(index) ? isWhole : isPlain) && required.some(({ name }) => name === column);
  return index.isUnique && index.parts.every(finds);
}

function keyPlaces({ parts }: Index, columns: readonly Column[]): readonly number[] {
  return parts.map(({ column }) => columns.findIndex(({ name }) => name === column));
}

function toConstraint(index: Index): TableObjectDefinition {
  return named(index, `${isPrimary(index) ? 'PRIMARY KEY' : 'UNIQUE'} (${parts(index)})`);
}

function createIndex(table: Table, index: Index): string {
  const kind = ['FULLTEXT', 'SPATIAL'].includes(index.type) ? `${index.type} ` : index.isUnique ? 'UNIQUE ' : '';
  return `CREATE ${kind}INDEX ${quoteName(index.name)} ON ${quoteTable(table)} (${parts(index)})`;
}

function parts({ parts }: Index): string {
  return parts.map(({ text }) => text).join(', ');
}

function toForeignKey(rows: readonly TextRow[]): ForeignKeyDefinition {
  const [, , name, , schema, table, , onUpdate, onDelete] = rows[0] ?? [];
  const own = rows.map((row) => quoteName(row[3] ?? '')).join(', ');
  const theirs = rows.map((row) => quoteName(row[6] ?? '')).join(', ');
  const referenced = { schema: schema ?? '', name: table ?? '' };
  const rule = (event: string, action: string | null | undefined): string =>
    action === 'NO ACTION' || action === 'RESTRICT' ? '' : ` ON ${event} ${action}`;
  const text = `FOREIGN KEY (${own}) REFERENCES ${quoteTable(referenced)} (${theirs})`;
  return {
    ...object(name, `${text}${rule('UPDATE', onUpdate)}${rule('DELETE', onDelete)}`),
    references: tableId(referenced.schema, referenced.name),
  };
}

function named({ name, comment }: Index, definition: string): TableObjectDefinition {
  return { ...object(name, definition), comment };
}

function object(name: string | null | undefined, definition: string): TableObjectDefinition {
  return { name: name ?? '', definition, comment: null, roles: [] };
}

/** By the text in one place, in the order of the first of each. */
export function grouped(rows: readonly TextRow[], place: number): ReadonlyMap<string, readonly TextRow[]> {
  const groups = new Map<string, TextRow[]>();
  for (const row of rows) {
    const group = groups.get(row[place] ?? '');
    if (group === undefined) groups.set(row[place] ?? '', [row]);
    else group.push(row);
  }
  return groups;
}
