// A catalog of PostgreSQL as MySQL has it: other types, AUTO_INCREMENT in place of sequences, and a list of what it cannot be
// given.

import type { Catalog, SequenceDefinition, TableDefinition } from '../model/catalog.ts';
import type { TableName } from '../model/table.ts';
import { POSTGRES, tableName } from './dialects.ts';
import { ChosenTypes, exclusion, Findings } from './findings.ts';
import { inTurn, type Joined } from './in-turn.ts';
import { MysqlNames } from './mysql-names.ts';
import type { ConvertedCatalog, ConvertOptions } from './pair.ts';
import { PostgresTable, type Shared } from './postgres-table.ts';

/** Databases of the server itself, in any case. */
const RESERVED = /^(mysql|sys|information_schema|performance_schema)$/i;

/** `castTypeOf`: what MySQL's adapter calls a type in a condition. */
export function convertPostgresCatalog(
  source: Catalog,
  options: ConvertOptions,
  castTypeOf: (type: string) => string,
  joined: Joined = [],
): ConvertedCatalog {
  const findings = new Findings();
  const chosen = new ChosenTypes(options);
  chosen.check(source, findings);
  checkNames(source, findings);
  checkParts(source, findings);
  const shared: Shared = { source, chosen, findings, castTypeOf, names: new MysqlNames() };
  const converted = source.tables.map((definition) => new PostgresTable(definition, shared));
  const kept = source.sequences.filter((sequence) => isKept(sequence, converted, findings));
  const known = new Map(converted.map((table) => [table.source.table.id, table]));
  const tables = inTurn(
    converted,
    joined,
    ({ source }) => source.table.id,
    (table) => table.convert(known),
  );
  const onTarget: Catalog = {
    tables: tables.map(({ onTarget }) => onTarget),
    parents: [],
    types: [],
    extensions: [],
    sequences: kept.map((sequence) =>
      toAutoIncrement(
        sequence,
        tables.map(({ onTarget }) => onTarget),
      ),
    ),
    schemas: [...new Set(source.tables.map(({ table }) => table.schema))].sort(),
    notCarried: [],
  };
  return {
    catalog: {
      ...source,
      tables: tables.map(({ source }) => source),
      sequences: kept,
      notCarried: [...source.notCarried, ...findings.behind],
      onTarget,
    },
    findings: findings.list,
  };
}

/** The target makes everything under the source's names first, so `tables.map` is no cure. */
function checkNames({ tables, schemas }: Catalog, findings: Findings): void {
  for (const schema of schemas) {
    if (!RESERVED.test(schema) && schema === schema.trimEnd()) continue;
    const cure = `ALTER SCHEMA ${POSTGRES.name(schema)} RENAME TO …; -- on the source, or ${exclusion(`${schema}.*`)}`;
    findings.add('error', 'CONVERT_NAME', schema, 'no database of MySQL can have this name', cure);
  }
  const twins = twinsAmong(tables.map(({ table }) => `${table.schema}\0${table.name}`));
  for (const { table } of tables.filter(({ table }) => twins.includes(`${table.schema}\0${table.name}`))) {
    const message =
      'differs from another table only in case, which MySQL tells apart only where lower_case_table_names is 0';
    findings.add('warning', 'CONVERT_NAME', table.id, message);
  }
  for (const { table, columns } of tables) {
    const alike = twinsAmong(columns.map(({ name }) => name));
    const wrong = columns.filter(({ name }) => alike.includes(name) || name !== name.trimEnd());
    for (const { name } of wrong) {
      const change = `ALTER TABLE ${tableName(POSTGRES, table)} RENAME COLUMN ${POSTGRES.name(name)} TO …`;
      const cure = `${change}; -- on the source, or ${exclusion(`${table.schema}.${table.name}`)}`;
      const message = alike.includes(name)
        ? 'differs from another column only in case, which MySQL does not tell apart'
        : 'ends with a blank, which no column of MySQL does';
      findings.add('error', 'CONVERT_NAME', `${table.id}.${name}`, message, cure);
    }
  }
}

/** Each but the first of those that are the same in lower case. */
function twinsAmong(names: readonly string[]): readonly string[] {
  const seen = new Set<string>();
  return names.filter((name) => {
    const lower = name.toLowerCase();
    if (seen.has(lower)) return true;
    seen.add(lower);
    return false;
  });
}

/** What is divided among tables, or inherits from others, is not carried between engines. */
export function checkParts({ parents, tables }: Catalog, findings: Findings): void {
  const refuse = (table: TableName, message: string): void =>
    findings.add('error', 'CONVERT_PARTITIONED', table.id, message, exclusion(`${table.schema}.${table.name}`));
  for (const { table } of parents) refuse(table, 'is partitioned');
  for (const { table, inherits, partitionOf } of tables) {
    if (partitionOf !== null) refuse(table, `is a partition of ${partitionOf.parent.id}`);
    else if (inherits.length > 0) refuse(table, `inherits from ${inherits.map(({ id }) => id).join(', ')}`);
  }
}

/** MySQL counts for one column of a table, upwards, where an index begins with that column. */
function isKept(sequence: SequenceDefinition, tables: readonly PostgresTable[], findings: Findings): boolean {
  const { owner, increment, schema, name, users } = sequence;
  const table = tables.find(({ source }) => source.table.id === owner?.table);
  if (owner !== null && table?.counts === owner.column && !increment.startsWith('-')) return true;
  const subject = `${schema}.${name}`;
  findings.behind.push(`sequence ${subject}`);
  if (owner === null && users.length === 0) {
    findings.add(
      'warning',
      'CONVERT_SEQUENCE',
      subject,
      'it belongs to no column: MySQL has nothing that stands for it',
    );
    return false;
  }
  const place = owner === null ? users.join(', ') : `${owner.table}.${owner.column}`;
  const message = `MySQL cannot number ${place} by itself: it counts upwards, for one whole-number column of a table, whose own index it has to be first in`;
  findings.add('warning', 'CONVERT_SEQUENCE', subject, message);
  return false;
}

/** As MySQL's own catalog tells of it. */
function toAutoIncrement(sequence: SequenceDefinition, tables: readonly TableDefinition[]): SequenceDefinition {
  const { owner } = sequence;
  const definition = tables.find(({ table }) => table.id === owner?.table);
  const column = definition?.columns.find(({ name }) => name === owner?.column);
  return {
    ...sequence,
    schema: definition?.table.schema ?? sequence.schema,
    name: `${definition?.table.name}_${owner?.column}_seq`,
    type: column?.type ?? sequence.type,
    start: '1',
    increment: '1',
    minimum: '1',
    maximum: '9223372036854775807',
    cache: '1',
    cycle: false,
    owner: owner && { ...owner, identity: true },
    users: [],
    comment: null,
  };
}
