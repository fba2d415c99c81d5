// Holds statements against Oracle's grammar, as grammars-v4 has it: what the stand-in takes is PostgreSQL's word, so this
// is where a statement that Oracle's parser would refuse is met.

import { PlSqlLexer, PlSqlParser } from '@griffithswaite/ts-plsql-parser';
import { CharStream, CommonTokenStream, ErrorListener, PredictionMode } from 'antlr4';

/** What the grammar does not know although Oracle's manual has it: what stands for it, so that the rest is still held against it. */
interface Exception {
  readonly what: RegExp;
  readonly instead: string;
  /** Where the manual has it. */
  readonly manual: string;
}

const EXCEPTIONS: readonly Exception[] = [
  {
    what: /^ALTER SESSION SET (?:DDL_LOCK_TIMEOUT = \d+|CURRENT_SCHEMA = "[^"]+")$/,
    instead: "ALTER SESSION SET NLS_SORT = 'BINARY'",
    manual: 'SQL Language Reference, ALTER SESSION: alter_session_set_clause, "parameter_name = parameter_value"',
  },
  {
    what: /\bGENERATED (?:ALWAYS|BY DEFAULT)(?: ON NULL)? AS IDENTITY \(START WITH (?:LIMIT VALUE|-?\d+)(?: INCREMENT BY -?\d+)?\)\)$/,
    instead: 'NOT NULL)',
    manual: 'SQL Language Reference, CREATE TABLE: identity_options, "START WITH { integer | LIMIT VALUE }"',
  },
  {
    what: /^(ALTER SEQUENCE .*) RESTART (START WITH -?\d+)$/,
    instead: '$1 $2',
    manual:
      'SQL Language Reference, ALTER SEQUENCE: "RESTART", "specify RESTART with the START WITH clause", since 18c',
  },
  {
    what: /^ALTER SYSTEM KILL SESSION '[^']*' IMMEDIATE$/,
    instead: "ALTER SESSION SET NLS_SORT = 'BINARY'",
    manual: 'SQL Language Reference, ALTER SYSTEM: end_session_clauses, "KILL SESSION \'session_id\' IMMEDIATE"',
  },
  {
    what: /\bJSON_SERIALIZE\(([^()]+) RETURNING CLOB\)/g,
    instead: 'TO_CLOB($1)',
    manual:
      'SQL Language Reference, JSON_SERIALIZE: "JSON_SERIALIZE ( expr [ JSON_query_returning_clause ] )", since 19c',
  },
];

/** What the grammar takes and Oracle does not: another rule than one of syntax. */
const MISSING: readonly { readonly shape: RegExp; readonly error: string }[] = [
  { shape: /"N" N?VARCHAR2(?!\s*\()/, error: 'VARCHAR2 has no length' },
];

/** The lexer knows keywords in capitals only; what is quoted it must see as it is, and does: it reads on from there. */
class Capitals extends CharStream {
  override LA(offset: number): number {
    const code = super.LA(offset);
    return code >= 97 && code <= 122 ? code - 32 : code;
  }
}

/** What the grammar has against a statement, with line and column; empty when nothing. */
export function syntaxErrors(sql: string): readonly string[] {
  const missing = MISSING.filter(({ shape }) => shape.test(shapeOf(sql))).map(({ error }) => error);
  if (missing.length > 0) return missing;
  const known = withoutExceptions(sql);
  // The quick way finds an error in some statements that are right, and never none in one that is wrong.
  const quick = parse(known, PredictionMode.SLL);
  return quick.length === 0 ? quick : parse(known, PredictionMode.LL);
}

/** The statement with what grammars know instead of what they do not. */
export function withoutExceptions(sql: string): string {
  return EXCEPTIONS.reduce((text, { what, instead }) => text.replace(what, instead), sql);
}

function parse(sql: string, mode: number): readonly string[] {
  const errors: string[] = [];
  const listener = new ErrorListener();
  listener.syntaxError = (_parser, _symbol, line, column, message) => {
    errors.push(`${line}:${column} ${message}`);
  };
  // A block ends with its own semicolon and a slash, everything else with a semicolon that is not the driver's to send.
  const text = sql.trimEnd().endsWith(';') ? `${sql}\n/` : `${sql};`;
  const lexer = new PlSqlLexer(new Capitals(text, true));
  lexer.removeErrorListeners();
  lexer.addErrorListener(listener);
  const parser = new PlSqlParser(new CommonTokenStream(lexer));
  parser.removeErrorListeners();
  parser.addErrorListener(listener);
  parser._interp.predictionMode = mode;
  parser.sql_script();
  return errors;
}

/**
 * A statement without what differs between two of one kind: names, values, how many columns. Itself a statement, and quicker to
 * hold against the grammar.
 */
export function shapeOf(sql: string): string {
  const plain = sql
    .replace(/'(?:[^']|'')*'|"[^"]*"|:\d+|\s+/g, ([first = '']) => PLAIN[first] ?? ' ')
    .replace(/\b\d+\b/g, '1')
    .trim();
  return REPEATED.reduce((text, repeated) => text.replace(repeated, '$1'), plain);
}

/** By the first character of what it stands for. */
const PLAIN: Readonly<Record<string, string>> = { "'": "'x'", '"': '"N"', ':': ':1' };

/** Lists of one kind of item are as long as tables are wide. */
const REPEATED: readonly RegExp[] = [
  /((?:\bt\.)?"N"|:1)(?:, \1)+/gi,
  /(\b\w+\((?:[^()']|'[^']*')*\))(?:, \1)+/g,
  /(\((?:\w+\([^()]*\)|:1)(?:, (?:\w+\([^()]*\)|:1))*\))(?:, \1)+/g,
  /((?:\bt\.)?"N" = (?::1|\w+\([^()]*\)))(?:(?:,| AND) \1)+/gi,
];
