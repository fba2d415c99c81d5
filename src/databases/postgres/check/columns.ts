// Checks of the selected tables' keys and columns.

import type { KeyDefinition } from '../../../model/catalog.ts';
import type { Finding } from '../../../model/finding.ts';
import { type Table, tableId } from '../../../model/table.ts';
import { errorFinding, excludeCure, infoFinding, warningFinding } from '../../findings.ts';
import type { TextRow } from '../connection.ts';
import { readIdentities } from '../replica-identity.ts';
import { field } from '../row.ts';
import { quoteName, quoteTable } from '../sql.ts';
import type { SourceCheck } from './source-subject.ts';
import { usableTables } from './usable.ts';

/** A row is found by its key, else by all its values. */
export const keys: SourceCheck = async ({ catalog }) =>
  catalog.tables.flatMap(({ table, key }) => {
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
    return [keyless(table, key)];
  });

// What a server reads and hashes in a second where nothing else keeps it busy, roughly.
const BYTES_PER_SECOND = 200e6;
// Above it what the table costs is felt, in the freeze as well.
const LARGE_BYTES = 1e9;

function keyless(table: Table, key: KeyDefinition | null): Finding {
  const { id, rowEstimate, byteEstimate } = table;
  const size = `${rowEstimate.toLocaleString('en-US')} rows, ${Math.ceil(byteEstimate / 1e6).toLocaleString('en-US')} MB`;
  const seconds = Math.ceil(byteEstimate / BYTES_PER_SECOND);
  const why =
    key === null
      ? 'it has no primary key and no unique constraint of NOT NULL columns'
      : `its key ${key.name} does not tell rows apart for the run, being deferrable or of a type or collation that takes several texts for one value`;
  const text = {
    code: 'NO_KEY',
    subject: id,
    message:
      `${why}: its rows are found by all their values. It has about ${size}, all of which is copied in one transaction,` +
      ' and read once on the target for each batch with an update or delete of it. When it has changed, it is compared as a' +
      ` whole in the freeze, which keeps writes waiting for some ${seconds} s more; a cutover that would spend more than half` +
      ' of cutover.budget on that is refused',
  } as const;
  if (byteEstimate < LARGE_BYTES) return infoFinding(text);
  return warningFinding({
    ...text,
    cure: `Give it a ${key === null ? '' : 'plain '}primary key before the run begins, or raise cutover.budget to ${4 * seconds}s in the plan.`,
  });
}

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
