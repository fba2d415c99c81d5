// Checks of the selected tables: what kinds they are of, and how they hang together.

import type { Finding } from '../../../model/finding.ts';
import { errorFinding, excludeCure, infoFinding, warningFinding } from '../../findings.ts';
import { isFenceTrigger } from '../fence/text.ts';
import { selectedBy } from '../selection.ts';
import { quoteLiteral, quoteName, quoteTable } from '../sql.ts';
import { hasRows, type SourceCheck } from './source-subject.ts';

export const selected: SourceCheck = ({ context, found }) => {
  const findings: Finding[] = [];
  for (const pattern of context.selection.include) {
    if (found.all.some(selectedBy({ include: [pattern], exclude: [] }))) continue;
    const form = pattern.includes('.') ? 'Write it as database.name; * is any text.' : `Write it as "*.${pattern}".`;
    findings.push(
      errorFinding({
        code: 'NO_MATCH',
        subject: `tables.include: ${pattern}`,
        message: 'no table matches that this account can see',
        cure: `${form} Or let the account see the tables: migrate grants --side source prints the rights.`,
      }),
    );
  }
  if (!found.selected.some(hasRows)) {
    findings.push(
      errorFinding({
        code: 'NO_TABLES',
        subject: 'tables',
        message: 'the plan selects no table',
        cure: 'tables: { include: ["shop.*"] }  # in the plan',
      }),
    );
  }
  return findings;
};

export const engines: SourceCheck = ({ found }) =>
  found.selected.filter(hasRows).flatMap((table) => {
    const { id, kind, engine } = table;
    const excluded = excludeCure(`${table.schema}.${table.name}`);
    if (kind === 'SYSTEM VERSIONED') {
      return [
        errorFinding({
          code: 'SYSTEM_VERSIONED',
          subject: id,
          message: 'tables with system versioning are not carried by this version',
          cure: `${excluded}, or on the source: ALTER TABLE ${quoteTable(table)} DROP SYSTEM VERSIONING;`,
        }),
      ];
    }
    if (engine === 'InnoDB') return [];
    return [
      errorFinding({
        code: 'ENGINE',
        subject: id,
        message: `its engine is ${engine === '' ? 'unknown' : engine}: such a table cannot be read at an exact moment`,
        cure: `ALTER TABLE ${quoteTable(table)} ENGINE = InnoDB; -- copies the table under a lock`,
      }),
    ];
  });

export const keys: SourceCheck = ({ catalog }) =>
  catalog.tables
    .filter(({ table }) => table.identity === 'row')
    .map(({ table, uniqueConstraints }) => {
      const hasPrimary = uniqueConstraints.some(({ definition }) => definition.startsWith('PRIMARY KEY'));
      return warningFinding({
        code: 'NO_KEY',
        subject: table.id,
        message:
          (hasPrimary
            ? 'its primary key has the beginning of a column or a computed column in it, and no other unique key has only whole' +
              ' columns that are never null'
            : 'it has no primary key and no unique one whose columns are never null') +
          ': rows are found by all their values, one writer applies its changes, and each reads the whole table',
        cure: `ALTER TABLE ${quoteTable(table)} ADD ${hasPrimary ? 'UNIQUE' : 'PRIMARY'} KEY (…); -- before the run begins, where there is such a key`,
      });
    });

/** A table that does not move: nothing there could be made of it, and what it cascades to ours would pass the fence. */
export const foreignKeys: SourceCheck = ({ catalog, context }) =>
  catalog.tables.flatMap(({ table, foreignKeys }) =>
    foreignKeys
      .filter(({ references }) => references === null)
      .map(({ name, definition }) => {
        const [, quoted = ''] = /REFERENCES (`(?:[^`]|``)*`\.`(?:[^`]|``)*`)/.exec(definition) ?? [];
        const other = quoted
          .split(/(?<=`)\.(?=`)/)
          .map((part) => part.slice(1, -1).replaceAll('``', '`'))
          .join('.');
        const include = JSON.stringify([...context.selection.include, other]);
        return errorFinding({
          code: 'FOREIGN_KEY',
          subject: table.id,
          message: `foreign key ${name} points at ${other}, which the plan does not select`,
          cure:
            `tables: { include: ${include} }  # in the plan, or on the source:` +
            ` ALTER TABLE ${quoteTable(table)} DROP FOREIGN KEY ${quoteName(name)};`,
        });
      }),
  );

