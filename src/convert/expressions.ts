// Conditions and computed values that mean the same in MySQL and in PostgreSQL: a small language of comparisons, arithmetic
// and a few functions. What is not in it, or may mean something else for such a column, is not translated.

import type { Dialect } from './dialects.ts';
import { ExpressionReader } from './expression-reader.ts';
import { tokensOf } from './tokens.ts';

/** What two columns must have in common to be compared; `exact texts` are equal only when they are the same. */
export type ValueClass = 'number' | 'exact text' | 'text' | 'moment' | 'truth' | 'other';

export type Expression =
  | { readonly kind: 'column'; readonly name: string }
  | { readonly kind: 'number' | 'text'; readonly text: string }
  | { readonly kind: 'null' }
  | { readonly kind: 'truth'; readonly value: boolean }
  | { readonly kind: 'call'; readonly name: string; readonly operands: readonly Expression[] }
  | { readonly kind: 'operator'; readonly operator: string; readonly operands: readonly [Expression, Expression] }
  | { readonly kind: 'not' | 'negative'; readonly operands: readonly [Expression] }
  | { readonly kind: 'is null'; readonly negated: boolean; readonly operands: readonly [Expression] }
  | { readonly kind: 'in' | 'between'; readonly negated: boolean; readonly operands: readonly Expression[] };

export type ClassOf = (column: string) => ValueClass;

export interface Translated {
  readonly text: string;
  readonly columns: readonly string[];
}

/** Whether it is of the language, whatever its columns are. */
export function isCommon(text: string, dialect: Dialect): boolean {
  return read(text, dialect) !== undefined;
}

function read(text: string, dialect: Dialect): Expression | undefined {
  const tokens = tokensOf(text, dialect);
  return tokens === undefined ? undefined : new ExpressionReader(tokens, dialect).whole();
}

/** A condition or value of one engine; undefined for one that may not mean the same to others. */
export function understood(text: string, from: Dialect, classOf: ClassOf): Expression | undefined {
  const expression = read(text, from);
  return expression === undefined || classIn(expression, classOf) === undefined ? undefined : expression;
}

/** A condition or value of one engine as the other writes it; undefined for one that may not mean the same there. */
export function translate(text: string, from: Dialect, to: Dialect, classOf: ClassOf): Translated | undefined {
  const expression = understood(text, from, classOf);
  if (expression === undefined) return undefined;
  return { text: print(expression, to), columns: [...new Set(columnsIn(expression))] };
}

export function columnsIn(expression: Expression): readonly string[] {
  if (expression.kind === 'column') return [expression.name];
  return 'operands' in expression ? expression.operands.flatMap(columnsIn) : [];
}

/** Of a literal text: it becomes what it is compared with. */
type Inferred = ValueClass | 'literal' | 'null';

/** Undefined where the two engines may not agree. */
function classIn(expression: Expression, classOf: ClassOf): Inferred | undefined {
  const of = (each: Expression): Inferred | undefined => classIn(each, classOf);
  switch (expression.kind) {
    case 'column': {
      const found = classOf(expression.name);
      return found === 'other' ? undefined : found;
    }
    case 'number':
      return 'number';
    case 'text':
      return 'literal';
    case 'null':
      return 'null';
    case 'truth':
      return 'truth';
    case 'negative':
      return of(expression.operands[0]) === 'number' ? 'number' : undefined;
    case 'not':
      return of(expression.operands[0]) === 'truth' ? 'truth' : undefined;
    case 'is null':
      return of(expression.operands[0]) === undefined ? undefined : 'truth';
    case 'in':
      return comparable(expression.operands.map(of), false) ? 'truth' : undefined;
    case 'between':
      return comparable(expression.operands.map(of), true) ? 'truth' : undefined;
    case 'operator':
      return ofOperator(expression.operator, expression.operands.map(of));
    case 'call':
      return ofCall(expression.name, expression.operands.map(of));
  }
}

/** Texts have another order in each engine. */
function comparable(classes: readonly (Inferred | undefined)[], ordered: boolean): boolean {
  const [known = 'literal'] = classes.filter((each) => each !== 'literal');
  if (!['number', 'moment', 'exact text', 'truth', 'literal'].includes(known)) return false;
  if (ordered && known !== 'number' && known !== 'moment') return false;
  return classes.every(
    (each) => each === known || (each === 'literal' && (known === 'moment' || known === 'exact text')),
  );
}

function ofOperator(operator: string, classes: readonly (Inferred | undefined)[]): Inferred | undefined {
  if (operator === 'and' || operator === 'or') return classes.every((each) => each === 'truth') ? 'truth' : undefined;
  if (operator === '=' || operator === '<>') return comparable(classes, false) ? 'truth' : undefined;
  if (/[<>]/.test(operator)) return comparable(classes, true) ? 'truth' : undefined;
  return classes.every((each) => each === 'number') ? 'number' : undefined;
}

function isText(each: Inferred | undefined): boolean {
  return each === 'text' || each === 'exact text' || each === 'literal';
}

function ofCall(name: string, classes: readonly (Inferred | undefined)[]): Inferred | undefined {
  switch (name) {
    case 'char_length':
    case 'octet_length':
      return classes.length === 1 && isText(classes[0]) ? 'number' : undefined;
    case 'abs':
      return classes.length === 1 && classes[0] === 'number' ? 'number' : undefined;
    case 'as text':
      return isText(classes[0]) ? classes[0] : undefined;
    case 'as number':
      return classes[0] === 'number' ? 'number' : undefined;
    case 'concat':
      return classes.every(isText) ? 'text' : undefined;
    case 'coalesce': {
      const [first] = classes;
      if (classes.every((each) => each === 'number' || each === 'null')) return 'number';
      return isText(first) && classes.every((each) => isText(each) || each === 'null') ? 'text' : undefined;
    }
    default:
      return undefined;
  }
}

function print(expression: Expression, dialect: Dialect): string {
  const of = (each: Expression): string => print(each, dialect);
  switch (expression.kind) {
    case 'column':
      return dialect.name(expression.name);
    case 'number':
      return expression.text;
    case 'text':
      return dialect.text(expression.text).trim();
    case 'null':
      return 'NULL';
    case 'truth':
      return expression.value ? 'TRUE' : 'FALSE';
    case 'negative':
      return `(- ${of(expression.operands[0])})`;
    case 'not':
      return `(NOT ${of(expression.operands[0])})`;
    case 'is null':
      return `(${of(expression.operands[0])} IS ${expression.negated ? 'NOT ' : ''}NULL)`;
    case 'operator':
      return `(${expression.operands.map(of).join(` ${expression.operator.toUpperCase()} `)})`;
    case 'in': {
      const [left = '', ...list] = expression.operands.map(of);
      return `(${left} ${expression.negated ? 'NOT ' : ''}IN (${list.join(', ')}))`;
    }
    case 'between': {
      const [left = '', low = '', high = ''] = expression.operands.map(of);
      return `(${left} ${expression.negated ? 'NOT ' : ''}BETWEEN ${low} AND ${high})`;
    }
    case 'call': {
      const operands = expression.operands.map(of);
      if (expression.name.startsWith('as ')) return operands.join('');
      if (expression.name === 'concat' && dialect.engine === 'postgres') return `(${operands.join(' || ')})`;
      return `${expression.name}(${operands.join(', ')})`;
    }
  }
}
