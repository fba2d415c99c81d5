// The types of all columns of a catalog in Oracle, with what has to be told of them.

import type { Catalog, ColumnDefinition, TableDefinition } from '../model/catalog.ts';
import type { Table, TableId } from '../model/table.ts';
import { columnPath } from '../plan/names.ts';
import { ChosenTypes, exclusion, type Findings } from './findings.ts';
import { mysqlChoicesForOracle, oracleTypeOfMysql } from './mysql-to-oracle.ts';
import { alignReferences, keyedBytes } from './oracle-keys.ts';
import type { OracleType, Place } from './oracle-types.ts';
import type { ConvertOptions } from './pair.ts';
import { resolvedType } from './postgres-to-mysql.ts';
import { oracleTypeOfPostgres, postgresChoices } from './postgres-to-oracle.ts';

/** What an engine says of a column. */
interface Typed {
  readonly type: OracleType | undefined;
  readonly choices: readonly string[];
  readonly isDomain: boolean;
}

/** How the types of one engine are found. */
export type TypeOf = (column: ColumnDefinition, place: Place, chosen?: string) => Typed;

export function postgresTypes({ types }: Catalog): TypeOf {
  return ({ type }, place, chosen) => {
    const resolved = resolvedType(type, types);
    return {
      type: oracleTypeOfPostgres(resolved, place, chosen),
      choices: postgresChoices(resolved),
      isDomain: resolved.isDomain,
    };
  };
}

export function mysqlTypes(options: ConvertOptions): TypeOf {
  return (column, place, chosen) => ({
    type: oracleTypeOfMysql(column, place, options, chosen),
    choices: mysqlChoicesForOracle(column),
    isDomain: false,
  });
}

/** Rows of the table are found by the column. */
export function isFinding({ identity, key, columns }: Table, column: string): boolean {
  return identity === 'key' && key.some((place) => columns[place]?.name === column);
}

/**
 * By table and column, those that a plan chose as well. `tables`: as the source has them; `words`: the same with their keys in
 * PostgreSQL's words.
 */
export function columnTypes(
  source: Catalog,
  words: readonly TableDefinition[],
  typeOf: TypeOf,
  { options, findings }: { readonly options: ConvertOptions; readonly findings: Findings },
): ReadonlyMap<TableId, ReadonlyMap<string, OracleType>> {
  const chosen = new ChosenTypes(options);
  chosen.check(source, findings);
  const keys = new Map(words.map((definition) => [definition.table.id, definition]));
  const types = new Map<TableId, Map<string, OracleType>>();
  for (const { table, columns } of source.tables) {
    const definition = keys.get(table.id);
    const found = columns.flatMap((column): readonly (readonly [string, OracleType])[] => {
      const wanted = chosen.of(table, column.name);
      const keyed = definition && keyedBytes(definition, column.name);
      const { type, choices, isDomain } = typeOf(column, { keyed, finding: isFinding(table, column.name) }, wanted);
      if (type === undefined) {
        const isElsewhere = typeOf(column, {}, wanted).type !== undefined;
        refuse(table, column, { wanted, choices, isElsewhere }, findings);
        return [];
      }
      tell(table, column, { type, isDomain }, findings);
      // No row could be found by NULL.
      return [[column.name, isFinding(table, column.name) ? { ...type, makesNull: false } : type]];
    });
    types.set(table.id, new Map(found));
  }
  alignReferences(words, types, ({ table }, column) => chosen.of(table, column) !== undefined);
  for (const { table, columns } of source.tables) {
    const stored = columns.filter(({ generated }) => generated === null).map(({ name }) => name);
    tellOfValues(table, stored, types.get(table.id) ?? new Map(), findings);
  }
  return types;
}

interface Refused {
  readonly wanted: string | undefined;
  readonly choices: readonly string[];
  /** Another column of its type may have the wanted one. */
  readonly isElsewhere: boolean;
}

function refuse(
  table: Table,
  { name, type }: ColumnDefinition,
  { wanted, choices, isElsewhere }: Refused,
  findings: Findings,
): void {
  const path = columnPath(table, name);
  const list = choices.length === 0 ? '' : `; it may become ${choices.join(', ')}`;
  if (wanted === undefined) {
    const cure = exclusion(`${table.schema}.${table.name}`);
    findings.add('error', 'CONVERT_TYPE', path, `Oracle has no type for the values of ${type}`, cure);
    return;
  }
  const message = isElsewhere
    ? `it is in a key or unique constraint, where Oracle takes no ${wanted}`
    : `values of ${type} are not carried as ${wanted}${list}`;
  const cure = `Correct convert.columns: { ${JSON.stringify(path)}: ${choices[0] ?? '…'} }`;
  findings.add('error', 'CONVERT_COLUMN', path, message, cure);
}

function tell(
  table: Table,
  { name, type }: ColumnDefinition,
  { type: found, isDomain }: { readonly type: OracleType; readonly isDomain: boolean },
  findings: Findings,
): void {
  const path = columnPath(table, name);
  if (found.asText === true) {
    findings.add('warning', 'CONVERT_TEXT', path, `${type} becomes the text that the source prints, in ${found.type}`);
  }
  if (found.limited === true) {
    const message = `it is in a key or unique constraint and becomes ${found.type}: a longer value stops the run`;
    const cure = `Where it is too short: convert.columns: { ${JSON.stringify(path)}: … }`;
    findings.add('warning', 'CONVERT_KEY_LENGTH', path, message, cure);
  }
  if (isDomain) {
    const message = `domain ${type} becomes ${found.type}, without its checks and default`;
    findings.add('warning', 'CONVERT_DOMAIN', path, message);
  }
}

/** Once for all columns that refuse the same. */
function tellOfValues(
  { id }: Table,
  stored: readonly string[],
  types: ReadonlyMap<string, OracleType>,
  findings: Findings,
): void {
  const columns = new Map<string, string[]>();
  for (const name of stored) {
    const refuses = types.get(name)?.refuses;
    if (refuses !== undefined) columns.set(refuses, [...(columns.get(refuses) ?? []), name]);
  }
  for (const [values, names] of columns) {
    const message = `Oracle's types of ${names.join(', ')} do not take ${values}: such a value stops the run`;
    findings.add('info', 'CONVERT_VALUES', id, message);
  }
}
