// Reads the texts of definitions, as the target's catalog has them: Oracle's words, and quoted names.

import { MigrateError } from '../../lib/errors.ts';
import type { ForeignKeyDefinition, TableObjectDefinition } from '../../model/catalog.ts';
import { quoteName, quoteTable } from './sql.ts';

// No name of Oracle has a quotation mark in it.
const NAME = '"[^"]+"';
const NAMES = `\\(\\s*${NAME}(?:\\s*,\\s*${NAME})*\\s*\\)`;
const INDEX = new RegExp(`^CREATE (UNIQUE |BITMAP )?INDEX (?:${NAME}\\.)?${NAME} ON ${NAME}\\.${NAME} (\\(.*)$`, 's');
const FOREIGN_KEY = new RegExp(`^FOREIGN KEY (${NAMES}) REFERENCES (${NAME})\\.(${NAME}) (${NAMES})(.*)$`, 's');
/** Names, and the literals that may have something like a name in them. */
const QUOTED = /("[^"]+")|'(?:[^']|'')*'/gs;

export interface IndexText {
  /** `UNIQUE `, `BITMAP ` or nothing. */
  readonly kind: string;
  /** In parentheses, and what follows them. */
  readonly parts: string;
}

export function readIndex({ name, definition }: TableObjectDefinition): IndexText {
  const [, kind = '', parts] = INDEX.exec(definition) ?? [];
  if (parts === undefined) throw unreadable('index', name);
  return { kind, parts };
}

/** The statement that makes it: an index is in the schema of its table. */
export function createIndex(
  table: { readonly schema: string; readonly name: string },
  index: TableObjectDefinition,
): string {
  const { kind, parts } = readIndex(index);
  return `CREATE ${kind}INDEX ${quoteTable({ schema: table.schema, name: index.name })} ON ${quoteTable(table)} ${parts}`;
}

export interface ForeignKeyText {
  readonly columns: readonly string[];
  readonly references: { readonly schema: string; readonly name: string; readonly columns: readonly string[] };
  /** What happens when the other row is deleted, and when it is checked: ` ON DELETE CASCADE`, or nothing. */
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
  return `FOREIGN KEY ${list(columns)} REFERENCES ${quoteTable(references)} ${list(references.columns)}${actions}`;
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
  return name.slice(1, -1);
}

function unreadable(kind: string, name: string): MigrateError {
  return new MigrateError('INTERNAL.BUG', `the definition of ${kind} ${name} cannot be read`);
}
