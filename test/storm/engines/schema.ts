// A schema that the seed has made up for a pair of engines, and what a plan calls it on the target: a bank whose sum never
// changes, a ledger of transactions, and tables with keys of any kind or none.

import type { Random } from '../random.ts';
import { type Dialect, type Holds, KEY_KINDS, type Kind, quoted, VALUE_KINDS } from './kinds.ts';

export interface Pair {
  readonly from: 'mysql' | 'mariadb' | 'postgres';
  readonly to: 'mysql' | 'postgres';
}

export const dialectOf = (kind: Pair['from']): Dialect => (kind === 'postgres' ? 'postgres' : 'mysql');

export const ACCOUNTS = 60;
export const OPENING = 1_000;

export interface StormColumn {
  readonly name: string;
  readonly holds: Holds;
  /** The g-th value as a literal of the source. */
  value(g: number): string;
}

export interface StormTable {
  readonly name: string;
  /** Quoted, on the source. */
  readonly sql: string;
  readonly key: readonly StormColumn[];
  readonly kind: Kind | undefined;
  /** Written besides the key. */
  readonly columns: readonly StormColumn[];
  /** Only read: the server makes their values. */
  readonly others: readonly StormColumn[];
  /** Its values are few, so that they change hands. */
  readonly unique: StormColumn | undefined;
  readonly rows: number;
}

export interface StormSchema {
  readonly dialect: Dialect;
  readonly tables: readonly StormTable[];
  readonly statements: readonly string[];
  /** `tables.map` of the plan. */
  readonly map: Readonly<Record<string, string>>;
  /** The quoted name of a table of the source on the target. */
  onTarget(name: string): string;
}

