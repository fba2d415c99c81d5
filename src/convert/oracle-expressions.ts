// Conditions and computed values as Oracle writes them. It has no truth values, and no empty text.

import { ORACLE, POSTGRES } from './dialects.ts';
import { type ClassOf, columnsIn, type Expression, understood, type ValueClass } from './expressions.ts';

/** What Oracle has no words for. */
const NOT_WRITTEN = Symbol('not written');

const FUNCTIONS: Readonly<Record<string, string>> = {
  char_length: 'LENGTH',
  octet_length: 'LENGTHB',
  abs: 'ABS',
  coalesce: 'COALESCE',
};
/** A literal has at most so many bytes. */
export const LONGEST_LITERAL = 4_000;

export interface OracleColumns {
  readonly classOf: ClassOf;
  /** What Oracle calls a column. */
  readonly nameOf: (column: string) => string;
  /** True of one that is NULL there for values that are not NULL on the source. */
  readonly mayBecomeNull: (column: string) => boolean;
}

/** Of a condition of PostgreSQL; undefined for one that may not mean the same. */
export function oracleCondition(text: string, columns: OracleColumns): string | undefined {
  return written(text, columns, (writer, expression) => writer.condition(expression));
}

/** Of a value of PostgreSQL; one that is true or false becomes 1 or 0. */
export function oracleValue(text: string, columns: OracleColumns): string | undefined {
  return written(text, columns, (writer, expression) => writer.value(expression));
}

function written(
  text: string,
  columns: OracleColumns,
  write: (writer: Writer, expression: Expression) => string,
): string | undefined {
  const expression = understood(text, POSTGRES, columns.classOf);
  if (expression === undefined) return undefined;
  try {
    return write(new Writer(columns), expression);
  } catch (thrown) {
    if (thrown === NOT_WRITTEN) return undefined;
    throw thrown;
  }
}

class Writer {
  readonly #columns: OracleColumns;

  constructor(columns: OracleColumns) {
    this.#columns = columns;
  }

  condition(expression: Expression): string {
    const of = (each: Expression): string => this.condition(each);
    switch (expression.kind) {
      case 'column':
        if (this.#columns.classOf(expression.name) !== 'truth') throw NOT_WRITTEN;
        return `(${this.value(expression)} = 1)`;
      case 'truth':
        return expression.value ? '(1 = 1)' : '(1 = 0)';
      case 'not':
        return `(NOT ${of(expression.operands[0])})`;
      case 'is null':
        this.#expectSameNulls(expression);
        return `(${this.value(expression.operands[0])} IS ${expression.negated ? 'NOT ' : ''}NULL)`;
      case 'operator':
        if (expression.operator === 'and' || expression.operator === 'or') {
          return `(${expression.operands.map(of).join(` ${expression.operator.toUpperCase()} `)})`;
        }
        if (!/[<>=]/.test(expression.operator)) throw NOT_WRITTEN;
        return `(${this.#compared(expression.operands).join(` ${expression.operator} `)})`;
      case 'in': {
        const [left = '', ...list] = this.#compared(expression.operands);
        return `(${left} ${expression.negated ? 'NOT ' : ''}IN (${list.join(', ')}))`;
      }
      case 'between': {
        const [left = '', low = '', high = ''] = this.#compared(expression.operands);
        return `(${left} ${expression.negated ? 'NOT ' : ''}BETWEEN ${low} AND ${high})`;
      }
      default:
        throw NOT_WRITTEN;
    }
  }

  value(expression: Expression): string {
    switch (expression.kind) {
      case 'column':
        return ORACLE.name(this.#columns.nameOf(expression.name));
      case 'number':
        return expression.text;
      case 'text':
        return textLiteral(expression.text);
      case 'null':
        return 'NULL';
      case 'truth':
        return expression.value ? '1' : '0';
      case 'negative':
        return `(- ${this.value(expression.operands[0])})`;
      case 'call':
        return this.#call(expression.name, expression.operands);
      case 'operator':
        if (/^[-+*]$/.test(expression.operator)) {
          return `(${expression.operands.map((each) => this.value(each)).join(` ${expression.operator} `)})`;
        }
        return this.#truth(expression);
      default:
        return this.#truth(expression);
    }
  }

  /** Whatever else is asked of NULL is neither true nor false, which no check refuses. */
  #expectSameNulls(expression: Expression): void {
    if (columnsIn(expression).some(this.#columns.mayBecomeNull)) throw NOT_WRITTEN;
  }

  #truth(expression: Expression): string {
    const condition = this.condition(expression);
    return `CASE WHEN ${condition} THEN 1 WHEN NOT ${condition} THEN 0 END`;
  }

  #call(name: string, operands: readonly Expression[]): string {
    const values = operands.map((each) => this.value(each));
    if (name.startsWith('as ')) return values.join('');
    // Not concat: of NULL and a text Oracle makes the text.
    const called = FUNCTIONS[name];
    if (called === undefined) throw NOT_WRITTEN;
    if (name === 'coalesce') for (const each of operands) this.#expectSameNulls(each);
    return `${called}(${values.join(', ')})`;
  }

  /** A text that is compared with a moment is one. */
  #compared(operands: readonly Expression[]): readonly string[] {
    const classes = operands.map((each): ValueClass => {
      return each.kind === 'column' ? this.#columns.classOf(each.name) : 'other';
    });
    const isMoment = classes.includes('moment');
    return operands.map((each) => (each.kind === 'text' && isMoment ? momentOf(each.text) : this.value(each)));
  }
}

/** Undefined for one that is none. */
export function momentLiteral(text: string): string | undefined {
  if (/^\d{4}-\d\d-\d\d$/.test(text)) return `DATE '${text}'`;
  return /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{1,6})?$/.test(text) ? `TIMESTAMP '${text}'` : undefined;
}

function momentOf(text: string): string {
  const literal = momentLiteral(text);
  if (literal === undefined) throw NOT_WRITTEN;
  return literal;
}

function textLiteral(text: string): string {
  if (text === '' || text.includes('\0') || Buffer.byteLength(text) > LONGEST_LITERAL) throw NOT_WRITTEN;
  return ORACLE.text(text);
}
