// A schema that the seed has made up: tables with keys of any kind or none, unique and exclusion constraints, references
// in circles, partitions, and names that no program expects. And what a plan calls all this on the target.

import pg from 'pg';
import { KEY_KINDS, type KeyKind, TYPES, VALUE_KINDS, type ValueKind } from './kinds.ts';
import type { Random } from './random.ts';

export const LEDGER = 'storm.ledger';
/** The largest of any sequence. */
export const INCREMENT = 3n;

export interface StormColumn {
  readonly name: string;
  value(g: string): string;
}

export interface StormTable {
  readonly schema: string;
  readonly name: string;
  /** Quoted. */
  readonly sql: string;
  /** What its rows are found by; empty without a key. */
  readonly key: readonly StormColumn[];
  readonly keyKind: KeyKind | undefined;
  /** Written as well as the key: unique columns, references, plain values. */
  readonly columns: readonly StormColumn[];
  /** Its values are few, so that they change hands. */
  readonly unique: StormColumn | undefined;
  /** A deferrable constraint knows no ON CONFLICT. */
  readonly mayConflict: boolean;
  readonly rows: number;
  /** Has values that are kept outside of the row: kilobytes each. */
  readonly isWide: boolean;
}

export interface StormSchema {
  readonly tables: readonly StormTable[];
  readonly statements: readonly string[];
  /** `tables.map` of the plan. */
  readonly map: Readonly<Record<string, unknown>>;
  /** The quoted name of a table or sequence of the source on the target. */
  onTarget(schema: string, name: string): string;
  columnOnTarget(table: string, column: string): string;
}

const quote = pg.escapeIdentifier;
const HOSTILE = [
  'Order',
  'select',
  ' spaced ',
  `"it's"`,
  'back\\slash',
  'a.b',
  '%I $1 $$',
  '🐘 é',
  'line\nbreak',
] as const;
const SCHEMAS = ['storm', `St. "O'rm`] as const;

interface Draft {
  readonly schema: string;
  readonly name: string;
  readonly sql: string;
  readonly kind: KeyKind | undefined;
  readonly keyNames: readonly string[];
  readonly deferrable: boolean;
  readonly partitioned: boolean;
}

function drafts(random: Random): readonly Draft[] {
  const hostile = random.chance(40);
  const names = random.sample(HOSTILE, 6);
  return Array.from({ length: random.between(2, 6) }, (_, index) => {
    const kind = random.chance(15) ? undefined : random.pick(KEY_KINDS);
    const name = hostile ? (names[index] ?? '') : `t${index}`;
    const schema = hostile ? random.pick(SCHEMAS) : 'storm';
    return {
      schema,
      name,
      sql: `${quote(schema)}.${quote(name)}`,
      kind,
      keyNames: (kind?.types ?? []).map((_type, place) => (hostile ? `k ${place}"` : `k${place}`)),
      deferrable: kind?.made === undefined && random.chance(8),
      partitioned: kind?.name === 'int' && random.chance(70),
    };
  });
}

interface Body {
  readonly lines: string[];
  readonly after: string[];
  readonly columns: StormColumn[];
}

/** Seldom empty where it may be. */
const nullable = (kind: ValueKind, percentOf: number): ValueKind['value'] =>
  percentOf === 0 ? kind.value : (g) => `CASE WHEN (${g}) % ${percentOf} = 0 THEN NULL ELSE ${kind.value(g)} END`;

function addValues(random: Random, draft: Draft, body: Body): void {
  for (const [place, kind] of random.sample(VALUE_KINDS, random.between(1, 5)).entries()) {
    const name = `v${place}`;
    body.lines.push(`${name} ${kind.type}`);
    body.columns.push({ name, value: nullable(kind, random.pick([0, 4, 5])) });
    if (kind.outside) body.after.push(`ALTER TABLE ${draft.sql} ALTER COLUMN ${name} SET STORAGE EXTERNAL`);
  }
  const whole = draft.kind === undefined || draft.deferrable;
  if (!whole && random.chance(25)) {
    body.lines.push(`made int GENERATED ALWAYS AS (n * 2) ${random.pick(['STORED', 'VIRTUAL'])}`);
  }
  if (random.chance(10)) body.lines.push(`at timestamptz DEFAULT clock_timestamp()`);
  if (random.chance(10)) {
    body.lines.push('dropped int');
    body.after.push(`ALTER TABLE ${draft.sql} DROP COLUMN dropped`);
  }
}