/** Unless the server checks foreign keys above its engine, which logs what they do. */
export const cascades: SourceCheck = ({ catalog, facts }) => {
  if (facts.settings.get('innodb_native_foreign_keys') === 'OFF') return [];
  return catalog.tables.flatMap((definition) =>
    definition.foreignKeys
      .filter(({ definition: text }) => ACTIONS.test(text))
      .map(({ name, definition: text }) =>
        errorFinding({
          code: 'CASCADE',
          subject: `${name} on ${definition.table.id}`,
          message: 'the log does not have the rows that this foreign key changes or deletes by itself',
          cure:
            `ALTER TABLE ${quoteTable(definition.table)} DROP FOREIGN KEY ${quoteName(name)};` +
            ` ALTER TABLE ${quoteTable(definition.table)} ADD CONSTRAINT ${quoteName(name)} ${text.replace(ACTIONS, '')};`,
        }),
      ),
  );
};

/** At the end of the text that the catalog makes. */
const ACTIONS = /( ON (UPDATE|DELETE) (CASCADE|SET NULL|SET DEFAULT))+$/;

/** Seen as one table by the log; the target gets a plain one. */
export const partitioned: SourceCheck = async ({ session, catalog }) => {
  if (catalog.schemas.length === 0) return [];
  const rows = await session.query(
    `SELECT DISTINCT TABLE_SCHEMA, TABLE_NAME FROM information_schema.PARTITIONS
     WHERE PARTITION_NAME IS NOT NULL AND TABLE_SCHEMA IN (${catalog.schemas.map(quoteLiteral).join(', ')})`,
  );
  const names = new Set(rows.map(([schema, name]) => JSON.stringify([schema, name])));
  const found = catalog.tables.filter(({ table }) => names.has(JSON.stringify([table.schema, table.name])));
  if (found.length === 0) return [];
  return [
    infoFinding({
      code: 'NOT_CARRIED',
      subject: 'partitioning',
      message: `the target gets plain tables for these, with all rows: ${found.map(({ table }) => table.id).join(', ')}`,
    }),
  ];
};

const KINDS = [
  ...['view', 'sequence', 'trigger', 'function', 'procedure', 'package', 'event'],
  // What another engine has nothing for.
  ...[
    'generated column',
    'default of',
    'check',
    'key',
    'unique key',
    'constraint',
    'foreign key',
    'index',
    'comment on',
  ],
] as const;
const NOTES: Readonly<Record<string, string>> = {
  trigger: 'make them on the target after the cutover where they are needed: what they write is carried as rows',
  event: 'the fence stops what they write, and after the cutover they fail here: disable them then',
};

/** One finding for each kind, with all names; tables that cannot be carried are errors of their own. */
export const notCarried: SourceCheck = ({ catalog }) =>
  KINDS.flatMap((kind) => {
    const names = catalog.notCarried
      .filter((object) => object.startsWith(`${kind} `))
      .map((object) => object.slice(kind.length + 1))
      .filter((name) => kind !== 'trigger' || !isFenceTrigger(name.replace(/ on .*$/s, '')));
    if (names.length === 0) return [];
    const note = NOTES[kind] ?? 'make them on the target before the cutover where they are needed';
    return [
      infoFinding({
        code: 'NOT_CARRIED',
        subject: kind,
        message: `not carried; ${note}: ${names.join(', ')}`,
      }),
    ];
  });
