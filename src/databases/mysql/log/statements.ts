// What a statement in the log does. Rows are logged as rows: what is left as text ends transactions, defines things, or is
// a change in a form that cannot be followed.

/** A table by what a statement calls it. */
export interface NamedTable {
  readonly schema: string;
  readonly name: string;
}

export type Statement =
  | {
      readonly does: 'begin' | 'commit' | 'rollback' | 'savepoint' | 'rollback-to' | 'xa-end' | 'nothing';
    }
  /** Of a transaction that is committed in two phases. */
  | { readonly does: 'xa-begin' | 'xa-commit' | 'xa-rollback'; readonly xid: string }
  | { readonly does: 'truncate'; readonly table: NamedTable }
  /**
   * Changes what these tables are or hold; without tables it does so to every table of the schema. `dropped`: nothing but these
   * columns are gone.
   */
  | {
      readonly does: 'alter';
      readonly tables: readonly NamedTable[];
      readonly schema?: string;
      readonly dropped?: readonly string[];
    }
  /** Changes rows. `verb` says how. */
  | { readonly does: 'rows'; readonly verb: string }
  | { readonly does: 'unknown'; readonly verb: string };

/** A name in quotes keeps them off; anything else is as it was written. */
interface Token {
  readonly text: string;
  /** Upper-case word; '' for a quoted name, a text or a sign. */
  readonly word: string;
}

