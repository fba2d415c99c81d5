// A catalog of MySQL or MariaDB as PostgreSQL has it: other types, names that are unique in a schema, and a list of what it
// cannot be given.

import type { Catalog, SequenceDefinition, TableDefinition } from '../model/catalog.ts';
import { MYSQL, POSTGRES, tableName } from './dialects.ts';
import { ChosenTypes, exclusion, Findings } from './findings.ts';
import { IcuCollations } from './icu-collations.ts';
import { idOf, inTurn, type Joined } from './in-turn.ts';
import { MysqlTable, type Shared } from './mysql-table.ts';
import type { ConvertedCatalog, ConvertOptions } from './pair.ts';
import { PostgresNames } from './postgres-names.ts';

/** PostgreSQL cuts longer names, in bytes. */
const LONGEST_NAME = 63;
const SYSTEM_COLUMNS: ReadonlySet<string> = new Set(['tableoid', 'ctid', 'xmin', 'xmax', 'cmin', 'cmax']);
const INTEGERS: ReadonlyMap<string, string> = new Map([
  ['smallint', '32767'],
  ['integer', '2147483647'],
  ['bigint', '9223372036854775807'],
]);

/** What has no counterpart is left out and among what is not carried, or found as an error that the plan can cure. */
export function convertCatalog(source: Catalog, options: ConvertOptions, joined: Joined = []): ConvertedCatalog {
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
  const converted = inTurn(source.tables, joined, idOf, (definition) => new MysqlTable(definition, shared).convert());
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

/** The target makes everything under the source's names first, so `tables.map` is no cure. */
function checkNames({ tables, schemas }: Catalog, findings: Findings): void {
  const tooLong = (name: string): boolean => Buffer.byteLength(name) > LONGEST_NAME;
  const long = `a name in PostgreSQL has at most ${LONGEST_NAME} bytes`;
  const refuse = (subject: string, message: string, cure: string): void =>
    findings.add('error', 'CONVERT_NAME', subject, message, cure);
  for (const schema of schemas) {
    if (tooLong(schema)) refuse(schema, long, exclusion(`${schema}.*`));
  }
  for (const { table, columns } of tables) {
    const excluded = `; -- on the source, or ${exclusion(`${table.schema}.${table.name}`)}`;
    const quoted = tableName(MYSQL, table);
    if (tooLong(table.name)) {
      refuse(table.id, long, `RENAME TABLE ${quoted} TO ${MYSQL.name(table.schema)}.…${excluded}`);
    }
    for (const { name } of columns) {
      if (!tooLong(name) && !SYSTEM_COLUMNS.has(name)) continue;
      const message = tooLong(name) ? long : 'PostgreSQL has a column of its own of this name in every table';
      const cure = `ALTER TABLE ${quoted} RENAME COLUMN ${MYSQL.name(name)} TO …${excluded}`;
      refuse(`${table.id}.${name}`, message, cure);
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
