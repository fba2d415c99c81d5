// A catalog of PostgreSQL, MySQL or MariaDB as Oracle has it: other types, names in capitals, and a list of what it cannot be given.
// What MySQL has besides types is put into PostgreSQL's words first, which Oracle's are made of.

import { foldedName, markedName } from '../lib/oracle-names.ts';
import type { Catalog, ColumnDefinition, SequenceDefinition, TableDefinition } from '../model/catalog.ts';
import { readTableId, type TableId, tableId } from '../model/table.ts';
import { columnPath } from '../plan/names.ts';
import { ORACLE, tableName } from './dialects.ts';
import { Findings } from './findings.ts';
import { idOf, inTurn, type Joined } from './in-turn.ts';
import { convertCatalog } from './mysql-catalog.ts';
import { columnTypes, mysqlTypes, postgresTypes, type TypeOf } from './oracle-columns.ts';
import { sequenceIn } from './oracle-defaults.ts';
import { EmptyTexts } from './oracle-empty.ts';
import { OracleNames } from './oracle-names.ts';
import { OracleTable, type Shared } from './oracle-table.ts';
import type { ConvertedCatalog, ConvertOptions } from './pair.ts';
import { checkParts } from './postgres-catalog.ts';

interface Origin {
  readonly typeOf: TypeOf;
  /** The tables with all but their types in PostgreSQL's words. */
  readonly words: readonly TableDefinition[];
  /** What stayed behind on the way to these words. */
  readonly notCarried: readonly string[];
  readonly truthIsNumber: boolean;
  readonly prefixOf: Shared['prefixOf'];
  readonly isExact: (type: string) => boolean;
}

export function postgresCatalogForOracle(
  source: Catalog,
  options: ConvertOptions,
  joined: Joined = [],
): ConvertedCatalog {
  const findings = new Findings();
  checkParts(source, findings);
  const origin: Origin = {
    typeOf: postgresTypes(source),
    words: source.tables,
    notCarried: source.notCarried,
    truthIsNumber: false,
    prefixOf: () => '',
    isExact: (type) => /^(?:text|character varying)/.test(type),
  };
  return convert(source, origin, options, joined, findings);
}

export function mysqlCatalogForOracle(source: Catalog, options: ConvertOptions, joined: Joined = []): ConvertedCatalog {
  const findings = new Findings();
  // Types are chosen of the source's own.
  const neutral = { ...options, tinyint1: 'smallint', json: 'json', caseInsensitive: 'distinct', columns: {} } as const;
  const inWords = convertCatalog({ ...source, tables: source.tables.map(withoutOddTypes) }, neutral, joined);
  for (const { level, code, subject, message } of inWords.findings) {
    if (!code.endsWith('.CONVERT_COLLATION')) continue;
    findings.add(level, 'CONVERT_COLLATION', subject, message.replaceAll('PostgreSQL', 'Oracle'));
  }
  tellOfUpdates(source, options, findings);
  const origin: Origin = {
    typeOf: mysqlTypes(options),
    words: inWords.catalog.onTarget?.tables ?? [],
    notCarried: inWords.catalog.notCarried,
    truthIsNumber: true,
    prefixOf: ({ name }) => `${name}_`,
    isExact: (type) => /^(?:char|varchar|tinytext)/.test(type),
  };
  return convert(source, origin, options, joined, findings);
}

function convert(
  source: Catalog,
  { typeOf, words, notCarried, ...origin }: Origin,
  options: ConvertOptions,
  joined: Joined,
  findings: Findings,
): ConvertedCatalog {
  const empty = new EmptyTexts(options);
  empty.check(source, findings);
  const names = new OracleNames(options.longestName);
  const schemas = new Map(source.schemas.map((schema) => [schema, names.in('schemas', schema, schema)]));
  const types = columnTypes(source, words, typeOf, { options, findings });
  const sequences = new Map<SequenceDefinition, Pick<SequenceDefinition, 'schema' | 'name'>>();
  const shared: Shared = { ...origin, findings, names, empty, schemas, ...draws(sequences) };
  const wordsOf = new Map(words.map((definition) => [definition.table.id, definition]));
  const made = inTurn(source.tables, joined, idOf, (definition) => {
    const { id } = definition.table;
    return new OracleTable(
      definition,
      wordsOf.get(id) ?? definition,
      types.get(id) ?? new Map(),
      countedColumn(source, definition),
      shared,
    );
  });
  const known = new Map(made.map((table) => [table.source.table.id, table]));
  const ownerOf = ({ owner, schema, name }: SequenceDefinition): TableId => owner?.table ?? tableId(schema, name);
  inTurn(source.sequences, joined, ownerOf, (sequence) => {
    const { schema, name } = sequence;
    const there = schemas.get(schema) ?? foldedName(schema);
    const id = tableId(schema, name);
    sequences.set(sequence, { schema: there, name: names.in(`objects ${there}`, id, name) });
  });
  const tables = inTurn(
    made,
    joined,
    ({ source }) => source.table.id,
    (table) => table.convert(known),
  );
  const onTarget: Catalog = {
    tables: tables.map(({ onTarget }) => onTarget),
    parents: [],
    types: [],
    extensions: [],
    sequences: source.sequences.map((sequence) => toSequence(sequence, sequences.get(sequence), known)),
    schemas: [...new Set([...schemas.values()])].sort(),
    notCarried: [],
  };
  const carried = { ...source, tables: tables.map(({ source }) => source) };
  return {
    catalog: { ...carried, notCarried: [...notCarried, ...findings.behind], onTarget },
    findings: findings.list,
  };
}

