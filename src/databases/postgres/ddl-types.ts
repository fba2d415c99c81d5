// The statements that make, complete and drop the types of users, and collations.

import type { NamedDefinition, TypeDefinition } from '../../model/catalog.ts';
import type { Step } from './ddl.ts';
import { quoteLiteral, quoteName, quoteTable } from './sql.ts';

/** In the order in which the types need each other. */
export function typeSteps(types: readonly TypeDefinition[]): readonly Step[] {
  return types.map((type) => ({
    subject: `${type.kind} ${quoteTable(type)}`,
    table: null,
    exists: type.kind === 'collation' ? existsIn('pg_collation', 'coll', type) : existsIn('pg_type', 'typ', type),
    statement: `${createType(type)}${commentOn(type)}`,
  }));
}

/** Checks of domains that the source's own values need not pass: added when those are loaded. */
export function typeCheckSteps(types: readonly TypeDefinition[]): readonly Step[] {
  return types.flatMap((type) =>
    type.kind === 'enum' ? [] : type.checks.filter(isUnvalidated).map((check) => checkStep(type, check)),
  );
}

/** DROP TYPE takes types of every kind, and those of one statement may need each other. */
export function dropTypes(all: readonly TypeDefinition[]): readonly string[] {
  const types = all.filter(({ kind }) => kind !== 'collation');
  const collations = all.filter(({ kind }) => kind === 'collation');
  return [
    ...(types.length === 0 ? [] : [`DROP TYPE IF EXISTS ${types.map(quoteTable).join(', ')}`]),
    ...collations.map((collation) => `DROP COLLATION IF EXISTS ${quoteTable(collation)}`),
  ];
}

function existsIn(catalog: string, prefix: string, { schema, name }: TypeDefinition): string {
  return (
    `SELECT 1 FROM pg_catalog.${catalog} t JOIN pg_catalog.pg_namespace n ON n.oid = t.${prefix}namespace` +
    ` WHERE n.nspname = ${quoteLiteral(schema)} AND t.${prefix}name = ${quoteLiteral(name)}`
  );
}

function createType(type: TypeDefinition): string {
  const name = quoteTable(type);
  if (type.kind === 'enum') return `CREATE TYPE ${name} AS ENUM (${type.labels.map(quoteLiteral).join(', ')})`;
  const checks = type.checks
    .filter((check) => !isUnvalidated(check))
    .map((check) => ` CONSTRAINT ${quoteName(check.name)} ${check.definition}`);
  return `CREATE ${statementKind(type)} ${name} ${type.definition}${checks.join('')}`;
}

function statementKind({ kind }: TypeDefinition): string {
  return kind === 'domain' || kind === 'collation' ? kind.toUpperCase() : 'TYPE';
}

function commentOn(type: TypeDefinition): string {
  if (type.comment === null) return '';
  return `;\nCOMMENT ON ${statementKind(type)} ${quoteTable(type)} IS ${quoteLiteral(type.comment)}`;
}

function isUnvalidated(check: NamedDefinition): boolean {
  return check.definition.endsWith(' NOT VALID');
}

function checkStep(domain: { readonly schema: string; readonly name: string }, check: NamedDefinition): Step {
  return {
    subject: `check ${quoteName(check.name)} of domain ${quoteTable(domain)}`,
    table: null,
    exists:
      `SELECT 1 FROM pg_catalog.pg_constraint WHERE conname = ${quoteLiteral(check.name)}` +
      ` AND contypid = pg_catalog.to_regtype(${quoteLiteral(quoteTable(domain))})`,
    statement: `ALTER DOMAIN ${quoteTable(domain)} ADD CONSTRAINT ${quoteName(check.name)} ${check.definition}`,
  };
}