export function nameIn(dialect: Dialect, name: string): string {
  return dialect === 'mysql' ? `\`${name.replaceAll('`', '``')}\`` : `"${name.replaceAll('"', '""')}"`;
}

const HOSTILE = ['Order', 'select', 'two words', `"it's"`, 'back`tick', 'a.b', '%I $1 $$', 'über é'] as const;

function kindsOf(all: readonly Kind[], { from, to }: Pair): readonly Kind[] {
  const dialect = dialectOf(from);
  return all.filter(({ types, only }) => {
    if (types[dialect] === undefined) return false;
    if (only === 'mysql to mysql') return from === 'mysql' && to === 'mysql';
    return only === undefined || only === from;
  });
}

interface Draft {
  readonly lines: string[];
  readonly columns: StormColumn[];
  readonly others: StormColumn[];
}

/** Seldom empty where it may be. */
function valueColumn(name: string, kind: Kind, dialect: Dialect, emptyEvery: number): StormColumn {
  const value = (g: number): string =>
    emptyEvery > 0 && g % emptyEvery === 0 ? 'NULL' : (kind.value(g, dialect)[0] ?? 'NULL');
  return { name, holds: kind.holds[0] ?? 'text', value };
}

function addUnique(random: Random, dialect: Dialect, draft: Draft): StormColumn | undefined {
  if (!random.chance(45)) return undefined;
  const anyCase = dialect === 'mysql' && random.chance(30);
  const type =
    dialect === 'mysql' ? `varchar(40) COLLATE ${anyCase ? 'utf8mb4_general_ci' : 'utf8mb4_bin'}` : 'varchar(40)';
  draft.lines.push(`u ${type}`, 'UNIQUE (u)');
  const value = (g: number): string => (g % 6 === 0 ? 'NULL' : quoted(`U${g % 700}`, dialect));
  const column: StormColumn = { name: 'u', holds: 'text', value };
  draft.columns.push(column);
  return column;
}

function addOthers(random: Random, pair: Pair, hasKey: boolean, draft: Draft): void {
  const dialect = dialectOf(pair.from);
  const none = (): string => 'DEFAULT';
  if (hasKey && random.chance(25)) {
    draft.lines.push('made int GENERATED ALWAYS AS (n * 2) STORED');
    draft.others.push({ name: 'made', holds: 'text', value: none });
  }
  if (random.chance(20)) {
    const type =
      dialect === 'mysql'
        ? 'datetime(6) DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6)'
        : 'timestamptz DEFAULT clock_timestamp()';
    draft.lines.push(`at ${type}`);
    draft.others.push({ name: 'at', holds: 'moment', value: none });
  }
}

/** References point at the bank, whose accounts stay. */
function addReference(random: Random, draft: Draft): void {
  if (!random.chance(30)) return;
  draft.lines.push('account int', 'FOREIGN KEY (account) REFERENCES storm.accounts (id)');
  draft.columns.push({
    name: 'account',
    holds: 'text',
    value: (g) => (g % 5 === 0 ? 'NULL' : String((g % ACCOUNTS) + 1)),
  });
}

function makeTable(random: Random, pair: Pair, name: string): { readonly table: StormTable; readonly create: string } {
  const dialect = dialectOf(pair.from);
  const kind = random.chance(15) ? undefined : random.pick(kindsOf(KEY_KINDS, pair));
  const key = (kind?.types[dialect] ?? []).map((type, place): StormColumn & { readonly type: string } => ({
    name: `k${place}`,
    type,
    holds: kind?.holds[place] ?? 'text',
    value: (g) => kind?.value(g, dialect)[place] ?? 'NULL',
  }));
  const draft: Draft = {
    lines: ['n int'],
    columns: [{ name: 'n', holds: 'text', value: String }],
    others: [],
  };
  const parts = dialect === 'mysql' && kind?.name === 'int' && random.chance(40);
  const unique = parts ? undefined : addUnique(random, dialect, draft);
  for (const [place, chosen] of random.sample(kindsOf(VALUE_KINDS, pair), random.between(1, 6)).entries()) {
    draft.lines.push(`v${place} ${chosen.types[dialect]?.[0]}`);
    draft.columns.push(valueColumn(`v${place}`, chosen, dialect, random.pick([0, 4, 5])));
  }
  addOthers(random, pair, kind !== undefined, draft);
  if (!parts) addReference(random, draft);
  if (dialect === 'mysql' && random.chance(30)) draft.lines.push('KEY (n)');
  const sql = `${nameIn(dialect, 'storm')}.${nameIn(dialect, name)}`;
  const constraint = key.length === 0 ? [] : [`PRIMARY KEY (${key.map((column) => column.name).join(', ')})`];
  const lines = [...key.map((column) => `${column.name} ${column.type} NOT NULL`), ...draft.lines, ...constraint];
  const create = `CREATE TABLE ${sql} (${lines.join(', ')})${parts ? ' PARTITION BY HASH (k0) PARTITIONS 3' : ''}`;
  const rows = random.between(20, 250);
  return { table: { name, sql, key, kind, columns: draft.columns, others: draft.others, unique, rows }, create };
}

/** A statement that adds rows beginning with the g-th; keys that the server makes are left to it. */
export function insertion({ sql, key, kind, columns }: StormTable, g: number, count: number): string {
  const given = [...(kind?.made === true ? [] : key), ...columns];
  const row = (at: number): string => `(${given.map(({ value }) => value(at)).join(', ')})`;
  const rows = Array.from({ length: count }, (_, place) => row(g + place));
  return `INSERT INTO ${sql} (${given.map(({ name }) => name).join(', ')}) VALUES ${rows.join(', ')}`;
}

const TEXT = (name: string): StormColumn => ({ name, holds: 'text', value: () => 'NULL' });

/** The tables that every storm has, for the comparison. */
export const COMMON: readonly { readonly name: string; readonly columns: readonly StormColumn[] }[] = [
  { name: 'ledger', columns: [TEXT('token')] },
  { name: 'accounts', columns: [TEXT('id'), { ...TEXT('balance'), holds: 'decimal' }, TEXT('token')] },
];

function commonStatements(dialect: Dialect): readonly string[] {
  const accounts = Array.from({ length: ACCOUNTS }, (_, index) => `(${index + 1}, ${OPENING}, NULL)`);
  const decimal = dialect === 'mysql' ? 'decimal(14,4)' : 'numeric(14,4)';
  return [
    ...(dialect === 'mysql'
      ? ['CREATE DATABASE storm CHARACTER SET utf8mb4']
      : ['CREATE SCHEMA storm', `CREATE TYPE storm.label AS ENUM ('new', 'paid, sent', 'it''s')`]),
    'CREATE TABLE storm.ledger (token varchar(40) PRIMARY KEY)',
    `CREATE TABLE storm.accounts (id int PRIMARY KEY, balance ${decimal} NOT NULL, token varchar(40))`,
    `INSERT INTO storm.accounts VALUES ${accounts.join(', ')}`,
  ];
}

export function makeSchema(random: Random, pair: Pair): StormSchema {
  const dialect = dialectOf(pair.from);
  const target = dialectOf(pair.to);
  const hostile = random.chance(35);
  const names = random.sample(HOSTILE, 5);
  const made = Array.from({ length: random.between(2, 5) }, (_, index) =>
    makeTable(random, pair, hostile ? (names[index] ?? '') : `t${index}`),
  );
  const tables = made.map(({ table }) => table);
  const renamed = !hostile && random.chance(30) ? tables.filter(() => random.chance(50)).map(({ name }) => name) : [];
  const database = renamed.length > 0 && random.chance(50) ? 'depot' : 'storm';
  const moved = database === 'storm' ? {} : { 'storm.*': 'depot.*' };
  return {
    dialect,
    tables,
    statements: [
      ...commonStatements(dialect),
      ...made.map(({ create }) => create),
      ...tables.map((table) => insertion(table, 1, table.rows)),
    ],
    map: { ...moved, ...Object.fromEntries(renamed.map((name) => [`storm.${name}`, `${database}.${name}_new`])) },
    onTarget: (name) => `${database}.${nameIn(target, renamed.includes(name) ? `${name}_new` : name)}`,
  };
}
