// The transactions of a storm between engines: what the writers send, as the seed has it. Everything is made of literals, so that
// either kind of server takes it.

import type { Random } from '../random.ts';
import { quoted } from './kinds.ts';
import { ACCOUNTS, insertion, type StormColumn, type StormSchema, type StormTable } from './schema.ts';

export interface Transaction {
  readonly steps: readonly string[];
  /** Refusals (a unique value, a key) undo one step only; else the transaction. */
  readonly guarded: boolean;
  readonly end: 'COMMIT' | 'ROLLBACK';
  /** The client waits for so many transactions of others before it ends this one. */
  readonly holdFor: number;
}

const ELSEWHERE = 5_000;

/** A key that the table may have, or had, or will have. */
const anyKey = (random: Random, { rows }: StormTable): number => random.between(1, Math.ceil(rows * 1.5));

function where(table: StormTable, g: number, count: number): string {
  if (table.key.length === 0) return `n BETWEEN ${g} AND ${g + count - 1}`;
  const tuple = (parts: readonly string[]): string => (parts.length === 1 ? (parts[0] ?? '') : `(${parts.join(', ')})`);
  const values = Array.from({ length: count }, (_, place) => tuple(table.key.map(({ value }) => value(g + place))));
  return `${tuple(table.key.map(({ name }) => name))} IN (${values.join(', ')})`;
}

const set = ({ name, value }: StormColumn, g: number): string => `${name} = ${value(g)}`;

function update(random: Random, table: StormTable, count: number): string {
  const columns = random
    .sample(table.columns, random.between(1, 3))
    .map((column) => set(column, random.between(1, 900)));
  return `UPDATE ${table.sql} SET ${columns.join(', ')} WHERE ${where(table, anyKey(random, table), count)}`;
}

function move(table: StormTable, from: number, to: number): string {
  return `UPDATE ${table.sql} SET ${table.key.map((column) => set(column, to)).join(', ')} WHERE ${where(table, from, 1)}`;
}

function keyChange(random: Random, schema: StormSchema, table: StormTable): readonly string[] {
  if (table.key.length === 0) return [update(random, table, 1)];
  const [one, other] = [anyKey(random, table), anyKey(random, table)];
  const { restated } = table.kind ?? {};
  switch (random.below(5)) {
    case 0:
      return [move(table, one, ELSEWHERE), move(table, other, one), move(table, ELSEWHERE, other)];
    case 1:
      return [remove(table, one, 1), move(table, other, one)];
    case 2:
      return [remove(table, one, 1), insertion(table, one, 1)];
    case 3:
      if (restated === undefined) return [move(table, one, other)];
      return [`UPDATE ${table.sql} SET k0 = ${quoted(restated(one), schema.dialect)} WHERE ${where(table, one, 1)}`];
    default:
      return [move(table, one, other)];
  }
}

const remove = (table: StormTable, g: number, count: number): string =>
  `DELETE FROM ${table.sql} WHERE ${where(table, g, count)}`;

/** A unique value goes from one row to another and back, or on to a third. */
function handover(random: Random, table: StormTable): readonly string[] {
  const { unique } = table;
  if (unique === undefined || table.key.length === 0) return [update(random, table, 2)];
  const value = random.between(1, 700);
  const [one, other] = [anyKey(random, table), anyKey(random, table)];
  const give = (to: string, g: number): string => `UPDATE ${table.sql} SET u = ${to} WHERE ${where(table, g, 1)}`;
  return [give(unique.value(value), one), give('NULL', one), give(unique.value(value), other)];
}

function large(random: Random, table: StormTable): readonly string[] {
  const adds = insertion(table, 2_000, random.between(100, 500));
  const takes = remove(table, 2_000, 500);
  return random.pick([[adds], [adds, takes], [`UPDATE ${table.sql} SET n = n + 1`], [takes, adds]]);
}

function transfer(random: Random, token: string): readonly string[] {
  const [one, other] = [random.between(1, ACCOUNTS), random.between(1, ACCOUNTS)];
  const amount = `${random.between(0, 99)}.${random.between(1000, 9999)}`;
  const give = (sign: string, id: number): string =>
    `UPDATE storm.accounts SET balance = balance ${sign} ${amount}, token = '${token}' WHERE id = ${id}`;
  return [give('-', one), give('+', other)];
}

function action(random: Random, schema: StormSchema): readonly string[] {
  const table = random.pick(schema.tables);
  const dice = random.below(100);
  if (dice < 26) return [insertion(table, anyKey(random, table), random.pick([1, 1, 2, 8]))];
  if (dice < 54) return [update(random, table, random.pick([1, 1, 3, 12]))];
  if (dice < 68) return keyChange(random, schema, table);
  if (dice < 78) return handover(random, table);
  if (dice < 90) return [remove(table, anyKey(random, table), random.pick([1, 1, 4]))];
  if (dice < 95) return [`SELECT 1 FROM ${table.sql} WHERE ${where(table, anyKey(random, table), 3)} FOR UPDATE`];
  return large(random, table);
}

export function transaction(random: Random, schema: StormSchema, token: string): Transaction {
  const isTransfer = random.chance(25);
  const steps = isTransfer
    ? transfer(random, token)
    : Array.from({ length: random.pick([1, 1, 2, 4]) }, () => action(random, schema)).flat();
  return {
    steps: [`INSERT INTO storm.ledger VALUES ('${token}')`, ...steps],
    guarded: !isTransfer && random.chance(80),
    end: random.chance(8) ? 'ROLLBACK' : 'COMMIT',
    holdFor: random.chance(3) ? random.between(5, 25) : 0,
  };
}
