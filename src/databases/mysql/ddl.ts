// The clauses and statements that make a table and complete it. Pure: definitions go in, texts come out.

import type { ColumnDefinition, TableDefinition, TableObjectDefinition } from '../../model/catalog.ts';
import { firstColumn, partsOf, readIndex } from './definitions.ts';
import { quoteLiteral, quoteName, quoteTable } from './sql.ts';

/** Something that is added to a table once its rows are there. */
export interface Addition {
  readonly subject: string;
  /** By which it is found to be there already: an index of that name, a foreign key of that name, AUTO_INCREMENT. */
  readonly kind: 'index' | 'foreign key' | 'auto increment';
  readonly name: string;
  /** What follows ALTER TABLE. */
  readonly clause: string;
  /** The server makes one of these at a time. */
  readonly alone: boolean;
}

/**
 * The table with its key and checks. AUTO_INCREMENT needs an index: the key, one that may be there from the start, or else it
 * is left out.
 */
export function createTable(definition: TableDefinition): string {
  const { table, columns, key, checks, settings, comment } = definition;
  const automatic = automaticColumn(definition);
  const lines = [
    ...columns.map((column) => columnClause(column, { automatic: automatic?.isLate !== true })),
    ...(key === null ? [] : [constraintClause(key)]),
    ...(automatic?.index === undefined ? [] : [indexClause(automatic.index)]),
    ...checks.map(({ name, definition: text }) => `CONSTRAINT ${quoteName(name)} ${text}`),
  ];
  const options = ['ENGINE = InnoDB', ...settings, `COMMENT = ${quoteLiteral(comment ?? '')}`];
  return `CREATE TABLE ${quoteTable(table)} (\n  ${lines.join(',\n  ')}\n) ${options.join(' ')}`;
}

/** What forbids the states in between of a copy that was resumed, or slows loading; foreign keys come last. */
export function additionsOf(definition: TableDefinition): readonly Addition[] {
  const { table, columns, uniqueConstraints, indexes } = definition;
  const automatic = automaticColumn(definition);
  const late = columns.filter(({ identity }) => identity !== null && automatic?.isLate === true);
  return [
    ...uniqueConstraints.map(
      (one): Addition => ({
        ...named('index', one.name, `constraint ${quoteName(one.name)} on ${table.id}`),
        clause: `ADD ${constraintClause(one)}`,
      }),
    ),
    ...indexes.map(
      (one): Addition => ({
        ...named('index', one.name, `index ${quoteName(one.name)} on ${table.id}`),
        clause: `ADD ${indexClause(one)}`,
        alone: readIndex(one).kind === 'FULLTEXT ',
      }),
    ),
    ...late.map(
      (column): Addition => ({
        ...named('auto increment', column.name, `AUTO_INCREMENT of ${quoteName(column.name)} on ${table.id}`),
        clause: `MODIFY COLUMN ${columnClause(column, { automatic: true })}`,
      }),
    ),
  ];
}

export function foreignKeysOf({ table, foreignKeys }: TableDefinition): readonly Addition[] {
  return foreignKeys.map(
    ({ name, definition }): Addition => ({
      ...named('foreign key', name, `foreign key ${quoteName(name)} on ${table.id}`),
      clause: `ADD CONSTRAINT ${quoteName(name)} ${definition}`,
    }),
  );
}

function named(kind: Addition['kind'], name: string, subject: string): Omit<Addition, 'clause'> {
  return { subject, kind, name, alone: false };
}

/** `automatic`: with AUTO_INCREMENT, where the column has it. */
export function columnClause(column: ColumnDefinition, { automatic }: { readonly automatic: boolean }): string {
  const { name, type, collation, notNull, defaultExpression, identity, generated, settings, comment } = column;
  const parts = [quoteName(name), type];
  if (collation !== null) parts.push(`COLLATE ${quoteName(collation)}`);
  if (generated !== null) {
    parts.push(`GENERATED ALWAYS AS (${generated.expression}) ${generated.stored ? 'STORED' : 'VIRTUAL'}`);
  }
  // Said in any case: a timestamp that says nothing may be NOT NULL.
  parts.push(notNull ? 'NOT NULL' : 'NULL');
  if (defaultExpression !== null) parts.push(`DEFAULT ${defaultText(type, defaultExpression)}`);
  if (identity !== null && automatic) parts.push('AUTO_INCREMENT');
  parts.push(...settings);
  if (comment !== null) parts.push(`COMMENT ${quoteLiteral(comment)}`);
  return parts.join(' ');
}

const LITERAL =
  /^(?:null|true|false|[+-]?[\d.]+(?:e[+-]?\d+)?|'(?:[^'\\]|''|\\.)*'|b'[01]*'|x'[0-9a-f]*'|0x[0-9a-f]+)$/is;
const NOW = /^(?:current_timestamp|now|localtime|localtimestamp)(?:\(\d?\))?$/i;
/** Their defaults are expressions, literals too. */
const LARGE = /^((tiny|medium|long)?(text|blob)|json|vector\b.*|(multi)?(point|linestring|polygon)|geom\w*)$/;

/** Everything but a literal and the current time stands in parentheses. */
function defaultText(type: string, expression: string): string {
  if (NOW.test(expression)) return /^(datetime|timestamp)/.test(type) ? expression : `(${expression})`;
  return LITERAL.test(expression) && !LARGE.test(type) ? expression : `(${expression})`;
}

/** A primary key that finds no row is a constraint like others. */
function constraintClause(constraint: TableObjectDefinition): string {
  const { name, definition } = constraint;
  const what = definition.startsWith('PRIMARY KEY')
    ? definition
    : `UNIQUE INDEX ${quoteName(name)} ${partsOf(definition)}`;
  return `${what}${commentOf(constraint)}`;
}

function indexClause(index: TableObjectDefinition): string {
  const { kind, parts } = readIndex(index);
  return `${kind}INDEX ${quoteName(index.name)} ${parts}${commentOf(index)}`;
}

function commentOf({ comment }: TableObjectDefinition): string {
  return comment === null ? '' : ` COMMENT ${quoteLiteral(comment)}`;
}

interface AutomaticColumn {
  /** One that may be there from the start, when it is needed besides the key. */
  readonly index?: TableObjectDefinition;
  /** Nothing but a unique index begins with the column: that is built late, and AUTO_INCREMENT with it. */
  readonly isLate: boolean;
}

function automaticColumn({ columns, key, uniqueConstraints, indexes }: TableDefinition): AutomaticColumn | undefined {
  const name = columns.find(({ identity }) => identity !== null)?.name;
  if (name === undefined) return undefined;
  if (key !== null && firstColumn(partsOf(key.definition)) === name) return { isLate: false };
  const begins = indexes.filter((index) => firstColumn(readIndex(index).parts) === name);
  const index = begins.find((one) => readIndex(one).kind === '');
  if (index !== undefined) return { index, isLate: false };
  const isUnique = uniqueConstraints.some((one) => firstColumn(partsOf(one.definition)) === name);
  return { isLate: isUnique || begins.some((one) => readIndex(one).kind === 'UNIQUE ') };
}