/** Comments are passed over, except those that the server runs: of these only the frame is. */
const TOKENS =
  /\s+|\/\*M?!\d*|\*\/|\/\*[\s\S]*?\*\/|(?:#|--(?=\s|$))[^\n]*|`((?:[^`]|``)*)`|'(?:[^'\\]|\\[\s\S]|'')*'|"((?:[^"\\]|\\[\s\S]|"")*)"|([\w$\u0080-\uffff]+)|([\s\S])/g;

function* tokensOf(text: string): Generator<Token> {
  for (const [, quoted, doubled, word, sign] of text.matchAll(TOKENS)) {
    if (quoted !== undefined) yield { text: quoted.replaceAll('``', '`'), word: '' };
    // A name where the session said so, else a text, which is no name anyway.
    else if (doubled !== undefined) yield { text: doubled.replaceAll('""', '"'), word: '' };
    else if (word !== undefined) yield { text: word, word: word.toUpperCase() };
    else if (sign !== undefined) yield { text: sign, word: '' };
  }
}

const ROWS = new Set(['INSERT', 'UPDATE', 'DELETE', 'REPLACE', 'LOAD', 'CALL', 'DO', 'IMPORT', 'WITH']);
const HARMLESS = new Set([
  'GRANT',
  'REVOKE',
  'SET',
  'ANALYZE',
  'OPTIMIZE',
  'REPAIR',
  'CHECK',
  'FLUSH',
  'RESET',
  'INSTALL',
  'UNINSTALL',
  'RELEASE',
  'USE',
  'BACKUP',
  'CHANGE',
  'PURGE',
]);
/** What follows CREATE, ALTER or DROP before the kind of thing. */
const ADJECTIVES = new Set(['OR', 'REPLACE', 'ONLINE', 'OFFLINE', 'IGNORE', 'TEMPORARY', 'UNDO']);

/** `schema`: what names without a database belong to. */
export function readStatement(text: string, schema: string): Statement {
  // Nearly all of them.
  if (text === 'BEGIN') return { does: 'begin' };
  if (text === 'COMMIT') return { does: 'commit' };
  const tokens = new Tokens([...tokensOf(text)], schema);
  if (tokens.word === 'XA') return ofXa(text);
  if (tokens.word === 'SET' && tokens.next?.word === 'STATEMENT') tokens.skipTo('FOR');
  return transactional(tokens) ?? defining(tokens);
}

function transactional(tokens: Tokens): Statement | undefined {
  switch (tokens.word) {
    case 'BEGIN':
    case 'START':
      return { does: 'begin' };
    case 'COMMIT':
      return { does: 'commit' };
    case 'SAVEPOINT':
      return { does: 'savepoint' };
    case 'ROLLBACK':
      return { does: tokens.has('TO') ? 'rollback-to' : 'rollback' };
    default:
      return undefined;
  }
}

/** The server writes the three parts of the name in one form, whatever the application has written. */
const XA = /^XA\s+(START|END|COMMIT|ROLLBACK)\s+X'([\da-f]*)',X'([\da-f]*)',(\d+)/i;

function ofXa(text: string): Statement {
  const [, verb = '', global = '', branch = '', format = ''] = XA.exec(text) ?? [];
  const xid = xidText(global, branch, format);
  switch (verb.toUpperCase()) {
    case 'START':
      return { does: 'xa-begin', xid };
    case 'END':
      return { does: 'xa-end' };
    case 'COMMIT':
      return { does: 'xa-commit', xid };
    case 'ROLLBACK':
      return { does: 'xa-rollback', xid };
    default:
      return { does: 'unknown', verb: 'XA' };
  }
}

/** Names a transaction that is committed in two phases; `global` and `branch` in hexadecimal. */
export function xidText(global: string, branch: string, format: string): string {
  return `${global},${branch},${format}`.toLowerCase();
}

function defining(tokens: Tokens): Statement {
  const verb = tokens.word;
  if (tokens.isEmpty || HARMLESS.has(verb)) return { does: 'nothing' };
  if (ROWS.has(verb)) return { does: 'rows', verb };
  tokens.advance();
  switch (verb) {
    case 'TRUNCATE':
      tokens.pass('TABLE');
      return { does: 'truncate', table: tokens.name() };
    case 'RENAME':
      if (tokens.word === 'USER') return { does: 'nothing' };
      tokens.advance();
      return { does: 'alter', tables: tokens.names() };
    case 'CREATE':
    case 'ALTER':
    case 'DROP':
      return ofThing(verb, tokens);
    default:
      return { does: 'unknown', verb };
  }
}

function ofThing(verb: string, tokens: Tokens): Statement {
  let isTemporary = false;
  let replaces = false;
  for (; ADJECTIVES.has(tokens.word); tokens.advance()) {
    isTemporary ||= tokens.word === 'TEMPORARY';
    replaces ||= tokens.word === 'REPLACE';
  }
  const thing = tokens.word;
  tokens.advance();
  // What is created was not there: that it went before was seen, and with IF NOT EXISTS nothing may have happened.
  if (isTemporary || (verb === 'CREATE' && !replaces)) return { does: 'nothing' };
  if (thing === 'DATABASE' || thing === 'SCHEMA') {
    tokens.passIf();
    return verb === 'ALTER' ? { does: 'nothing' } : { does: 'alter', tables: [], schema: tokens.text };
  }
  // Everything else has no rows that are logged: views, routines, triggers, indexes, users, sequences.
  if (thing !== 'TABLE' && thing !== 'TABLES') return { does: 'nothing' };
  tokens.passIf();
  if (verb === 'DROP') return { does: 'alter', tables: tokens.names() };
  const table = tokens.name();
  const dropped = verb === 'ALTER' ? droppedBy(tokens) : undefined;
  if (dropped !== undefined)
    return dropped.length === 0 ? { does: 'nothing' } : { does: 'alter', tables: [table], dropped };
  const others = verb === 'ALTER' ? tokens.namesAfter(['TO', 'AS', 'TABLE']) : [];
  return { does: 'alter', tables: [table, ...others] };
}

/** The columns that are dropped; undefined when a clause does something else to the rows that are there. */
function droppedBy(tokens: Tokens): readonly string[] | undefined {
  const dropped: string[] = [];
  for (const clause of tokens.clauses()) {
    if (keepsRows(clause)) continue;
    const column = droppedColumn(clause);
    if (column === undefined) return undefined;
    dropped.push(column);
  }
  return dropped;
}

/** The clause leaves the rows that are there as they are; whether columns were added shows in the rows to come. */
function keepsRows([first, second, third]: readonly Token[]): boolean {
  const word = second?.word ?? '';
  if (first?.word === 'ADD') {
    if (/^(INDEX|KEY|UNIQUE|FULLTEXT|SPATIAL|CONSTRAINT|FOREIGN|CHECK)$/.test(word)) return third?.word !== 'PRIMARY';
    return !/^(PRIMARY|PARTITION|VECTOR|PERIOD|SYSTEM)$/.test(word);
  }
  if (first?.word === 'DROP') return /^(INDEX|KEY|CONSTRAINT|FOREIGN|CHECK)$/.test(word);
  if (first?.word === 'ALTER' || first?.word === 'RENAME') return /^(INDEX|KEY|CONSTRAINT|CHECK)$/.test(word);
  return /^(COMMENT|AUTO_INCREMENT|ALGORITHM|LOCK|STATS_PERSISTENT|STATS_AUTO_RECALC|STATS_SAMPLE_PAGES|ANALYZE)$/.test(
    first?.word ?? '',
  );
}

/** DROP [COLUMN] [IF EXISTS] name. */
function droppedColumn([first, ...rest]: readonly Token[]): string | undefined {
  if (first?.word !== 'DROP') return undefined;
  const named = rest[0]?.word === 'COLUMN' ? rest.slice(1) : rest;
  const [column] = named[0]?.word === 'IF' ? named.slice(2) : named;
  return column === undefined || /^(PRIMARY|PARTITION|PERIOD|SYSTEM)$/.test(column.word) ? undefined : column.text;
}

class Tokens {
  readonly #tokens: readonly Token[];
  readonly #schema: string;
  #at = 0;

  constructor(tokens: readonly Token[], schema: string) {
    this.#tokens = tokens;
    this.#schema = schema;
  }

  get isEmpty(): boolean {
    return this.#at >= this.#tokens.length;
  }

  get word(): string {
    return this.#tokens[this.#at]?.word ?? '';
  }

  get text(): string {
    return this.#tokens[this.#at]?.text ?? '';
  }

  get next(): Token | undefined {
    return this.#tokens[this.#at + 1];
  }

  has(word: string): boolean {
    return this.#tokens.some((token) => token.word === word);
  }

  advance(): void {
    this.#at++;
  }

  pass(word: string): void {
    if (this.word === word) this.#at++;
  }

  /** IF EXISTS, IF NOT EXISTS. */
  passIf(): void {
    if (this.word !== 'IF') return;
    this.skipTo('EXISTS');
  }

  /** Stands behind that word. */
  skipTo(word: string): void {
    while (!this.isEmpty && this.word !== word) this.#at++;
    this.#at++;
  }

  name(): NamedTable {
    const first = this.text;
    this.#at++;
    if (this.text !== '.') return { schema: this.#schema, name: first };
    const name = this.next?.text ?? '';
    this.#at += 2;
    return { schema: first, name };
  }

  /** Names with commas or TO between them. */
  names(): readonly NamedTable[] {
    const names = [this.name()];
    while (this.text === ',' || this.word === 'TO') {
      this.#at++;
      names.push(this.name());
    }
    return names;
  }

  /** The names behind any of these words: where an altered table goes, or which other one it exchanges rows with. */
  namesAfter(words: readonly string[]): readonly NamedTable[] {
    const names: NamedTable[] = [];
    while (!this.isEmpty) {
      const found = words.includes(this.word);
      this.#at++;
      if (found) names.push(this.name());
    }
    return names;
  }

  /** What is left, cut at the commas outside brackets; does not move on. */
  clauses(): readonly (readonly Token[])[] {
    const clauses: Token[][] = [[]];
    let depth = 0;
    for (const token of this.#tokens.slice(this.#at)) {
      if (token.text === '(' && token.word === '') depth++;
      if (token.text === ')' && token.word === '') depth--;
      if (token.text === ',' && depth === 0) clauses.push([]);
      else clauses.at(-1)?.push(token);
    }
    return clauses;
  }
}
