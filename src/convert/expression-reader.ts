// Reads an expression as one of the two engines prints it: operators by their precedence, casts where they change nothing.

import type { Dialect } from './dialects.ts';
import type { Expression } from './expressions.ts';
import type { Token } from './tokens.ts';

/** What is read so far cannot be understood. */
const NOT_READ = Symbol('not read');

const COMPARISONS: ReadonlySet<string> = new Set(['=', '<>', '!=', '<', '<=', '>', '>=']);
const PLAIN_TEXT = /^(text|character varying|varchar|character|bpchar|char)\b/;
const PLAIN_NUMBER = /^(numeric|decimal|double precision|bigint|integer|smallint|int|real)\b/;

/** How each engine calls a function that both have. */
const FUNCTIONS: Readonly<Record<Dialect['engine'], Readonly<Record<string, string>>>> = {
  mysql: {
    char_length: 'char_length',
    character_length: 'char_length',
    length: 'octet_length',
    octet_length: 'octet_length',
    abs: 'abs',
    coalesce: 'coalesce',
    ifnull: 'coalesce',
    concat: 'concat',
  },
  postgres: {
    char_length: 'char_length',
    character_length: 'char_length',
    length: 'char_length',
    octet_length: 'octet_length',
    abs: 'abs',
    coalesce: 'coalesce',
  },
};

export class ExpressionReader {
  readonly #tokens: readonly Token[];
  readonly #engine: Dialect['engine'];
  #at = 0;

  constructor(tokens: readonly Token[], { engine }: Dialect) {
    this.#tokens = tokens;
    this.#engine = engine;
  }

  /** Undefined when it is not of the language, or not all of it. */
  whole(): Expression | undefined {
    try {
      const expression = this.#disjunction();
      return this.#at === this.#tokens.length ? expression : undefined;
    } catch (thrown) {
      if (thrown === NOT_READ) return undefined;
      throw thrown;
    }
  }

