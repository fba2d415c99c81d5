// The preflight of a target whose tables were made by hand: each must take every row of the source as it is.

import type { ColumnDefinition, TableDefinition } from '../../../model/catalog.ts';
import type { Finding } from '../../../model/finding.ts';
import { errorFinding, infoFinding } from '../../findings.ts';
import { readCatalog } from '../catalog.ts';
import { filledTables } from '../filled.ts';
import { readNaming } from '../schema-state.ts';
import { quoteName, quoteTable } from '../sql.ts';
import type { TargetCheck, TargetSubject } from './target.ts';

export const checkExisting: TargetCheck = async (subject) => {
  const pairs = await match(subject);
  const findings: Finding[] = [];
  for (const { wanted, there } of pairs) {
    if (there === undefined) findings.push(missing(wanted));
    else findings.push(...columns(wanted, there), ...key(wanted, there), ...lacking(wanted, there));
  }
  const tables = pairs.flatMap(({ there }) => there ?? []);
  // What may not be read is told by another check.
  const readable = tables.filter(({ table }) => subject.facts.rights.has('SELECT', table));
  for (const table of await filledTables(subject.session, { tables: readable })) {
    findings.push(
      errorFinding({
        code: 'TARGET_ROWS',
        subject: table.id,
        message: 'it has rows',
        cure: `TRUNCATE ${quoteTable(table)}; -- on the target`,
      }),
    );
  }
  return findings;
};

interface Pair {
  readonly wanted: TableDefinition;
  readonly there: TableDefinition | undefined;
}

async function match({ session, catalog }: TargetSubject): Promise<readonly Pair[]> {
  const nameOf = await readNaming(session);
  const names = catalog.tables.map(({ table }) => table);
  // A server that folds names has them in lower case.
  const folded = names.map(({ schema, name }) => ({ schema: schema.toLowerCase(), name: name.toLowerCase() }));
  const there = await readCatalog(session, { include: [], exclude: [], names: [...names, ...folded] });
  const found = new Map(there.tables.map((definition) => [nameOf(definition.table), definition]));
  return catalog.tables.map((wanted) => ({ wanted, there: found.get(nameOf(wanted.table)) }));
}

function missing({ table }: TableDefinition): Finding {
  return errorFinding({
    code: 'TARGET_TABLE',
    subject: table.id,
    message: 'the target does not have it as a table of InnoDB',
    cure: `Make ${quoteTable(table)} on the target, or exclude it.`,
  });
}

function columns(wanted: TableDefinition, there: TableDefinition): readonly Finding[] {
  const byName = new Map(there.columns.map((column) => [column.name.toLowerCase(), column]));
  const findings: Finding[] = [];
  const wrong = (name: string, message: string, action: string): void => {
    findings.push(
      errorFinding({
        code: 'TARGET_COLUMN',
        subject: `${wanted.table.id}.${name}`,
        message,
        cure: `ALTER TABLE ${quoteTable(wanted.table)} ${action}; -- on the target`,
      }),
    );
  };
  for (const column of wanted.columns) {
    const { name, type } = column;
    const found = byName.get(name.toLowerCase());
    byName.delete(name.toLowerCase());
    // Computed by each side for itself.
    if (column.generated !== null) continue;
    const definition = `${quoteName(name)} ${type}${column.notNull ? ' NOT NULL' : ''}`;
    if (found === undefined) wrong(name, 'the target does not have it', `ADD COLUMN ${definition}`);
    else {
      const message = mismatch(column, found);
      if (message !== undefined) wrong(name, message, `MODIFY ${definition}`);
    }
  }
  for (const { name, type, notNull, defaultExpression, identity, generated } of byName.values()) {
    if (!notNull || defaultExpression !== null || identity !== null || generated !== null) continue;
    wrong(name, 'the source does not have it, and it must not be null', `MODIFY ${quoteName(name)} ${type} NULL`);
  }
  return findings;
}

/** Undefined when the column of the target takes every value. */
function mismatch(wanted: ColumnDefinition, there: ColumnDefinition): string | undefined {
  if (there.generated !== null) return 'the target computes it';
  if (typeOf(wanted) !== typeOf(there)) return `it is to be ${wanted.type} and is ${there.type} on the target`;
  if (there.notNull && !wanted.notNull) return 'it may be null on the source';
  const [from, to] = [charsetOf(wanted), charsetOf(there)];
  if (from === to || from === '' || to === 'utf8mb4') return undefined;
  return `its character set is ${to} on the target and ${from} on the source`;
}

/** The width that integers are shown with says nothing of their values. */
function typeOf({ type }: ColumnDefinition): string {
  return type
    .toLowerCase()
    .replaceAll(/\/\*.*?\*\//g, '')
    .replace(/^((?:tiny|small|medium|big)?int|year)\(\d+\)/, '$1')
    .trim();
}

function charsetOf({ collation }: ColumnDefinition): string {
  return (collation ?? '').replaceAll('`', '').replace(/_.*$/s, '');
}

/** Any order of the same columns, which must be what finds a row on the target, too. */
function key({ table }: TableDefinition, there: TableDefinition): readonly Finding[] {
  if (table.identity === 'row') return [];
  const columns = table.key.map((index) => table.columns[index]?.name ?? '');
  const wanted = listed(columns);
  const unique = [...(there.key === null ? [] : [there.key]), ...there.uniqueConstraints];
  if (unique.some(({ definition }) => listed(namesIn(definition)) === wanted)) return [];
  return [
    errorFinding({
      code: 'TARGET_KEY',
      subject: table.id,
      message: 'the columns by which its rows are found are not unique on the target',
      cure: `ALTER TABLE ${quoteTable(table)} ADD UNIQUE (${columns.map(quoteName).join(', ')}); -- on the target`,
    }),
  ];
}

/** Of `UNIQUE (`a`, `b`)`. */
function namesIn(definition: string): readonly string[] {
  return [...definition.matchAll(/`((?:[^`]|``)*)`/g)].map(([, name = '']) => name.replaceAll('``', '`'));
}

function listed(names: readonly string[]): string {
  return JSON.stringify(names.map((name) => name.toLowerCase()).sort());
}

/** By name; the run does not make them. */
function lacking(wanted: TableDefinition, there: TableDefinition): readonly Finding[] {
  const kinds = ['uniqueConstraints', 'indexes', 'foreignKeys', 'checks'] as const;
  const missing = kinds.flatMap((kind) => {
    const names = new Set(there[kind].map(({ name }) => name.toLowerCase()));
    return wanted[kind].filter(({ name }) => !names.has(name.toLowerCase())).map(({ name }) => name);
  });
  if (missing.length === 0) return [];
  return [
    infoFinding({
      code: 'TARGET_LACKS',
      subject: wanted.table.id,
      message: `the target does not have ${missing.join(', ')}`,
    }),
  ];
}
