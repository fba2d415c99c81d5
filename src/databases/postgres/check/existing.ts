// The preflight of a target whose tables were made by hand: each must take every row of the source as it is.

import { type Catalog, type TableDefinition, writtenTables } from '../../../model/catalog.ts';
import type { Finding } from '../../../model/finding.ts';
import { type TableName, tableId } from '../../../model/table.ts';
import { errorFinding, infoFinding } from '../../findings.ts';
import type { Session } from '../connection.ts';
import { filledTables, missingSequences, uniqueOn } from '../existing.ts';
import { readFiring } from '../firing.ts';
import { field, isTrue } from '../row.ts';
import { quoteLiteral, quoteName, quoteTable } from '../sql.ts';

export interface ExistingSubject {
  readonly session: Session;
  readonly catalog: Catalog;
  /** Quoted. */
  readonly role: string;
  /** True when the role may switch triggers and foreign keys off. */
  readonly switchesOff: boolean;
}

export async function checkExisting(subject: ExistingSubject): Promise<readonly Finding[]> {
  const { session, catalog } = subject;
  const findings: Finding[] = [];
  const present: TableDefinition[] = [];
  for (const definition of catalog.tables) {
    const found = await relation(subject, definition);
    if (found.length > 0) findings.push(...found);
    else present.push(definition);
  }
  for (const definition of present) {
    findings.push(...(await columns(session, definition)));
    findings.push(...(await key(session, definition)));
    findings.push(...(await firing(subject, definition)));
    findings.push(...(await lacking(session, definition)));
  }
  findings.push(...(await labels(session, catalog)));
  const filled = await filledTables(
    session,
    present.map(({ table }) => table),
  );
  for (const table of filled) {
    const name = quoteTable(table);
    findings.push(
      errorFinding({
        code: 'TARGET_ROWS',
        subject: table.id,
        message: 'it has rows',
        cure: `TRUNCATE ${name}; -- on the target`,
      }),
    );
  }
  for (const name of await missingSequences(session, catalog)) {
    findings.push(
      infoFinding({ code: 'TARGET_LACKS', subject: `sequence ${name}`, message: 'the target does not have it' }),
    );
  }
  return findings;
}

async function relation({ session, role }: ExistingSubject, { table }: TableDefinition): Promise<readonly Finding[]> {
  const name = quoteTable(table);
  const row = await session.one(
    `SELECT c.relkind, pg_has_role(current_user, c.relowner, 'USAGE') AS own, c.relowner::regrole::text AS owner,
       c.relrowsecurity AND (c.relforcerowsecurity OR NOT pg_has_role(current_user, c.relowner, 'USAGE'))
         AND NOT (SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user) AS hidden
     FROM pg_class c WHERE c.oid = to_regclass($1)`,
    [name],
  );
  if (row?.relkind !== 'r') {
    const message = row === undefined ? 'the target does not have it' : 'on the target it is no plain table';
    return [
      errorFinding({
        code: 'TARGET_TABLE',
        subject: table.id,
        message,
        cure: `Make ${name} on the target, or exclude it.`,
      }),
    ];
  }
  if (!isTrue(row, 'own')) {
    const message = `${field(row, 'owner')} owns it on the target, and ${role} is not a member of that role`;
    return [
      errorFinding({
        code: 'TARGET_OWNER',
        subject: table.id,
        message,
        cure: `GRANT ${field(row, 'owner')} TO ${role};`,
      }),
    ];
  }
  if (isTrue(row, 'hidden')) {
    const cure = `ALTER TABLE ${name} NO FORCE ROW LEVEL SECURITY;`;
    return [errorFinding({ code: 'TARGET_POLICY', subject: table.id, message: 'row policies apply to the run', cure })];
  }
  return [];
}

async function columns(session: Session, { table, columns: wanted }: TableDefinition): Promise<readonly Finding[]> {
  const rows = await session.query(
    `SELECT attname, format_type(atttypid, atttypmod) AS type, attnotnull, attidentity,
       attgenerated <> '' AS generated, atthasdef OR attidentity <> '' AS filled
     FROM pg_attribute WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped`,
    [quoteTable(table)],
  );
  const found = new Map(rows.map((row) => [field(row, 'attname'), row]));
  const types = new Map(table.columns.map(({ name, type }) => [name, type]));
  const alter = `ALTER TABLE ${quoteTable(table)}`;
  const findings: Finding[] = [];
  const wrong = (column: string, message: string, cure: string): void => {
    findings.push(
      errorFinding({
        code: 'TARGET_COLUMN',
        subject: `${table.id}.${column}`,
        message,
        cure: `${alter} ${cure}; -- on the target`,
      }),
    );
  };
  for (const { name, notNull, identity } of wanted) {
    const type = types.get(name);
    // Computed by each side for itself.
    if (type === undefined) continue;
    const row = found.get(name);
    found.delete(name);
    const column = quoteName(name);
    if (row === undefined) wrong(name, 'the target does not have it', `ADD COLUMN ${column} ${type}`);
    else if (isTrue(row, 'generated')) wrong(name, 'the target computes it', `ALTER COLUMN ${column} DROP EXPRESSION`);
    else {
      if (row.type !== type)
        wrong(name, `it is ${type} on the source and ${row.type} on the target`, `ALTER COLUMN ${column} TYPE ${type}`);
      if (isTrue(row, 'attnotnull') && !notNull)
        wrong(name, 'it may be null on the source', `ALTER COLUMN ${column} DROP NOT NULL`);
      if (row.attidentity === 'a' && identity !== 'always')
        wrong(name, 'it is GENERATED ALWAYS on the target', `ALTER COLUMN ${column} SET GENERATED BY DEFAULT`);
    }
  }
  for (const [name, row] of found) {
    if (!isTrue(row, 'attnotnull') || isTrue(row, 'filled') || isTrue(row, 'generated')) continue;
    wrong(
      name,
      'the source does not have it, and it must not be null',
      `ALTER COLUMN ${quoteName(name)} DROP NOT NULL`,
    );
  }
  return findings;
}