  get #next(): Token | undefined {
    return this.#tokens[this.#at];
  }

  #is(text: string): boolean {
    return (this.#next?.kind === 'word' || this.#next?.kind === 'sign') && this.#next.text === text;
  }

  #take(...texts: readonly string[]): boolean {
    const start = this.#at;
    for (const text of texts) {
      if (!this.#is(text)) {
        this.#at = start;
        return false;
      }
      this.#at++;
    }
    return true;
  }

  #expect(text: string): void {
    if (!this.#take(text)) throw NOT_READ;
  }

  #disjunction(): Expression {
    let left = this.#conjunction();
    while (this.#take('or')) left = { kind: 'operator', operator: 'or', operands: [left, this.#conjunction()] };
    return left;
  }

  #conjunction(): Expression {
    let left = this.#negation();
    while (this.#take('and')) left = { kind: 'operator', operator: 'and', operands: [left, this.#negation()] };
    return left;
  }

  #negation(): Expression {
    return this.#take('not') ? { kind: 'not', operands: [this.#negation()] } : this.#predicate();
  }

  #predicate(): Expression {
    const left = this.#sum();
    if (this.#take('is')) {
      const negated = this.#take('not');
      this.#expect('null');
      return { kind: 'is null', negated, operands: [left] };
    }
    const negated = this.#take('not');
    if (this.#take('between')) {
      const low = this.#sum();
      this.#expect('and');
      return { kind: 'between', negated, operands: [left, low, this.#sum()] };
    }
    if (this.#take('in')) {
      this.#expect('(');
      return { kind: 'in', negated, operands: [left, ...this.#list(')')] };
    }
    if (negated) throw NOT_READ;
    return this.#comparison(left);
  }

  #comparison(left: Expression): Expression {
    const operator = this.#next?.kind === 'sign' ? this.#next.text : '';
    if (!COMPARISONS.has(operator)) return left;
    this.#at++;
    // PostgreSQL's way to write IN.
    const isAny = this.#take('any');
    if (isAny || this.#take('all')) return this.#oneOf(left, isAny ? '=' : '<>', operator);
    return { kind: 'operator', operator: operator === '!=' ? '<>' : operator, operands: [left, this.#sum()] };
  }

  #oneOf(left: Expression, expected: string, operator: string): Expression {
    if (operator !== expected) throw NOT_READ;
    this.#expect('(');
    let depth = 0;
    while (this.#take('(')) depth++;
    this.#expect('array');
    this.#expect('[');
    const list = this.#list(']');
    this.#cast();
    for (; depth > 0; depth--) {
      this.#expect(')');
      this.#cast();
    }
    this.#expect(')');
    return { kind: 'in', negated: expected === '<>', operands: [left, ...list] };
  }

  #list(end: string): readonly Expression[] {
    const list: Expression[] = [];
    do list.push(this.#disjunction());
    while (this.#take(','));
    this.#expect(end);
    return list;
  }

  #sum(): Expression {
    let left = this.#product();
    for (;;) {
      if (this.#is('+') || this.#is('-')) {
        const operator = this.#next?.text ?? '';
        this.#at++;
        left = { kind: 'operator', operator, operands: [left, this.#product()] };
      } else if (this.#engine === 'postgres' && this.#take('||')) {
        left = { kind: 'call', name: 'concat', operands: [left, this.#product()] };
      } else return left;
    }
  }

  /** Not by division: of whole numbers it is another in each engine. */
  #product(): Expression {
    let left = this.#signed();
    while (this.#take('*')) left = { kind: 'operator', operator: '*', operands: [left, this.#signed()] };
    return left;
  }

  #signed(): Expression {
    return this.#take('-') ? { kind: 'negative', operands: [this.#signed()] } : this.#primary();
  }

  #primary(): Expression {
    let value = this.#atom();
    for (let type = this.#cast(); type !== undefined; type = this.#cast()) value = withCast(value, type);
    return value;
  }

  #atom(): Expression {
    const token = this.#next;
    if (token === undefined) throw NOT_READ;
    this.#at++;
    if (token.kind === 'number') return { kind: 'number', text: token.text };
    if (token.kind === 'text') return { kind: 'text', text: token.text };
    if (token.kind === 'name') return { kind: 'column', name: token.text };
    if (token.text === '(') {
      const inner = this.#disjunction();
      this.#expect(')');
      return inner;
    }
    if (token.kind !== 'word') throw NOT_READ;
    return this.#word(token.text);
  }

  #word(word: string): Expression {
    if (word === 'null') return { kind: 'null' };
    if (word === 'true' || word === 'false') return { kind: 'truth', value: word === 'true' };
    if (this.#take('(')) {
      const name = FUNCTIONS[this.#engine][word];
      if (name === undefined) throw NOT_READ;
      return { kind: 'call', name, operands: this.#list(')') };
    }
    // MySQL quotes every column.
    if (this.#engine === 'mysql' || this.#is('.')) throw NOT_READ;
    return { kind: 'column', name: word };
  }

  /** The type of a cast that follows, if one does. */
  #cast(): string | undefined {
    if (!this.#take('::')) return undefined;
    const words: string[] = [];
    while (this.#next?.kind === 'word' && !['and', 'or', 'is', 'not', 'in', 'between'].includes(this.#next.text)) {
      words.push(this.#next.text);
      this.#at++;
    }
    if (words.length === 0) throw NOT_READ;
    if (this.#take('(')) while (!this.#take(')')) this.#skip();
    if (this.#take('[')) this.#expect(']');
    return words.join(' ');
  }

  #skip(): void {
    if (this.#next === undefined) throw NOT_READ;
    this.#at++;
  }
}

/** A literal as what it is cast to. Of anything else only what leaves the value as it is: what is compared says the rest. */
function withCast(value: Expression, type: string): Expression {
  if (value.kind === 'text' && PLAIN_NUMBER.test(type)) {
    if (!/^-?\d+(\.\d+)?$/.test(value.text)) throw NOT_READ;
    return { kind: 'number', text: value.text };
  }
  if (value.kind === 'text' || value.kind === 'null') return value;
  if (value.kind === 'number' && PLAIN_NUMBER.test(type)) return value;
  if (PLAIN_TEXT.test(type)) return { kind: 'call', name: 'as text', operands: [value] };
  if (/^(numeric|double precision)\b/.test(type)) return { kind: 'call', name: 'as number', operands: [value] };
  throw NOT_READ;
}