/** The first column of a table that the source numbers by itself: Oracle has one for each. */
function countedColumn({ sequences }: Catalog, { table, columns }: TableDefinition): string | undefined {
  const owned = new Set(sequences.flatMap(({ owner }) => (owner?.table === table.id ? [owner.column] : [])));
  const draws = ({ identity, defaultExpression }: ColumnDefinition): boolean =>
    identity !== null || (defaultExpression !== null && sequenceIn(defaultExpression) !== undefined);
  return columns.find((column) => owned.has(column.name) && draws(column))?.name;
}

function isCounted({ owner }: SequenceDefinition, tables: ReadonlyMap<TableId, OracleTable>): boolean {
  return owner !== null && tables.get(owner.table)?.counts === owner.column;
}

type SequenceNames = ReadonlyMap<SequenceDefinition, Pick<SequenceDefinition, 'schema' | 'name'>>;

/** How a default draws from a sequence. */
function draws(sequences: SequenceNames): Pick<Shared, 'nextOf' | 'nextFor'> {
  const next = (isWanted: (sequence: SequenceDefinition) => boolean): string | undefined => {
    const found = [...sequences].find(([sequence]) => isWanted(sequence));
    return found && `${tableName(ORACLE, found[1])}.NEXTVAL`;
  };
  return {
    nextOf: (text) => {
      const id = readTableId(text)?.id;
      return next(({ schema, name }) => tableId(schema, name) === id);
    },
    nextFor: (table, column) => next(({ owner }) => owner?.table === table && owner.column === column),
  };
}

/** Whose numbers no column is given by itself are drawn by a default. */
function toSequence(
  sequence: SequenceDefinition,
  there: Pick<SequenceDefinition, 'schema' | 'name'> | undefined,
  tables: ReadonlyMap<TableId, OracleTable>,
): SequenceDefinition {
  const { owner } = sequence;
  const column = owner && (tables.get(owner.table)?.columnName(owner.column) ?? owner.column);
  return {
    ...sequence,
    ...there,
    type: 'NUMBER',
    owner: owner && { ...owner, column: column ?? owner.column, identity: isCounted(sequence, tables) },
    comment: null,
  };
}

/** What PostgreSQL has no type for, and labels: these are Oracle's to see. */
function withoutOddTypes(definition: TableDefinition): TableDefinition {
  const columns = definition.columns.map((column) => ({ ...column, type: evenType(column.type) }));
  return { ...definition, columns };
}

function evenType(type: string): string {
  if (type.startsWith('enum(')) return 'varchar(255)';
  return /^(?:vector\b|(?:multi)?(?:point|linestring|polygon)$|geom)/.test(type) ? 'longblob' : type;
}

function tellOfUpdates({ tables }: Catalog, { longestName }: ConvertOptions, findings: Findings): void {
  for (const { table, columns } of tables) {
    for (const { name, settings } of columns) {
      if (!settings.some((setting) => setting.startsWith('ON UPDATE'))) continue;
      const message =
        'MySQL sets it to the time of each update, and Oracle has no such setting: after the cutover the applications or a trigger must do it';
      const own = ORACLE.name(foldedName(name));
      const place = { schema: foldedName(table.schema), name: foldedName(table.name) };
      const wanted = foldedName(`${table.name}_${name}_on_update`);
      const fits = Buffer.byteLength(wanted) <= longestName;
      const trigger = tableName(ORACLE, {
        ...place,
        name: fits ? wanted : markedName(wanted, columnPath(table, name), longestName),
      });
      const cure =
        `CREATE TRIGGER ${trigger} BEFORE UPDATE ON ${tableName(ORACLE, place)} FOR EACH ROW` +
        ` BEGIN IF NOT UPDATING('${foldedName(name)}') THEN :NEW.${own} := LOCALTIMESTAMP; END IF; END;` +
        ' -- after the cutover; under the names of tables.map where it has some';
      findings.add('warning', 'CONVERT_ON_UPDATE', columnPath(table, name), message, cure);
    }
  }
}