const UNIQUES = ['plain', 'partial', 'nulls', 'deferrable', 'immediate', 'exclusion', 'expression'] as const;

function addUnique(random: Random, draft: Draft, body: Body): { column: StormColumn; deferrable: boolean } | undefined {
  if (draft.partitioned || !random.chance(45)) return undefined;
  const kind = random.pick(UNIQUES);
  if (kind === 'exclusion') {
    body.lines.push('u int4range', 'EXCLUDE USING gist (u WITH &&)');
    const column = { name: 'u', value: (g: string) => `int4range((${g})::int % 700 * 2, (${g})::int % 700 * 2 + 2)` };
    return { column, deferrable: false };
  }
  const few = (g: string): string => `'u' || (${g}) % 700`;
  const value = kind === 'nulls' ? few : (g: string) => `CASE WHEN (${g}) % 6 = 0 THEN NULL ELSE ${few(g)} END`;
  body.lines.push('u text');
  const index = `CREATE UNIQUE INDEX ON ${draft.sql}`;
  if (kind === 'plain') body.lines.push('UNIQUE (u)');
  else if (kind === 'partial') body.after.push(`${index} (u) WHERE n % 3 <> 0`);
  else if (kind === 'nulls') body.lines.push('UNIQUE NULLS NOT DISTINCT (u)');
  else if (kind === 'expression') body.after.push(`${index} (upper(u))`);
  else body.lines.push(`UNIQUE (u) DEFERRABLE INITIALLY ${kind === 'deferrable' ? 'DEFERRED' : 'IMMEDIATE'}`);
  return { column: { name: 'u', value }, deferrable: kind === 'deferrable' || kind === 'immediate' };
}

const mayBeReferred = ({ kind, deferrable }: Draft): boolean => kind?.types.length === 1 && !deferrable;

/** References may point forward, back and at the table itself; all are checked at the end of a transaction. */
function addReference(random: Random, all: readonly Draft[], draft: Draft, body: Body): void {
  const others = all.filter(mayBeReferred);
  if (others.length === 0 || !random.chance(45)) return;
  const other = random.pick(others);
  const key = quote(other.keyNames[0] ?? '');
  const type = (other.kind?.types[0] ?? '').replace(/ GENERATED.*/, '').replace('bigserial', 'bigint');
  const [onDelete, onUpdate] = [
    random.pick(['CASCADE', 'SET NULL', 'NO ACTION']),
    random.pick(['CASCADE', 'NO ACTION']),
  ];
  body.lines.push(`ref ${type}`);
  body.after.push(
    `ALTER TABLE ${draft.sql} ADD FOREIGN KEY (ref) REFERENCES ${other.sql} (${key})
     ON DELETE ${onDelete} ON UPDATE ${onUpdate} DEFERRABLE INITIALLY DEFERRED`,
  );
  body.columns.push({
    name: 'ref',
    value: (g) => `(SELECT p.${key} FROM ${other.sql} p WHERE p.${key} = ${other.kind?.value(g)[0]})`,
  });
}

function keyLines(random: Random, { kind, keyNames, deferrable, partitioned }: Draft): readonly string[] {
  if (kind === undefined) return [];
  const names = keyNames.map(quote).join(', ');
  const nullless = !partitioned && !deferrable && kind.types.length === 1 && random.chance(10);
  const columns = kind.types.map((type, place) => `${quote(keyNames[place] ?? '')} ${type} NOT NULL`);
  const constraint = nullless ? `UNIQUE (${names})` : `PRIMARY KEY (${names})`;
  return [
    ...columns,
    deferrable ? `${constraint} DEFERRABLE INITIALLY ${random.pick(['DEFERRED', 'IMMEDIATE'])}` : constraint,
  ];
}

function partitions(random: Random, { schema, sql, name, keyNames }: Draft): { by: string; parts: readonly string[] } {
  const byHash = random.chance(40);
  const bounds = byHash
    ? [0, 1, 2].map((rest) => `FOR VALUES WITH (MODULUS 3, REMAINDER ${rest})`)
    : ['FOR VALUES FROM (MINVALUE) TO (120)', 'FOR VALUES FROM (120) TO (400)', 'DEFAULT'];
  const parts = bounds.map(
    (bound, place) => `CREATE TABLE ${quote(schema)}.${quote(`${name} part ${place}`)} PARTITION OF ${sql} ${bound}`,
  );
  return { by: ` PARTITION BY ${byHash ? 'HASH' : 'RANGE'} (${quote(keyNames[0] ?? '')})`, parts };
}

