// Checks of what is on the target under the names of the run's tables, and of whether these can be made there.

import type { Finding } from '../../../model/finding.ts';
import type { TableName } from '../../../model/table.ts';
import { errorFinding } from '../../findings.ts';
import { firstWith, has, NEWER_TYPES } from '../features.ts';
import { readFiring } from '../firing.ts';
import { nameOf, readRelations, schemasOf } from '../schema-state.ts';
import { quoteName, quoteTable } from '../sql.ts';
import type { TargetCheck } from './target.ts';

const AWAY = '_BEFORE_MIGRATE';

/** What exists is moved out of the way by the cure, not dropped: someone may want it. */
export const absent: TargetCheck = async ({ session, catalog, facts }) => {
  const there = await readRelations(session, schemasOf(catalog));
  const tables = catalog.tables.flatMap(({ table }): readonly Finding[] => {
    const kind = there.get(nameOf(table));
    if (kind === undefined) return [];
    return [
      errorFinding({
        code: 'TARGET_NOT_EMPTY',
        subject: table.id,
        message: `${quoteTable(table)} exists on the target as ${kind}, and the run did not make it`,
        cure: kind === 'TABLE' ? moveAway(table, facts.longestName) : dropOther(table, kind),
      }),
    ];
  });
  const sequences = catalog.sequences
    .filter((sequence) => sequence.owner?.identity !== true && there.has(nameOf(sequence)))
    .map((sequence) =>
      errorFinding({
        code: 'TARGET_SEQUENCE',
        subject: `${sequence.schema}.${sequence.name}`,
        message: 'it exists on the target, and the run did not make it',
        cure: `DROP SEQUENCE ${quoteTable(sequence)}; -- on the target, when nobody needs it`,
      }),
    );
  return [...tables, ...sequences];
};

/** A table cannot leave its schema. */
function moveAway(table: TableName, longest: number): string {
  let name = table.name;
  while (Buffer.byteLength(name + AWAY) > longest) name = [...name].slice(0, -1).join('');
  return `ALTER TABLE ${quoteTable(table)} RENAME TO ${quoteName(name + AWAY)}; -- on the target`;
}

function dropOther(table: TableName, kind: string): string {
  return `DROP ${kind} ${quoteTable(table)}; -- on the target, when nobody needs it; or another name in tables.map`;
}

export const present: TargetCheck = async ({ session, catalog }) => {
  const there = await readRelations(session, schemasOf(catalog));
  return catalog.tables
    .filter(({ table }) => !there.has(nameOf(table)))
    .map(({ table }) =>
      errorFinding({
        code: 'TARGET_TABLE_GONE',
        subject: table.id,
        message:
          'it is not on the target: it came to the source after the run began, or somebody dropped it from the target',
        cure: `migrate table add '${table.id}'  # if it is new; if it was dropped, migrate abort --drop, then start again`,
      }),
    );
};

/** What others have put on the tables. */
export const firing: TargetCheck = async ({ session, catalog, context }) => {
  const found = await readFiring(session, catalog, context.isOwnTrigger ?? (() => false));
  return found.map(({ trigger, table }) =>
    errorFinding({
      code: 'TARGET_FIRES',
      subject: `trigger ${trigger.schema}.${trigger.name} on ${table.id}`,
      message: 'it would act on the rows that the run writes',
      cure: `ALTER TRIGGER ${quoteTable(trigger)} DISABLE; -- on the target; ENABLE after the cutover`,
    }),
  );
};

/** Those that a plan chose, and that came after this server. */
export const types: TargetCheck = ({ catalog, facts }) =>
  catalog.tables.flatMap(({ table, columns }) =>
    columns.flatMap(({ name, type }): readonly Finding[] => {
      const feature = NEWER_TYPES.get(type);
      if (feature === undefined || has(facts, feature)) return [];
      const { product, compatible } = facts;
      return [
        errorFinding({
          code: 'ORACLE_TYPE',
          subject: `${table.id}.${name}`,
          message: `${type} came with Oracle ${firstWith(feature)}, and this is ${product} with COMPATIBLE ${compatible}`,
          cure: `Leave ${JSON.stringify(`${table.id}.${name}`)} out of convert.columns in the plan.`,
        }),
      ];
    }),
  );

const MOST_COLUMNS = 1_000;

export const columns: TargetCheck = ({ catalog }) =>
  catalog.tables
    .filter((definition) => definition.columns.length > MOST_COLUMNS)
    .map((definition) =>
      errorFinding({
        code: 'ORACLE_COLUMNS',
        subject: definition.table.id,
        message: `it has ${definition.columns.length} columns, and a table of Oracle has ${MOST_COLUMNS} at most`,
        cure: `tables: { exclude: [${JSON.stringify(definition.table.id)}] }  # in the plan`,
      }),
    );

/** Columns that no server takes as they are, unless its texts may be long. */
export const widths: TargetCheck = ({ catalog, facts }) =>
  catalog.tables.flatMap(({ table, columns }) =>
    columns.flatMap(({ name, type }): readonly Finding[] => {
      const [, width] = /^(?:N?VARCHAR2|RAW|N?CHAR)\((\d+)/.exec(type) ?? [];
      const most = type.startsWith('RAW') && facts.widest === 4_000 ? 2_000 : facts.widest;
      if (width === undefined || Number(width) <= most) return [];
      const path = JSON.stringify(`${table.id}.${name}`);
      return [
        errorFinding({
          code: 'ORACLE_TEXT_LIMIT',
          subject: `${table.id}.${name}`,
          message: `${type} is wider than the ${most} that this server takes`,
          cure: `convert: { columns: { ${path}: ${type.startsWith('RAW') ? 'BLOB' : 'CLOB'} } }  # in the plan`,
        }),
      ];
    }),
  );
