// Checks of the selected tables' keys and columns.

import type { Finding } from '../../../model/finding.ts';
import { type Table, tableId } from '../../../model/table.ts';
import type { TextRow } from '../connection.ts';
import { readIdentities } from '../replica-identity.ts';
import { field } from '../row.ts';
import { arrayLiteral, quoteName, quoteTable } from '../sql.ts';
import { errorFinding, excludeCure, infoFinding } from './facts.ts';
import type { SourceCheck } from './source-subject.ts';
import { usableTables } from './usable.ts';

/** A row is found by its key, else by all its values. */
export const keys: SourceCheck = async ({ catalog }) =>
  catalog.tables.flatMap(({ table }) => {
    if (table.identity === 'key') return [];
    if (table.columns.length === 0) {
      return [
        errorFinding({
          code: 'NO_COLUMNS',
          subject: table.id,
          message: 'it has no columns, so that the log tells nothing of its rows',
          cure: excludeCure(`${table.schema}.${table.name}`),
        }),
      ];
    }
    const size = `${Math.ceil(table.byteEstimate / 1_048_576)} MB`;
    return [
      infoFinding({
        code: 'NO_KEY',
        subject: table.id,
        message:
          `it has no primary key and no unique constraint of NOT NULL columns: its rows are found by all their values. Its ${size}` +
          ' are copied in one transaction, each batch with an update or delete reads it once, and when it has changed it is' +
          ' compared as a whole in the freeze',
      }),
    ];
  });

/** Without one that names the key, the server refuses the application's own updates once the table is published. */
export const replicaIdentity: SourceCheck = async ({ session, catalog }) => {
  const usable = await usableTables(session, catalog.tables);
  const tables = usable.map(({ table }) => table).filter(({ columns }) => columns.length > 0);
  const found = await readIdentities(session, tables);
  return found.flatMap(({ table, clause, wanted, refused }) => {
    if (wanted === null) return [];
    if (refused) return [identityInUse(table, clause)];
    const cost = wanted === 'FULL' ? '; meanwhile each update and delete logs the whole old row' : '';
    return [
      infoFinding({
        code: 'REPLICA_IDENTITY',
        subject: table.id,
        message:
          `the run sets REPLICA IDENTITY ${wanted}, so that the log names the rows that change, and at its end` +
          ` ${clause} again${cost}`,
      }),
    ];
  });
};

function identityInUse(table: Table, clause: string): Finding {
  return errorFinding({
    code: 'IDENTITY_IN_USE',
    subject: table.id,
    message:
      `the log names its rows by ${clause}, not by their key, and another publication has a list of columns that goes with` +
      " that: with another replica identity the server would refuse the application's updates",
    cure: excludeCure(`${table.schema}.${table.name}`),
  });
}

/** Keys that are equal but not the same text would be one row for the database and two for the run. */
export const keyCollations: SourceCheck = async ({ session, catalog }) => {
  const usable = await usableTables(session, catalog.tables);
  const tables = usable.map(({ table }) => table).filter(({ identity }) => identity === 'key');
  const keys = tables.map((table) => arrayLiteral(table.key.map((column) => table.columns[column]?.name)));
  const rows = await session.query(
    `SELECT n.nspname, c.relname, a.attname
     FROM unnest($1::text[], $2::text[]) AS t(name, key)
     JOIN pg_class c ON c.oid = to_regclass(t.name) JOIN pg_namespace n ON n.oid = c.relnamespace
     JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname::text = ANY (t.key::text[])
     JOIN pg_collation l ON l.oid = a.attcollation
     WHERE NOT l.collisdeterministic
     ORDER BY 1, 2, a.attnum`,
    [arrayLiteral(tables.map(quoteTable)), arrayLiteral(keys)],
  );
  return rows.map((row) =>
    errorFinding({
      code: 'KEY_COLLATION',
      subject: columnOf(row),
      message: 'a key column with a nondeterministic collation is not carried by this version',
      cure: excludeCure(`${field(row, 'nspname')}.${field(row, 'relname')}`),
    }),
  );
};

/** The log does not carry them, so that nothing can be found by one. */
export const generatedKeys: SourceCheck = async ({ session, oids }) => {
  const rows = await session.query(
    `SELECT n.nspname, c.relname, a.attname
     FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace
     JOIN pg_attribute a ON a.attrelid = c.oid AND a.attgenerated <> ''
       AND a.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1])
     WHERE i.indisprimary AND c.oid = ANY ($1::oid[])
     ORDER BY 1, 2, a.attnum`,
    [oids],
  );
  return rows.map((row) => {
    const table = quoteTable({ schema: field(row, 'nspname'), name: field(row, 'relname') });
    return errorFinding({
      code: 'GENERATED_KEY',
      subject: columnOf(row),
      message: 'a generated column in the primary key is not carried by this version',
      cure: `ALTER TABLE ${table} ALTER COLUMN ${quoteName(field(row, 'attname'))} DROP EXPRESSION; -- it becomes a plain column`,
    });
  });
};

/** PostgreSQL 18 refuses updates and deletes of a published table that logs whole rows and has generated columns. */
export const generatedIdentity: SourceCheck = async ({ session, catalog, facts }) => {
  if (facts.version < 180_000) return [];
  const tables = catalog.tables.filter(({ columns }) => columns.some(({ generated }) => generated !== null));
  // A deferrable key is none for the log, and yet leaves no room for another primary key.
  const keyed = new Set(tables.filter(({ key }) => key !== null).map(({ table }) => table.id));
  const found = await readIdentities(
    session,
    tables.map(({ table }) => table),
  );
  return found
    .filter(({ wanted }) => wanted === 'FULL')
    .map(({ table }) =>
      errorFinding({
        code: 'GENERATED_IDENTITY',
        subject: table.id,
        message:
          'it has generated columns and no key that the log can name: the server would refuse its updates and deletes',
        cure: keyed.has(table.id)
          ? excludeCure(`${table.schema}.${table.name}`)
          : `ALTER TABLE ${quoteTable(table)} ADD COLUMN row_id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY; -- locks the table meanwhile`,
      }),
    );
};

/** `schema.table.column`, as findings name it. */
export function columnOf(row: TextRow): string {
  return `${tableId(field(row, 'nspname'), field(row, 'relname'))}.${field(row, 'attname')}`;
}