async function key(session: Session, { table }: TableDefinition): Promise<readonly Finding[]> {
  if (table.identity === 'row') return [];
  const names = table.key.flatMap((index) => table.columns[index]?.name ?? []);
  const row = await session.one(`SELECT 1 FROM pg_index i WHERE i.indrelid = to_regclass($1) AND ${uniqueOn('$2')}`, [
    quoteTable(table),
    names,
  ]);
  if (row !== undefined) return [];
  const list = names.map(quoteName).join(', ');
  return [
    errorFinding({
      code: 'TARGET_KEY',
      subject: table.id,
      message: `rows are found by (${list}), which is not unique on the target`,
      cure: `ALTER TABLE ${quoteTable(table)} ADD UNIQUE (${list}); -- on the target`,
    }),
  ];
}

/**
 * Triggers, rules and foreign keys that act on what the run itself writes. A foreign key of a table that does not move counts,
 * too: it refuses a delete, or removes rows that are none of the run's.
 */
async function firing(subject: ExistingSubject, { table }: TableDefinition): Promise<readonly Finding[]> {
  return [...(await firesOn(subject, [table])), ...(await foreignKeysOn(subject, table))];
}

/** Triggers and rules. */
export async function firesOn(
  { session, switchesOff, role }: Omit<ExistingSubject, 'catalog'>,
  tables: readonly TableName[],
): Promise<readonly Finding[]> {
  const found = await readFiring(session, tables, switchesOff);
  return found.map(({ kind, name, table }) =>
    fires(
      { switchesOff, role },
      `${kind.toLowerCase()} ${name} on ${table.id}`,
      `ALTER TABLE ${quoteTable(table)} DISABLE ${kind} ${quoteName(name)}; -- enable it again after the cutover`,
    ),
  );
}

async function foreignKeysOn(subject: ExistingSubject, table: TableName): Promise<readonly Finding[]> {
  const { session, catalog, switchesOff } = subject;
  if (switchesOff) return [];
  const rows = await session.query(
    `SELECT k.conname AS name,
       CASE WHEN c.oid <> to_regclass($1) THEN n.nspname END AS schema, CASE WHEN c.oid <> to_regclass($1) THEN c.relname END AS relation
     FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE k.contype = 'f' AND (k.conrelid = to_regclass($1) OR (k.confrelid = to_regclass($1)
       AND k.conrelid NOT IN (SELECT to_regclass(w.name) FROM unnest($2::text[]) w(name) WHERE to_regclass(w.name) IS NOT NULL)))
     ORDER BY 1`,
    [quoteTable(table), writtenTables(catalog).map(quoteTable)],
  );
  return rows.map((row) => {
    const owner = row.relation == null ? table : named(field(row, 'schema'), field(row, 'relation'));
    const name = field(row, 'name');
    return fires(
      subject,
      `foreign key ${name} on ${owner.id}`,
      `ALTER TABLE ${quoteTable(owner)} DROP CONSTRAINT ${quoteName(name)}; -- add it again after the cutover`,
    );
  });
}

function fires(
  { switchesOff, role }: Pick<ExistingSubject, 'switchesOff' | 'role'>,
  subject: string,
  cure: string,
): Finding {
  const message = 'it would act on the rows that the run writes';
  return errorFinding({
    code: 'TARGET_FIRES',
    subject,
    message: switchesOff ? message : `${message}: ${role} may not switch it off`,
    cure,
  });
}

function named(schema: string, name: string): TableName {
  return { id: tableId(schema, name), schema, name };
}

/** What the run will not make: for the owner to decide. By name: definitions may well differ on purpose. */
async function lacking(session: Session, definition: TableDefinition): Promise<readonly Finding[]> {
  const { table, uniqueConstraints, indexes, foreignKeys, checks } = definition;
  const wanted = [...uniqueConstraints, ...indexes, ...foreignKeys, ...checks].map(({ name }) => name);
  const rows = await session.query(
    `SELECT w.name FROM unnest($2::text[]) AS w(name) WHERE NOT EXISTS (
       SELECT FROM pg_constraint WHERE conrelid = to_regclass($1) AND conname = w.name
       UNION ALL SELECT FROM pg_index JOIN pg_class c ON c.oid = indexrelid
       WHERE indrelid = to_regclass($1) AND c.relname = w.name)`,
    [quoteTable(table), wanted],
  );
  if (rows.length === 0) return [];
  const names = rows.map((row) => field(row, 'name')).join(', ');
  return [
    infoFinding({ code: 'TARGET_LACKS', subject: table.id, message: `the source has ${names}, the target does not` }),
  ];
}

async function labels(session: Session, catalog: Catalog): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  for (const type of catalog.types) {
    if (type.kind !== 'enum') continue;
    const name = quoteTable(type);
    const rows = await session.query(
      `SELECT l.label FROM unnest($2::text[]) AS l(label)
       WHERE NOT EXISTS (SELECT FROM pg_enum WHERE enumtypid = to_regtype($1) AND enumlabel = l.label)`,
      [name, type.labels],
    );
    for (const row of rows) {
      const label = quoteLiteral(field(row, 'label')).trim();
      const message = `the target does not have the label ${label}`;
      findings.push(
        errorFinding({
          code: 'TARGET_LABEL',
          subject: name,
          message,
          cure: `ALTER TYPE ${name} ADD VALUE ${label}; -- on the target`,
        }),
      );
    }
  }
  return findings;
}
