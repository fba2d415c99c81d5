// The transactions of a storm: what the writers send, as the seed has it.

import pg from 'pg';
import type { Random } from './random.ts';
import { insertion, type StormColumn, type StormTable } from './schema.ts';

export interface Step {
  readonly text: string;
  /** Rows to be read with this query and written with COPY into `text`, which is then a COPY command. */
  readonly copied?: string;
  /** Refusals (a unique value, a reference) undo this step only. */
  readonly guarded: boolean;
}

export interface Transaction {
  readonly steps: readonly Step[];
  readonly end: 'COMMIT' | 'ROLLBACK';
  /** The client waits for so many transactions of others before it ends this one. */
  readonly holdFor: number;
}

const quote = pg.escapeIdentifier;
const ELSEWHERE = 5_000;

/** A key that the table may have, or had, or will have. */
const anyKey = (random: Random, { rows }: StormTable): number => random.between(1, Math.ceil(rows * 1.5));

function where(random: Random, table: StormTable, g: number, count: number): string {
  if (table.key.length === 0) {
    const column = table.columns[0];
    if (column === undefined) throw new Error('a table without columns');
    return `n BETWEEN ${g} AND ${g + count - 1}${random.chance(30) ? ' AND n % 2 = 0' : ''}`;
  }
  const names = table.key.map(({ name }) => quote(name)).join(', ');
  const values = table.key.map(({ value }) => value('g')).join(', ');
  return `(${names}) IN (SELECT ${values} FROM generate_series(${g}, ${g + count - 1}) g)`;
}

const set = (column: StormColumn, g: string): string => `${quote(column.name)} = ${column.value(g)}`;

function update(random: Random, table: StormTable, count: number): string {
  const columns = random.sample(table.columns, random.between(1, 2));
  const g = String(random.between(1, 900));
  // Unique values of several rows differ when they are made of the row.
  const of = count > 1 && random.chance(70) ? `coalesce(abs(n) % 1000, 0) + ${g}` : g;
  return `UPDATE ${table.sql} SET ${columns.map((column) => set(column, of)).join(', ')} WHERE ${where(random, table, anyKey(random, table), count)}`;
}

const move = (random: Random, table: StormTable, from: number, to: number): string => {
  const values = table.key.map((column) => set(column, String(to))).join(', ');
  return `UPDATE ${table.sql} SET ${values} WHERE ${where(random, table, from, 1)}`;
};

function keyChange(random: Random, table: StormTable): readonly string[] {
  const { keyKind, key } = table;
  if (key.length === 0 || keyKind === undefined || keyKind.made === 'always') return [update(random, table, 1)];
  const [one, other] = [anyKey(random, table), anyKey(random, table)];
  const first = quote(key[0]?.name ?? '');
  switch (random.below(5)) {
    case 0:
      return [
        move(random, table, one, ELSEWHERE),
        move(random, table, other, one),
        move(random, table, ELSEWHERE, other),
      ];
    case 1:
      return [`DELETE FROM ${table.sql} WHERE ${where(random, table, one, 1)}`, move(random, table, other, one)];
    case 2:
      if (keyKind.restated !== undefined) {
        return [`UPDATE ${table.sql} SET ${first} = ${keyKind.restated(first)} WHERE ${where(random, table, one, 3)}`];
      }
      if (keyKind.name !== 'int') return [move(random, table, one, other)];
      return [`UPDATE ${table.sql} SET ${first} = ${first} + 300 WHERE ${first} BETWEEN ${one} AND ${one + 20}`];
    default:
      return [move(random, table, one, other)];
  }
}

