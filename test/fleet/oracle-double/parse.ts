// Reads the few shapes of statements that rows and the journal are written and read with. Others are refused: the double is not
// there to judge statements.

import { OraError } from './backend.ts';
import { decodeNumber, encodeNumber, type Value } from './wire.ts';

export type Row = Readonly<Record<string, Value>>;
export type Bound = readonly Value[];
export type Expression = (row: Row, bound: Bound) => Value;
/** Whether there is a row for which a condition holds: of EXISTS. */
export type Exists = (table: string, where: Condition) => boolean;
export type Condition = (row: Row, bound: Bound, exists: Exists) => boolean;

export type Plan =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'savepoint' | 'rollback to'; readonly name: string }
  | { readonly kind: 'insert'; readonly table: string; readonly set: Assigned }
  | { readonly kind: 'update'; readonly table: string; readonly set: Assigned; readonly where: Condition }
  | { readonly kind: 'delete'; readonly table: string; readonly where: Condition }
  | Selection;

type Assigned = readonly (readonly [column: string, value: Expression])[];

interface Selection {
  readonly kind: 'select';
  readonly items: readonly (readonly [name: string, value: Expression])[];
  readonly table: string;
  readonly where: Condition;
  readonly order: string | undefined;
  readonly locks: boolean;
}

const TOKEN = /\s*("[^"]*"|'(?:[^']|'')*'|:\d+|\d+|[A-Za-z_]\w*|[^\s])/y;

export function parse(sql: string): Plan {
  const tokens: string[] = [];
  TOKEN.lastIndex = 0;
  for (let match = TOKEN.exec(sql); match !== null; match = TOKEN.exec(sql)) tokens.push(match[1] ?? '');
  return new Parser(sql, tokens).statement();
}

class Parser {
  readonly #sql: string;
  readonly #tokens: readonly string[];
  #at = 0;

  constructor(sql: string, tokens: readonly string[]) {
    this.#sql = sql;
    this.#tokens = tokens;
  }

  statement(): Plan {
    if (this.#is('ALTER', 'SESSION') || this.#is('LOCK', 'TABLE')) return { kind: 'nothing' };
    if (this.#is('SAVEPOINT')) return { kind: 'savepoint', name: this.#take() };
    if (this.#is('ROLLBACK', 'TO', 'SAVEPOINT')) return { kind: 'rollback to', name: this.#take() };
    if (this.#is('INSERT', 'INTO')) return this.#whole(this.#insert());
    if (this.#is('UPDATE')) return this.#whole(this.#update());
    if (this.#is('DELETE', 'FROM')) {
      return this.#whole({ kind: 'delete', table: this.#table(), where: this.#where() });
    }
    if (this.#is('SELECT')) return this.#whole(this.#select());
    return this.#unknown();
  }

  #insert(): Plan {
    const table = this.#table();
    this.#expect('(');
    const columns = this.#list(() => name(this.#take()));
    this.#expect(')', 'VALUES', '(');
    const values = this.#list(() => this.#sum());
    this.#expect(')');
    return { kind: 'insert', table, set: columns.map((column, index) => [column, values[index] ?? NULL] as const) };
  }

  #update(): Plan {
    const table = this.#table();
    this.#expect('SET');
    const set = this.#list(() => {
      const column = name(this.#take());
      this.#expect('=');
      return [column, this.#sum()] as const;
    });
    return { kind: 'update', table, set, where: this.#where() };
  }

  #select(): Selection {
    const items = this.#list(() => {
      const from = this.#at;
      const value = this.#sum();
      return [this.#tokens.slice(from, this.#at).join('').replaceAll('"', ''), value] as const;
    });
    this.#expect('FROM');
    const table = this.#table();
    const where = this.#where();
    const order = this.#is('ORDER', 'BY') ? name(this.#take()) : undefined;
    return { kind: 'select', items, table, where, order, locks: this.#is('FOR', 'UPDATE') };
  }

  /** With its schema, where one is named; an alias is passed over. */
  #table(): string {
    let table = name(this.#take());
    while (this.#is('.')) table += `.${name(this.#take())}`;
    if (!KEYWORDS.has(this.#peek() ?? ')')) this.#at++;
    return table;
  }

  #where(): Condition {
    if (!this.#is('WHERE')) return () => true;
    const all = this.#list(() => this.#condition(), 'AND');
    return (row, bound, exists) => all.every((one) => one(row, bound, exists));
  }

  #condition(): Condition {
    if (this.#is('EXISTS', '(', 'SELECT', '1', 'FROM')) {
      const table = this.#table();
      const where = this.#where();
      this.#expect(')');
      return (_, bound, exists) => exists(table, (row) => where(row, bound, exists));
    }
    const left = this.#sum();
    if (this.#is('IS', 'NULL')) return (row, bound) => left(row, bound) === null;
    this.#expect('=');
    const right = this.#sum();
    return (row, bound) => isSame(left(row, bound), right(row, bound));
  }

  #sum(): Expression {
    const left = this.#value();
    if (!this.#is('+')) return left;
    const right = this.#value();
    return (row, bound) => String(Number(left(row, bound)) + Number(right(row, bound)));
  }

  #value(): Expression {
    const token = this.#take();
    if (token.startsWith(':')) return (_, bound) => bound[Number(token.slice(1)) - 1] ?? null;
    if (token.startsWith("'")) return () => token.slice(1, -1).replaceAll("''", "'");
    if (/^\d/.test(token)) return () => token;
    if (this.#is('(')) {
      const [first = NULL] = this.#list(() => this.#sum());
      this.#expect(')');
      return token === 'TO_NUMBER' ? (row, bound) => asNumber(first(row, bound)) : first;
    }
    if (this.#is('.')) return this.#value();
    if (token === 'NULL') return NULL;
    if (token === 'LOCALTIMESTAMP') return () => '2024-01-01 00:00:00.000000';
    const column = name(token);
    return (row) => row[column] ?? null;
  }

  #list<T>(one: () => T, between = ','): readonly T[] {
    const all = [one()];
    while (this.#is(between)) all.push(one());
    return all;
  }

  #whole<T>(plan: T): T {
    return this.#at === this.#tokens.length ? plan : this.#unknown();
  }

  #peek(): string | undefined {
    return this.#tokens[this.#at];
  }

  #take(): string {
    return this.#tokens[this.#at++] ?? this.#unknown();
  }

  /** Takes the words when they come next. */
  #is(...words: readonly string[]): boolean {
    if (words.some((word, index) => this.#tokens[this.#at + index] !== word)) return false;
    this.#at += words.length;
    return true;
  }

  #expect(...words: readonly string[]): void {
    if (!this.#is(...words)) this.#unknown();
  }

  #unknown(): never {
    throw new OraError(900, `the double knows no such statement: ${this.#sql}`);
  }
}

const KEYWORDS: ReadonlySet<string> = new Set(['WHERE', 'SET', 'ORDER', 'FOR', '(', ')', '=']);
const NULL: Expression = () => null;

function name(token: string): string {
  return token.startsWith('"') ? token.slice(1, -1) : token;
}

function asNumber(value: Value): Value {
  if (value === null) return null;
  const text = String(value);
  if (!/^-?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text))
    throw new OraError(1722, 'unable to convert string value to a number');
  return decodeNumber(encodeNumber(text));
}

function isSame(left: Value, right: Value): boolean {
  if (left === null || right === null) return false;
  if (Buffer.isBuffer(left) || Buffer.isBuffer(right))
    return Buffer.compare(Buffer.from(left), Buffer.from(right)) === 0;
  return left === right;
}
