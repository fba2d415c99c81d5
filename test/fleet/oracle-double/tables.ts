// Tables in memory behind the double: rows by their key, transactions that others do not see before they commit, locks on rows
// that whoever comes later waits for.

import { createDeferred } from '../../../src/apply/deferred.ts';
import { type Answer, OraError, type Statement } from './backend.ts';
import { type Bound, type Exists, type Plan, parse, type Row } from './parse.ts';
import type { Value } from './wire.ts';

export interface DoubleColumn {
  readonly name: string;
  /** Of characters; what is longer is refused. Default any. */
  readonly longest?: number;
}

export interface DoubleTable {
  /** With its schema, unless it is the account's: `SHOP.ITEMS`. */
  readonly name: string;
  readonly columns: readonly DoubleColumn[];
  /** Never NULL, and one row for each. */
  readonly key: readonly string[];
}

type Rows = Map<string, Row>;
type Changes = Map<string, Map<string, Row | null>>;

export class Tables {
  readonly #defined = new Map<string, { readonly table: DoubleTable; readonly rows: Rows }>();
  readonly #plans = new Map<string, Plan>();
  readonly #locks = new Map<string, TablesSession>();

  /** Made or made anew, with these rows. */
  define(table: DoubleTable, ...rows: readonly Row[]): void {
    this.#defined.set(table.name, { table, rows: new Map(rows.map((row) => [keyOf(table, row), row])) });
  }

  /** What is committed. */
  rows(name: string): readonly Row[] {
    return [...this.committed(name).values()];
  }

  session(): TablesSession {
    return new TablesSession(this, this.#locks);
  }

  /** Of the sessions. */
  plan(sql: string): Plan {
    const plan = this.#plans.get(sql) ?? parse(sql);
    this.#plans.set(sql, plan);
    return plan;
  }

  table(name: string): DoubleTable {
    return this.#found(name).table;
  }

  committed(name: string): Rows {
    return this.#found(name).rows;
  }

  #found(name: string): { readonly table: DoubleTable; readonly rows: Rows } {
    const found = this.#defined.get(name);
    if (found === undefined) throw new OraError(942, `table or view "${name}" does not exist`);
    return found;
  }
}

export class TablesSession {
  readonly #tables: Tables;
  readonly #locks: Map<string, TablesSession>;
  #changes: Changes = new Map();
  #savepoints = new Map<string, Changes>();
  #ended = createDeferred<void>();

  constructor(tables: Tables, locks: Map<string, TablesSession>) {
    this.#tables = tables;
    this.#locks = locks;
  }

