// Reads the texts of definitions, as the catalog has them: words that both sides know, and quoted names.

import { MigrateError } from '../../lib/errors.ts';
import type { ForeignKeyDefinition, TableObjectDefinition } from '../../model/catalog.ts';
import { quoteName } from './sql.ts';

const NAME = '`(?:[^`]|``)*`';
const NAMES = `\\(${NAME}(?:, ${NAME})*\\)`;
const INDEX = new RegExp(`^CREATE (UNIQUE |FULLTEXT |SPATIAL )?INDEX ${NAME} ON ${NAME}\\.${NAME} (\\(.*)$`, 's');
const FOREIGN_KEY = new RegExp(`^FOREIGN KEY (${NAMES}) REFERENCES (${NAME})\\.(${NAME}) (${NAMES})(.*)$`, 's');
const FIRST_NAME = new RegExp(`^\\((${NAME})(?:\\(\\d+\\))?(?: DESC)?[,)]`);
/** Names, and the literals that may have something like a name in them. */
const QUOTED = /(`(?:[^`]|``)*`)|'(?:[^'\\]|''|\\.)*'|"(?:[^"\\]|""|\\.)*"/gs;

export interface IndexText {
  /** `UNIQUE `, `FULLTEXT `, `SPATIAL ` or nothing. */
  readonly kind: string;
  /** In parentheses. */
  readonly parts: string;
}

export function readIndex({ name, definition }: TableObjectDefinition): IndexText {
  const [, kind = '', parts] = INDEX.exec(definition) ?? [];
  if (parts === undefined) throw unreadable('index', name);
  return { kind, parts };
}

export interface ForeignKeyText {
  readonly columns: readonly string[];
  readonly references: { readonly schema: string; readonly name: string; readonly columns: readonly string[] };
  /** What happens on changes of the other table: ` ON DELETE CASCADE`, or nothing. */
  readonly actions: string;
}

export function readForeignKey({ name, definition }: ForeignKeyDefinition): ForeignKeyText {
  const [, columns, schema, table, others, actions] = FOREIGN_KEY.exec(definition) ?? [];
  if (columns === undefined || schema === undefined || table === undefined || others === undefined) {
    throw unreadable('foreign key', name);
  }
  return {
    columns: namesIn(columns),
    references: { schema: unquoted(schema), name: unquoted(table), columns: namesIn(others) },
    actions: actions ?? '',
  };
}

export function foreignKeyText({ columns, references, actions }: ForeignKeyText): string {
  const list = (names: readonly string[]): string => `(${names.map(quoteName).join(', ')})`;
  const table = `${quoteName(references.schema)}.${quoteName(references.name)}`;
  return `FOREIGN KEY ${list(columns)} REFERENCES ${table} ${list(references.columns)}${actions}`;
}

/** The column that comes first in a list of parts; undefined when that is an expression. */
export function firstColumn(parts: string): string | undefined {
  const name = FIRST_NAME.exec(parts)?.[1];
  return name === undefined ? undefined : unquoted(name);
}

/** The list of columns at the end of `PRIMARY KEY (…)` and `UNIQUE (…)`. */
export function partsOf(definition: string): string {
  return definition.slice(definition.indexOf('('));
}

/** A text with every quoted name in it replaced; literals stay as they are. */
export function withNames(text: string, rename: (name: string) => string): string {
  return text.replace(QUOTED, (token: string, name?: string) =>
    name === undefined ? token : quoteName(rename(unquoted(name))),
  );
}

/** The quoted names in a text. */
export function namesIn(text: string): readonly string[] {
  return [...text.matchAll(QUOTED)].flatMap(([, name]) => (name === undefined ? [] : unquoted(name)));
}

function unquoted(name: string): string {
  return name.slice(1, -1).replaceAll('``', '`');
}

function unreadable(kind: string, name: string): MigrateError {
  return new MigrateError('INTERNAL.BUG', `the definition of ${kind} ${name} cannot be read`);
}