/** A unique value goes from one row to another and back, or on to a third. */
function handover(random: Random, table: StormTable): readonly string[] {
  const { unique } = table;
  if (unique === undefined || table.key.length === 0) return [update(random, table, 2)];
  const at = (): string => where(random, table, anyKey(random, table), 1);
  const [one, other] = [at(), at()];
  const value = String(random.between(1, 700));
  return [
    `UPDATE ${table.sql} SET ${set(unique, value)} WHERE ${one}`,
    `UPDATE ${table.sql} SET ${set(unique, '699')} WHERE ${one}`,
    `UPDATE ${table.sql} SET ${set(unique, value)} WHERE ${other}`,
  ];
}

function large(random: Random, table: StormTable): readonly string[] {
  const count = table.isWide ? random.between(50, 150) : random.between(400, 1_500);
  const adds = insertion(table, 2_000, count, table.mayConflict ? ' ON CONFLICT DO NOTHING' : '');
  const takes = `DELETE FROM ${table.sql} WHERE ${where(random, table, 2_000, 1_500)}`;
  return random.pick([[adds], [adds, takes], [`UPDATE ${table.sql} SET n = n + 1`], [takes, adds]]);
}

function copy(random: Random, table: StormTable): Step {
  const given = [...(table.keyKind?.made === undefined ? table.key : []), ...table.columns];
  const names = given.map(({ name }) => quote(name)).join(', ');
  const values = given.map(({ value }) => value('g')).join(', ');
  const g = random.between(600, 1_900);
  return {
    text: `COPY ${table.sql} (${names}) FROM STDIN`,
    copied: `COPY (SELECT ${values} FROM generate_series(${g}, ${g + random.between(1, 12)}) g) TO STDOUT`,
    guarded: true,
  };
}

const guarded = (texts: readonly string[]): readonly Step[] => texts.map((text) => ({ text, guarded: true }));

function action(random: Random, tables: readonly StormTable[]): readonly Step[] {
  const table = random.pick(tables);
  const dice = random.below(100);
  if (dice < 22) {
    const tail = table.mayConflict && random.chance(70) ? ' ON CONFLICT DO NOTHING' : '';
    return guarded([insertion(table, anyKey(random, table), random.pick([1, 1, 2, 8]), tail)]);
  }
  if (dice < 46) return guarded([update(random, table, random.pick([1, 1, 3, 12]))]);
  if (dice < 58) return guarded(keyChange(random, table));
  if (dice < 68) return guarded(handover(random, table));
  if (dice < 78) {
    return guarded([
      `DELETE FROM ${table.sql} WHERE ${where(random, table, anyKey(random, table), random.pick([1, 1, 4]))}`,
    ]);
  }
  if (dice < 84) {
    const lock = random.pick(['FOR UPDATE', 'FOR SHARE', 'FOR KEY SHARE', 'FOR NO KEY UPDATE']);
    const found = where(random, table, anyKey(random, table), 3);
    return guarded([`SELECT 1 FROM ${table.sql} WHERE ${found} ${lock}`, update(random, table, 1)]);
  }
  if (dice < 90) return [copy(random, table)];
  if (dice < 92) {
    const emptied = random.chance(80)
      ? table.sql
      : random
          .sample(tables, 2)
          .map(({ sql }) => sql)
          .join(', ');
    const restart = random.chance(30) ? ' RESTART IDENTITY' : '';
    const again = insertion(table, 1, Math.ceil(table.rows / 2), table.mayConflict ? ' ON CONFLICT DO NOTHING' : '');
    return guarded([`TRUNCATE ${emptied}${restart} CASCADE`, ...(random.chance(70) ? [again] : [])]);
  }
  if (dice < 94) return guarded(large(random, table));
  return guarded([`SELECT nextval('storm.loose')`]);
}

export function transaction(random: Random, tables: readonly StormTable[]): Transaction {
  const steps = Array.from({ length: random.pick([1, 1, 2, 4]) }, () => action(random, tables)).flat();
  return {
    steps: random.chance(80) ? steps : steps.map((step) => ({ ...step, guarded: false })),
    end: random.chance(8) ? 'ROLLBACK' : 'COMMIT',
    holdFor: random.chance(3) ? random.between(5, 25) : 0,
  };
}
