// Checks of names. Indexes and constraints are named within a schema: another table may have the name.

import type { Catalog } from '../../../model/catalog.ts';
import type { Finding } from '../../../model/finding.ts';
import type { TableName } from '../../../model/table.ts';
import { errorFinding, infoFinding, warningFinding } from '../../findings.ts';
import { readForeignKey } from '../definitions.ts';
import { referencesGrant } from '../foreign-keys.ts';
import { nameOf, readConstraints, readIndexes } from '../schema-state.ts';
import { quoteName, quoteTable } from '../sql.ts';
import type { TargetCheck } from './target.ts';

interface OwnName {
  readonly kind: 'constraint' | 'index';
  readonly table: TableName;
  readonly name: string;
}

/** A key and a unique constraint are given an index of their name. */
function ownNames({ tables }: Catalog): readonly OwnName[] {
  return tables.flatMap(({ table, key, checks, uniqueConstraints, indexes, foreignKeys }): readonly OwnName[] => {
    const unique = [...(key?.kind === 'constraint' ? [key] : []), ...uniqueConstraints];
    const constraints = [...unique, ...checks, ...foreignKeys];
    const all = [...unique, ...(key?.kind === 'index' ? [key] : []), ...indexes];
    return [
      ...constraints.map(({ name }) => ({ kind: 'constraint' as const, table, name })),
      ...all.map(({ name }) => ({ kind: 'index' as const, table, name })),
    ];
  });
}

const CUT_NAMES = 'convert: { longestName: 30 }  # in the plan; what tables.map names stays as it is';

export const longNames: TargetCheck = ({ catalog, facts }) => {
  const { longestName, saidName, product } = facts;
  const names = new Set([
    ...catalog.schemas,
    ...catalog.tables.flatMap(({ table, columns }) => [table.name, ...columns.map(({ name }) => name)]),
    ...catalog.sequences.flatMap(({ owner, name }) => (owner?.identity === true ? [] : [name])),
    ...ownNames(catalog).map(({ name }) => name),
  ]);
  const longer = (bytes: number): readonly string[] => [...names].filter((name) => Buffer.byteLength(name) > bytes);
  const refused = longer(longestName).map((name) =>
    errorFinding({
      code: 'ORACLE_NAME',
      subject: name,
      message: `it has ${Buffer.byteLength(name)} bytes, and ${product} takes ${longestName}`,
      cure: longestName < 128 ? CUT_NAMES : 'Give it a shorter name in tables.map of the plan, or on the source.',
    }),
  );
  const doubtful = longer(saidName);
  const [first] = doubtful;
  if (refused.length > 0 || first === undefined) return refused;
  const message = `the server did not say at login that it takes names of more than ${saidName} bytes, which ${doubtful.length} of the run have: it does not where COMPATIBLE is below 12.2`;
  return [warningFinding({ code: 'ORACLE_NAME', subject: first, message, cure: CUT_NAMES })];
};

export const takenNames: TargetCheck = async ({ session, catalog }) => {
  const constraints = await readConstraints(session, catalog.schemas);
  const indexes = await readIndexes(session, catalog.schemas);
  // One on a table under the name of a table of the run has to be moved away with all it has.
  const own = new Set(catalog.tables.map(({ table }) => nameOf(table)));
  const given = new Map<string, TableName>();
  return ownNames(catalog).flatMap(({ kind, table, name }): readonly Finding[] => {
    const place = nameOf({ schema: table.schema, name });
    const twin = given.get(`${kind} ${place}`);
    given.set(`${kind} ${place}`, table);
    const subject = `${kind} ${quoteName(name)} on ${table.id}`;
    if (twin !== undefined && twin !== table) {
      const cure = 'Give one of them another name on the source, or one of the tables another schema in tables.map.';
      return [
        errorFinding({ code: 'ORACLE_NAME', subject, message: `${twin.id} of the run has one of this name`, cure }),
      ];
    }
    const holder = kind === 'constraint' ? constraints.get(place)?.table : indexes.get(place);
    if (holder === undefined || own.has(nameOf(holder))) return [];
    const rename =
      kind === 'constraint'
        ? `ALTER TABLE ${quoteTable(holder)} RENAME CONSTRAINT ${quoteName(name)} TO …;`
        : `ALTER INDEX ${quoteTable({ schema: table.schema, name })} RENAME TO …;`;
    const message = `${quoteTable(holder)} has one of this name in the same schema of the target`;
    return [errorFinding({ code: 'ORACLE_NAME', subject, message, cure: `${rename} -- on the target` })];
  });
};

/** Where both tables are in one schema its owner may refer to them. */
export const references: TargetCheck = ({ catalog, facts }) =>
  catalog.tables.flatMap(({ table, foreignKeys }) =>
    foreignKeys
      .map((key) => ({ key, to: readForeignKey(key).references }))
      .filter(({ to }) => to.schema !== table.schema)
      .map(({ key, to }) =>
        infoFinding({
          code: 'ORACLE_REFERENCES',
          subject: `foreign key ${quoteName(key.name)} on ${table.id}`,
          message: `it leads into schema ${to.schema}: ${table.schema} has to be allowed to refer to that table before the cutover`,
          cure: `${referencesGrant(to, table.schema, facts.rights.account)}; -- once the run has made the table`,
        }),
      ),
  );
