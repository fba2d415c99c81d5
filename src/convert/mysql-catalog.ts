// A catalog of MySQL or MariaDB as PostgreSQL has it: other types, names that are unique in a schema, and a list of what it
// cannot be given.

import type { Catalog, SequenceDefinition, TableDefinition } from '../model/catalog.ts';
import type { TableName } from '../model/table.ts';
import { POSTGRES, tableName } from './dialects.ts';
import { ChosenTypes, Findings } from './findings.ts';
import { IcuCollations } from './icu-collations.ts';
import { MysqlTable, type Shared } from './mysql-table.ts';
import type { ConvertedCatalog, ConvertOptions } from './pair.ts';
import { PostgresNames } from './postgres-names.ts';

/** PostgreSQL cuts longer names, in bytes. */
const LONGEST_NAME = 63;
const INTEGERS: ReadonlyMap<string, string> = new Map([
  ['smallint', '32767'],
  ['integer', '2147483647'],
  ['bigint', '9223372036854775807'],
]);

/** What has no counterpart is left out and among what is not carried, or found as an error that the plan can cure. */
export function convertCatalog(source: Catalog, options: ConvertOptions): ConvertedCatalog {
  const findings = new Findings();
  const chosen = new ChosenTypes(options);
  chosen.check(source, findings);
  checkNames(source, findings);
  const shared: Shared = {
    options,
    chosen,
    findings,
    names: new PostgresNames(source.tables.map(({ table }) => table)),
    collations: new IcuCollations(options, source.schemas[0] ?? ''),
    tables: new Map(source.tables.map((definition) => [definition.table.id, definition])),
  };
  const converted = source.tables.map((definition) => new MysqlTable(definition, shared).convert());
  shared.collations.report(findings);
  const targets = converted.map(({ onTarget }) => onTarget);
  const sequences = source.sequences.map((sequence) => toSequence(sequence, targets));
  const onTarget: Catalog = {
    ...source,
    tables: targets.map((table) => withDefaults(table, sequences)),
    types: shared.collations.made,
    sequences,
    notCarried: [],
  };
  const tables = converted.map(({ source }) => source);
  return {
    catalog: { ...source, tables, notCarried: [...source.notCarried, ...findings.behind], onTarget },
    findings: findings.list,
  };
}

function checkNames({ tables, schemas }: Catalog, findings: Findings): void {
  const tooLong = (name: string): boolean => Buffer.byteLength(name) > LONGEST_NAME;
  const refuse = (subject: string, cure: string): void =>
    findings.add('error', 'CONVERT_NAME', subject, `a name in PostgreSQL has at most ${LONGEST_NAME} bytes`, cure);
  for (const schema of schemas) {
    if (tooLong(schema)) refuse(schema, `Give it another name: tables.map: { ${JSON.stringify(`${schema}.*`)}: … }`);
  }
  const renamed = ({ schema, name }: TableName): string => JSON.stringify(`${schema}.${name}`);
  for (const { table, columns } of tables) {
    if (tooLong(table.name)) refuse(table.id, `Give it another name: tables.map: { ${renamed(table)}: … }`);
    for (const { name } of columns) {
      if (!tooLong(name)) continue;
      const cure = `Give it another name: tables.map: { ${renamed(table)}: { columns: { ${JSON.stringify(name)}: … } } }`;
      refuse(`${table.id}.${name}`, cure);
    }
  }
}

function toSequence(sequence: SequenceDefinition, tables: readonly TableDefinition[]): SequenceDefinition {
  const { owner } = sequence;
  const table = tables.find((one) => one.table.id === owner?.table);
  const type = table?.columns.find(({ name }) => name === owner?.column)?.type ?? '';
  const maximum = INTEGERS.get(type);
  if (owner === null || maximum !== undefined) return { ...sequence, type, maximum: maximum ?? sequence.maximum };
  // No identity is of such a type; a default is.
  return { ...sequence, type: 'bigint', owner: { ...owner, identity: false }, users: [owner.table] };
}

function withDefaults(definition: TableDefinition, sequences: readonly SequenceDefinition[]): TableDefinition {
  const columns = definition.columns.map((column) => {
    const sequence = sequences.find(
      ({ owner }) => owner?.table === definition.table.id && owner.column === column.name && !owner.identity,
    );
    if (sequence === undefined) return column;
    const name = POSTGRES.text(tableName(POSTGRES, sequence)).trim();
    return { ...column, identity: null, defaultExpression: `nextval(${name}::regclass)` };
  });
  return { ...definition, columns };
}