function makeTable(
  random: Random,
  all: readonly Draft[],
  draft: Draft,
): { table: StormTable; first: string[]; last: string[] } {
  const body: Body = { lines: ['n int'], after: [], columns: [{ name: 'n', value: (g) => `(${g})::int` }] };
  const keys = keyLines(random, draft);
  const unique = addUnique(random, draft, body);
  if (unique !== undefined) body.columns.push(unique.column);
  addValues(random, draft, body);
  addReference(random, all, draft, body);
  const { by, parts } = draft.partitioned ? partitions(random, draft) : { by: '', parts: [] };
  if (!draft.partitioned && draft.kind !== undefined && random.chance(15)) {
    body.after.push(`ALTER TABLE ${draft.sql} REPLICA IDENTITY ${random.pick(['FULL', 'NOTHING'])}`);
  }
  const constraints = [...keys, ...body.lines].filter((line) => /^(PRIMARY|UNIQUE|EXCLUDE)/.test(line));
  const columns = [...keys, ...body.lines].filter((line) => !constraints.includes(line));
  const table = {
    schema: draft.schema,
    name: draft.name,
    sql: draft.sql,
    key: draft.keyNames.map((name, place) => ({ name, value: (g: string) => draft.kind?.value(g)[place] ?? '' })),
    keyKind: draft.kind,
    columns: body.columns,
    unique: unique?.column,
    mayConflict: !draft.deferrable && unique?.deferrable !== true,
    rows: draft.kind?.name === 'label' ? 60 : random.between(20, 250),
    isWide: body.after.some((statement) => statement.endsWith('EXTERNAL')),
  };
  const create = `CREATE TABLE ${draft.sql} (${[...columns, ...constraints].join(', ')})${by}`;
  return { table, first: [create, ...parts], last: body.after };
}

/** A statement that adds `count` rows beginning with the g-th; keys that the server makes are left to it. */
export function insertion(table: StormTable, g: number, count: number, tail = ''): string {
  const columns = [...(table.keyKind?.made === undefined ? table.key : []), ...table.columns];
  const names = columns.map(({ name }) => quote(name)).join(', ');
  const values = columns.map(({ value }) => value('g')).join(', ');
  return `INSERT INTO ${table.sql} (${names}) SELECT ${values} FROM generate_series(${g}, ${g + count - 1}) g${tail}`;
}

type Renaming = Pick<StormSchema, 'map' | 'onTarget' | 'columnOnTarget'>;

function renaming(random: Random, tables: readonly StormTable[]): Renaming {
  const same = (schema: string, name: string): string => `${quote(schema)}.${quote(name)}`;
  const plain = tables.every(({ schema, name }) => /^[a-z]\w*$/.test(schema + name));
  if (!plain || !random.chance(35)) return { map: {}, onTarget: same, columnOnTarget: (_table, column) => column };
  const chosen = tables.filter(() => random.chance(50)).map(({ name }) => name);
  const inSchema = random.chance(50) ? 'depot' : 'storm';
  const map = Object.fromEntries(
    chosen.map((name) => [`storm.${name}`, { to: `${inSchema}.${name}_new`, columns: { n: 'Other n' } }]),
  );
  return {
    map: inSchema === 'storm' ? map : { 'storm.*': 'depot.*', ...map },
    onTarget: (schema, name) =>
      schema === 'storm' ? same(inSchema, chosen.includes(name) ? `${name}_new` : name) : same(schema, name),
    // Partitions keep their names and have the columns of their table.
    columnOnTarget: (table, column) =>
      column === 'n' && chosen.includes(table.replace(/ part .*/, '')) ? 'Other n' : column,
  };
}

export function makeSchema(random: Random): StormSchema {
  const all = drafts(random);
  const made = all.map((draft) => makeTable(random, all, draft));
  const tables = made.map(({ table }) => table);
  const statements = [
    ...TYPES,
    `CREATE SCHEMA ${quote(SCHEMAS[1])}`,
    `CREATE TABLE ${LEDGER} (token text PRIMARY KEY)`,
    `CREATE SEQUENCE storm.loose INCREMENT ${INCREMENT}`,
    ...made.flatMap(({ first }) => first),
    ...made.flatMap(({ last }) => last),
    ...tables.map((table) => insertion(table, 1, table.rows, table.mayConflict ? ' ON CONFLICT DO NOTHING' : '')),
  ];
  return { tables, statements, ...renaming(random, tables) };
}
