// What the keys, indexes and foreign keys of a table leave its columns to be in Oracle. Definitions are in PostgreSQL's words.

import type { NamedDefinition, TableDefinition } from '../model/catalog.ts';
import type { TableId } from '../model/table.ts';
import { POSTGRES } from './dialects.ts';
import { type IndexPart, indexParts } from './index-parts.ts';
import { indexedBytes, type OracleType } from './oracle-types.ts';
import { readForeignKey, readKey } from './postgres-definitions.ts';

const NAME = String.raw`(?:"(?:[^"]|"")*"|[\w$]+)`;
const INDEX = new RegExp(
  `^CREATE (UNIQUE )?INDEX ${NAME} ON (?:ONLY )?${NAME}(?:\\.${NAME})?(?: USING btree)? (\\([^]*\\))$`,
);
/** The first characters of a column, as two functions have them. */
const PREFIX = new RegExp(`"?(?:left|substr)"?\\((${NAME})(?:, 1)?, (\\d+)\\)`, 'g');

export interface ReadIndex {
  readonly unique: boolean;
  readonly parts: readonly IndexPart[];
}

/** Undefined for one over other expressions, for some rows only, or of another kind. */
export function readAnyIndex(definition: string): ReadIndex | undefined {
  const [, unique, list] = INDEX.exec(definition) ?? [];
  const parts = list === undefined ? undefined : indexParts(list.replace(PREFIX, '$1($2)'), POSTGRES);
  return parts === undefined ? undefined : { unique: unique !== undefined, parts };
}

/** The whole columns that a constraint or index is made of; undefined for anything else. */
export function wholeColumns({ definition }: NamedDefinition): readonly string[] | undefined {
  const key = readKey(definition)?.columns;
  if (key !== undefined) return key;
  const parts = readAnyIndex(definition)?.parts;
  return parts?.every(({ length }) => length === null) === true ? parts.map(({ column }) => column) : undefined;
}

/** So many bytes of a column fit into every list that has to be unique; undefined when it is in none. */
export function keyedBytes({ key, uniqueConstraints, indexes }: TableDefinition, column: string): number | undefined {
  const unique = indexes.filter(({ definition }) => readAnyIndex(definition)?.unique === true);
  const counts = [...(key === null ? [] : [key]), ...uniqueConstraints, ...unique].flatMap((one) => {
    const columns = wholeColumns(one);
    return columns?.includes(column) === true ? [columns.length] : [];
  });
  return counts.length === 0 ? undefined : indexedBytes(Math.max(...counts));
}

export type TableTypes = ReadonlyMap<string, OracleType>;

/**
 * What refers to a key is of its type: a text that is limited because it is in a key can refer to nothing else. `given`: columns
 * that the plan gives a type.
 */
export function alignReferences(
  tables: readonly TableDefinition[],
  types: ReadonlyMap<TableId, Map<string, OracleType>>,
  isGiven: (definition: TableDefinition, column: string) => boolean,
): void {
  const known = new Map(tables.map((definition) => [definition.table.id, definition]));
  const typeIn = ({ columns }: TableDefinition, name: string): string | undefined =>
    columns.find((column) => column.name === name)?.type;
  // What is referred to may refer to more.
  for (let changed = true, rounds = 0; changed && rounds < tables.length; rounds++) {
    changed = false;
    for (const definition of tables) {
      const own = types.get(definition.table.id);
      for (const one of definition.foreignKeys) {
        const read = readForeignKey(one.definition);
        const other = one.references === null ? undefined : known.get(one.references);
        if (own === undefined || read === undefined || other === undefined) continue;
        for (const [place, name] of read.columns.entries()) {
          const reference = read.references[place] ?? '';
          const wanted = types.get(other.table.id)?.get(reference);
          const is = own.get(name);
          if (wanted === undefined || is === undefined || isGiven(definition, name)) continue;
          if (wanted.type === is.type || typeIn(definition, name) !== typeIn(other, reference)) continue;
          own.set(name, { ...wanted, limited: false });
          changed = true;
        }
      }
    }
  }
}

/** Columns that refer to each other are of one type, but for its sizes. */
export function areAlike(own: OracleType | undefined, theirs: OracleType | undefined): boolean {
  if (own === undefined || theirs === undefined) return false;
  const bare = ({ type }: OracleType): string => type.replace(/\([^)]*\)/g, '');
  return bare(own) === bare(theirs);
}

const DEFERRABLE = / DEFERRABLE(?: INITIALLY DEFERRED)?/;

export function isUnique({ definition }: Pick<NamedDefinition, 'definition'>): boolean {
  return definition.startsWith('CREATE UNIQUE');
}

export function deferrable({ definition }: Pick<NamedDefinition, 'definition'>): string {
  return DEFERRABLE.exec(definition)?.[0] ?? '';
}

/** The list of columns of a key or constraint in Oracle's words. */
export function listOf({ definition }: Pick<NamedDefinition, 'definition'>): string {
  return definition.slice(definition.indexOf('('), definition.lastIndexOf(')') + 1);
}
