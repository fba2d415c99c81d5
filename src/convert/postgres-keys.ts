// What the keys and indexes of a table of PostgreSQL leave its columns to be in MySQL.

import type { NamedDefinition, TableDefinition } from '../model/catalog.ts';
import { readIndex, readKey } from './postgres-definitions.ts';
import type { MysqlType } from './postgres-to-mysql.ts';

/** An index of MySQL has at most 3,072 bytes for each row, four for a character. */
const INDEX_CHARACTERS = 760;
const INDEXED_TEXT = 255;
/** Of the 65,535 bytes that a row has for everything but large texts and bytes. */
const ROW_BYTES = 60_000;

/** So many characters of each of `count` columns fit into one index. */
export function indexedCharacters(count: number): number {
  return Math.min(INDEXED_TEXT, Math.floor(INDEX_CHARACTERS / count));
}

/** The columns of a constraint or index; undefined when it is made of anything else. */
export function columnsOf({ definition }: NamedDefinition): readonly string[] | undefined {
  return readKey(definition)?.columns ?? readIndex(definition)?.parts.map(({ column }) => column);
}

function constraints({ key, uniqueConstraints }: TableDefinition): readonly NamedDefinition[] {
  return [...(key === null ? [] : [key]), ...uniqueConstraints];
}

/** So many characters of a column fit into every list that has to be unique; undefined when it is in none. */
export function keyedCharacters(table: TableDefinition, column: string): number | undefined {
  const unique = table.indexes.filter(({ definition }) => readIndex(definition)?.unique === true);
  const counts = [...constraints(table), ...unique].flatMap((one) => {
    const columns = columnsOf(one);
    return columns?.includes(column) === true ? [columns.length] : [];
  });
  return counts.length === 0 ? undefined : indexedCharacters(Math.max(...counts));
}

/** The lists of columns that a foreign key may point at, as texts. */
export function referableLists(table: TableDefinition): readonly string[] {
  return constraints(table).flatMap(({ definition }) => {
    const key = readKey(definition);
    return key === undefined || key.deferrable ? [] : [JSON.stringify(key.columns)];
  });
}

/** The columns that an index begins with. */
export function leadingColumns(table: TableDefinition): ReadonlySet<string> {
  return new Set([...constraints(table), ...table.indexes].flatMap((one) => columnsOf(one)?.[0] ?? []));
}

/** Where a row would have too many characters, its longest texts that are in no key are kept apart. */
export function fittedTypes(
  table: TableDefinition,
  types: ReadonlyMap<string, MysqlType>,
): ReadonlyMap<string, MysqlType> {
  const fitted = new Map(types);
  const length = ({ type }: MysqlType): number => Number(/^varchar\((\d+)\)$/.exec(type)?.[1] ?? 0);
  const total = (): number => [...fitted.values()].reduce((sum, type) => sum + 4 * length(type) + 12, 0);
  const free = [...types].filter(([name, type]) => length(type) > 0 && keyedCharacters(table, name) === undefined);
  for (const [name, type] of free.sort(([, one], [, other]) => length(other) - length(one))) {
    if (total() <= ROW_BYTES) break;
    fitted.set(name, { ...type, type: 'longtext', collation: 'utf8mb4_0900_bin' });
  }
  return fitted;
}

/** Columns that refer to each other are of one type, but for the length of a text. */
export function areAlike(own: MysqlType | undefined, theirs: MysqlType | undefined): boolean {
  if (own === undefined || theirs === undefined) return false;
  const bare = ({ type, collation }: MysqlType): string => `${type.replace(/^(var\w+)\(\d+\)$/, '$1')} ${collation}`;
  return bare(own) === bare(theirs);
}
