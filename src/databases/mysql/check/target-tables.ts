// Checks of what is on the target under the names of the run's tables, and of whether these can be made there.

import type { Finding } from '../../../model/finding.ts';
import type { TableName } from '../../../model/table.ts';
import { errorFinding, excludeCure } from '../../findings.ts';
import { readFiring } from '../firing.ts';
import { type NameOf, readNaming, schemasOf } from '../schema-state.ts';
import { quoteName, quoteTable } from '../sql.ts';
import { isOn, type ServerFacts, setGlobal } from './facts.ts';
import type { TargetCheck, TargetSubject } from './target.ts';

const BEFORE = 'before_migrate';

/** What exists is moved out of the way by the cure, not dropped: someone may want it. */
export const absent: TargetCheck = async (subject) => {
  const { nameOf, kinds } = await readThere(subject);
  return subject.catalog.tables
    .map(({ table }) => ({ table, kind: kinds.get(nameOf(table)) }))
    .filter(({ kind }) => kind !== undefined)
    .map(({ table, kind }) =>
      errorFinding({
        code: 'TARGET_NOT_EMPTY',
        subject: table.id,
        message: 'it exists on the target, and the run did not make it',
        cure: kind === 'BASE TABLE' ? moveAway(table) : renameInPlace(table),
      }),
    );
};

function moveAway(table: TableName): string {
  const place = quoteTable({ ...table, schema: BEFORE });
  return `CREATE DATABASE IF NOT EXISTS ${quoteName(BEFORE)}; RENAME TABLE ${quoteTable(table)} TO ${place};`;
}

/** A view cannot leave its database. */
function renameInPlace(table: TableName): string {
  const place = { ...table, name: `${table.name.slice(0, 64 - BEFORE.length - 1)}_${BEFORE}` };
  return `RENAME TABLE ${quoteTable(table)} TO ${quoteTable(place)};`;
}

export const present: TargetCheck = async (subject) => {
  const { nameOf, kinds } = await readThere(subject);
  const { hidden = (table) => table } = subject.context;
  return subject.catalog.tables
    .filter(({ table }) => !kinds.has(nameOf(table)) && !kinds.has(nameOf(hidden(table))))
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

export async function readThere({ session, catalog }: Pick<TargetSubject, 'session' | 'catalog'>): Promise<{
  readonly nameOf: NameOf;
  /** BASE TABLE or VIEW, by name. */
  readonly kinds: ReadonlyMap<string, string>;
}> {
  const nameOf = await readNaming(session);
  const rows = await session.query(
    `SELECT TABLE_SCHEMA, TABLE_NAME, TABLE_TYPE FROM information_schema.TABLES
     WHERE TABLE_SCHEMA IN (${schemasOf(catalog)})`,
  );
  const kinds = rows.map(
    ([schema, name, kind]) => [nameOf({ schema: schema ?? '', name: name ?? '' }), kind ?? ''] as const,
  );
  return { nameOf, kinds: new Map(kinds) };
}

/** What others have put on the tables. */
export const firing: TargetCheck = async ({ session, catalog, context }) => {
  const found = await readFiring(session, catalog, context.isOwnTrigger ?? (() => false));
  return found.map(({ trigger, table }) =>
    errorFinding({
      code: 'TARGET_FIRES',
      subject: `trigger ${trigger} on ${table.id}`,
      message: 'it would act on the rows that the run writes',
      cure: `DROP TRIGGER ${quoteTable({ schema: table.schema, name: trigger })}; -- on the target; make it again after the cutover`,
    }),
  );
};

/** Two names that are one on a server that folds them. */
export const nameCase: TargetCheck = ({ catalog, facts }) => {
  if (['0', undefined].includes(facts.settings.get('lower_case_table_names'))) return [];
  const seen = new Map<string, TableName>();
  return catalog.tables.flatMap(({ table }): readonly Finding[] => {
    const folded = JSON.stringify([table.schema, table.name]).toLowerCase();
    const other = seen.get(folded);
    seen.set(folded, table);
    if (other === undefined) return [];
    return [
      errorFinding({
        code: 'NAME_CASE',
        subject: table.id,
        message: `on the target it is the same table as ${other.id}: lower_case_table_names is not 0 there`,
        cure: `tables: { map: { ${JSON.stringify(`${table.schema}.${table.name}`)}: … } }  # in the plan`,
      }),
    ];
  });
};

/** The server refuses such tables, or adds a column to them. */
export const primaryKeys: TargetCheck = ({ catalog, facts }) => {
  const demanding = demands(facts);
  if (demanding === undefined) return [];
  return catalog.tables
    .filter(({ key }) => key === null || !key.definition.startsWith('PRIMARY KEY'))
    .map(({ table }) =>
      errorFinding({
        code: 'TARGET_PRIMARY_KEY',
        subject: table.id,
        message: `it has no primary key, and the target wants one (${demanding})`,
        cure:
          demanding === CLUSTER
            ? `${excludeCure(`${table.schema}.${table.name}`)}, or ADD PRIMARY KEY on the source before the run begins`
            : setGlobal(facts, demanding, 'OFF'),
      }),
    );
};

const CLUSTER = 'group replication';

function demands(facts: ServerFacts): string | undefined {
  if ((facts.settings.get('group_replication_group_name') ?? '') !== '') return CLUSTER;
  if (isOn(facts, 'sql_require_primary_key')) return 'sql_require_primary_key';
  // Sessions may switch it off, with a right.
  const rights = ['SESSION_VARIABLES_ADMIN', 'SYSTEM_VARIABLES_ADMIN', 'SUPER'];
  const name = 'sql_generate_invisible_primary_key';
  return isOn(facts, name) && !rights.some((right) => facts.rights.has(right)) ? name : undefined;
}

export const collations: TargetCheck = async ({ session, catalog }) => {
  const rows = await session.query('SELECT COLLATION_NAME FROM information_schema.COLLATIONS');
  const known = new Set(rows.map(([name]) => name?.toLowerCase()));
  return catalog.tables.flatMap(({ table, columns }) =>
    columns
      .filter(({ collation }) => collation !== null && !known.has(collation.replaceAll('`', '').toLowerCase()))
      .map(({ name, collation }) =>
        errorFinding({
          code: 'TARGET_COLLATION',
          subject: `${table.id}.${name}`,
          message: `the target does not know its collation ${collation}`,
          cure: `ALTER TABLE ${quoteTable(table)} MODIFY ${quoteName(name)} … COLLATE …; -- on the source, to one that both know`,
        }),
      ),
  );
};