  async execute({ sql, rows }: Statement): Promise<Answer> {
    const plan = this.#tables.plan(sql);
    if (plan.kind === 'select') return this.#select(plan, rows[0] ?? []);
    const counts: number[] = [];
    for (const bound of rows.length === 0 ? [[]] : rows) counts.push(await this.#write(plan, bound));
    return { counts };
  }

  commit(): void {
    for (const [name, changes] of this.#changes) {
      const rows = this.#tables.committed(name);
      for (const [key, row] of changes) {
        if (row === null) rows.delete(key);
        else rows.set(key, row);
      }
    }
    this.rollback();
  }

  rollback(): void {
    this.#changes = new Map();
    this.#savepoints = new Map();
    for (const [key, owner] of this.#locks) if (owner === this) this.#locks.delete(key);
    const ended = this.#ended;
    this.#ended = createDeferred();
    ended.resolve();
  }

  async #write(plan: Plan, bound: Bound): Promise<number> {
    switch (plan.kind) {
      case 'savepoint':
        this.#savepoints.set(plan.name, copied(this.#changes));
        return 0;
      case 'rollback to':
        this.#changes = copied(this.#savepoints.get(plan.name) ?? new Map());
        return 0;
      case 'insert':
        await this.#put(plan.table, Object.fromEntries(plan.set.map(([column, value]) => [column, value({}, bound)])));
        return 1;
      case 'update': {
        const found = await this.#lockAll(plan.table, (row) => plan.where(row, bound, this.#exists));
        for (const row of found) {
          const set = Object.fromEntries(plan.set.map(([column, value]) => [column, value(row, bound)]));
          await this.#put(plan.table, { ...row, ...set }, row);
        }
        return found.length;
      }
      case 'delete': {
        const found = await this.#lockAll(plan.table, (row) => plan.where(row, bound, this.#exists));
        for (const row of found) this.#change(plan.table, keyOf(this.#tables.table(plan.table), row), null);
        return found.length;
      }
      default:
        return 0;
    }
  }

  async #select(
    { items, table, where, order, locks }: Extract<Plan, { kind: 'select' }>,
    bound: Bound,
  ): Promise<Answer> {
    const matches = (row: Row): boolean => where(row, bound, this.#exists);
    const columns = items.map(([name]) => name);
    const valuesOf = (row: Row): readonly Value[] => items.map(([, value]) => value(row, bound));
    if (table === 'DUAL') return { columns, rows: [valuesOf({})] };
    const found = locks ? await this.#lockAll(table, matches) : [...this.#view(table).values()].filter(matches);
    if (order !== undefined) found.sort((a, b) => compared(a[order] ?? null, b[order] ?? null));
    return { columns, rows: found.map(valuesOf) };
  }

  /** The rows that match once their locks are held. */
  async #lockAll(table: string, matches: (row: Row) => boolean): Promise<Row[]> {
    const found: Row[] = [];
    for (const [key, row] of this.#view(table)) {
      if (!matches(row)) continue;
      await this.#lock(table, key);
      const now = this.#seen(table, key);
      if (now !== undefined && matches(now)) found.push(now);
    }
    return found;
  }

  async #put(name: string, row: Row, before?: Row): Promise<void> {
    const table = this.#tables.table(name);
    const full = name.includes('.') ? name : `MIGRATE.${name}`;
    for (const { name: column, longest = Number.POSITIVE_INFINITY } of table.columns) {
      const value = row[column] ?? null;
      const place = `"${full.replace('.', '"."')}"."${column}"`;
      if (value === null && table.key.includes(column)) throw new OraError(1400, `cannot insert NULL into (${place})`);
      if (value !== null && value.length > longest) {
        throw new OraError(12899, `value too large for column ${place} (actual: ${value.length}, maximum: ${longest})`);
      }
    }
    const key = keyOf(table, row);
    const old = before === undefined ? undefined : keyOf(table, before);
    if (old !== key) {
      await this.#lock(name, key);
      if (this.#seen(name, key) !== undefined) throw new OraError(1, `unique constraint (${full}_PK) violated`);
      if (old !== undefined) this.#change(name, old, null);
    }
    this.#change(name, key, row);
  }

  async #lock(table: string, key: string): Promise<void> {
    const place = `${table} ${key}`;
    for (let owner = this.#locks.get(place); owner !== undefined && owner !== this; owner = this.#locks.get(place)) {
      await owner.#ended.promise;
    }
    this.#locks.set(place, this);
  }

  readonly #exists: Exists = (table, where) =>
    [...this.#view(table).values()].some((row) => where(row, [], this.#exists));

  #change(table: string, key: string, row: Row | null): void {
    const changes = this.#changes.get(table) ?? new Map<string, Row | null>();
    this.#changes.set(table, changes.set(key, row));
  }

  #seen(table: string, key: string): Row | undefined {
    const changed = this.#changes.get(table)?.get(key);
    return changed === undefined ? this.#tables.committed(table).get(key) : (changed ?? undefined);
  }

  #view(table: string): Rows {
    const view = new Map(this.#tables.committed(table));
    for (const [key, row] of this.#changes.get(table) ?? []) {
      if (row === null) view.delete(key);
      else view.set(key, row);
    }
    return view;
  }
}

function copied(changes: Changes): Changes {
  return new Map([...changes].map(([table, rows]) => [table, new Map(rows)]));
}

function keyOf({ key }: DoubleTable, row: Row): string {
  return JSON.stringify(key.map((column) => row[column] ?? null));
}

function compared(a: Value, b: Value): number {
  return Number(a) - Number(b);
}
