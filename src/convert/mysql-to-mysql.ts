// MySQL to MySQL, where nothing changes but that bytes travel as texts, and MariaDB to MySQL: what the two call differently, and
// what only MariaDB has.

import type { Conversion } from '../databases/conversion.ts';
import { MigrateError } from '../lib/errors.ts';
import type { Catalog, ColumnDefinition, TableDefinition, TableObjectDefinition } from '../model/catalog.ts';
import type { Column } from '../model/table.ts';
import { columnPath } from '../plan/names.ts';
import { MYSQL } from './dialects.ts';
import { isCommon } from './expressions.ts';
import { ChosenTypes, Findings } from './findings.ts';
import { idOf, inTurn, type Joined } from './in-turn.ts';
import { rereadJson } from './json-text.ts';
import { MysqlNames } from './mysql-names.ts';
import type { ConvertedCatalog, ConvertOptions } from './pair.ts';

const BYTES =
  /^((var)?binary\b|(tiny|medium|long)?blob$|bit\b|vector\b|(multi)?(point|linestring|polygon)$|geom(etry)?collection$|geometry$)/;

const AS_IS: Conversion = { print: (value) => value, read: (value) => value, isSame: true };
const HEX: Conversion = {
  print: (value) => (Buffer.isBuffer(value) ? value : Buffer.from(value)).toString('hex'),
  read: (value) => Buffer.from(String(value), 'hex'),
  hex: '',
};

/** Of either side: bytes are texts of hex digits in the core, and JSON is what the target will have read. */
export function mysqlConversion({ name, type }: Column): Conversion {
  if (type === 'json') return jsonOf(name);
  return BYTES.test(type) ? HEX : AS_IS;
}

function jsonOf(name: string): Conversion {
  return {
    print: (value) => {
      const text = rereadJson(String(value));
      if (text !== undefined) return text;
      throw new MigrateError(
        'SOURCE.REFUSED',
        `column ${name} has a value that is JSON with a decimal: written again it would be another number`,
        {
          fix: 'Correct the row on the source: no more than 15 digits, or the number as a text. Or exclude the table.',
        },
      );
    },
    read: (value) => value,
  };
}

/** What MySQL has not, by name; the first that matches. */
const COLLATIONS: readonly (readonly [RegExp, string])[] = [
  [/^uca1400_nopad_ai_ci$|^uca1400_ai_ci$/, '0900_ai_ci'],
  [/^uca1400(?:_nopad)?_as_ci$/, '0900_as_ci'],
  [/^uca1400(?:_nopad)?_(?:ai|as)_cs$/, '0900_as_cs'],
  [/^uca1400_.*_as_cs$/, '0900_as_cs'],
  [/^uca1400_.*_as_ci$/, '0900_as_ci'],
  [/^uca1400_.*$/, '0900_ai_ci'],
  [/^nopad_bin$/, '0900_bin'],
  [/^(?:general|unicode|unicode_520)_nopad_ci$/, '0900_ai_ci'],
  [/^(?:croatian_mysql561|thai_520_w2|myanmar)(?:_.*)?$/, '0900_ai_ci'],
];

/** MySQL's name for a collation of MariaDB, and whether it holds other texts to be equal. */
function collationOf(collation: string): { readonly name: string; readonly isOther: boolean } {
  if (collation.startsWith('utf8_')) return { name: collation.replace(/^utf8_/, 'utf8mb3_'), isOther: false };
  const [, charset, rest = collation] = /^(utf8mb4|utf8mb3|ucs2|utf16|utf32)_(.*)$/.exec(collation) ?? [];
  const found = COLLATIONS.find(([pattern]) => pattern.test(rest));
  if (found === undefined) return { name: collation, isOther: false };
  // Of the newer collations MySQL has only those of utf8mb4, which holds the texts of all of them.
  return { name: `utf8mb4_${found[1]}`, isOther: charset !== 'utf8mb4' || !rest.endsWith('nopad_bin') };
}

const UUID: ColumnType = { type: 'char(36)', collation: 'ascii_bin' };
const ADDRESSES: Readonly<Record<string, ColumnType>> = {
  inet4: { type: 'varchar(15)', collation: 'ascii_bin' },
  inet6: { type: 'varchar(45)', collation: 'ascii_bin' },
};

interface ColumnType {
  readonly type: string;
  readonly collation: string | null;
}

/** Widths of numbers are shown by MariaDB, and deprecated in MySQL but for these. */
function typeOf({ type, collation }: ColumnDefinition): ColumnType {
  if (type === 'uuid') return UUID;
  const address = ADDRESSES[type];
  if (address !== undefined) return address;
  const plain = /^tinyint\(1\)$| zerofill$/.test(type)
    ? type
    : type.replace(/^((?:tiny|small|medium|big)?int|year)\(\d+\)/, '$1');
  return { type: plain, collation: collation === null ? null : collationOf(collation).name };
}

/** With `onTarget` where anything is called differently; the same whether the server is MySQL or MariaDB. */
export function convertMysqlCatalog(
  source: Catalog,
  options: ConvertOptions,
  castTypeOf: (type: string) => string,
  joined: Joined = [],
): ConvertedCatalog {
  const findings = new Findings();
  const chosen = new ChosenTypes(options);
  chosen.check(source, findings);
  for (const { table, columns } of source.tables) {
    for (const { name } of columns) {
      const wanted = chosen.of(table, name);
      if (wanted === undefined) continue;
      const message = `between MySQL and MariaDB the types stay as they are: ${wanted} cannot be chosen`;
      findings.add('error', 'CONVERT_COLUMN', columnPath(table, name), message, 'Remove it from convert.columns.');
    }
  }
  const isMariadb = source.tables.some(
    ({ columns, checks }) => columns.some(isMariadbs) || checks.some(isMariadbCheck),
  );
  const context: Context = { findings, isMariadb, names: new MysqlNames(), castTypeOf };
  const tables = inTurn(source.tables, joined, idOf, (definition) => toTable(definition, context));
  const behind = findings.behind;
  if (JSON.stringify(tables) === JSON.stringify(source.tables)) return { catalog: source, findings: findings.list };
  const sequences = source.sequences.map((sequence) => {
    const { owner } = sequence;
    const definition = tables.find(({ table }) => table.id === owner?.table);
    const column = definition?.columns.find(({ name }) => name === owner?.column);
    return { ...sequence, type: column?.type ?? sequence.type };
  });
  const onTarget = { ...source, tables, sequences, notCarried: [] };
  return {
    catalog: { ...source, notCarried: [...source.notCarried, ...behind], onTarget },
    findings: findings.list,
  };
}

/** Only MariaDB tells of a column in such words. */
function isMariadbs({ type, collation, defaultExpression }: ColumnDefinition): boolean {
  return (
    /^((small|medium|big)?int|tinyint|year)\(\d+\)(?! zerofill| unsigned zerofill)/.test(
      type.replace('tinyint(1)', ''),
    ) ||
    /^(uuid|inet4|inet6)$/.test(type) ||
    /uca1400|nopad/.test(collation ?? '') ||
    defaultExpression === 'current_timestamp()'
  );
}

/** MySQL puts every check in parentheses. */
function isMariadbCheck({ definition }: TableObjectDefinition): boolean {
  return !definition.startsWith('CHECK ((');
}

interface Context {
  readonly findings: Findings;
  readonly isMariadb: boolean;
  /** Of checks, in their databases. */
  readonly names: MysqlNames;
  readonly castTypeOf: (type: string) => string;
}

function toTable(definition: TableDefinition, context: Context): TableDefinition {
  const { table, checks } = definition;
  const types = new Map(definition.columns.map((column) => [column.name, typeOf(column)]));
  const columns = definition.columns.map((column) => toColumn(column, types.get(column.name), table, context));
  return {
    ...definition,
    table: { ...table, columns: table.columns.map((column) => toTableColumn(column, types.get(column.name), context)) },
    columns,
    settings: definition.settings.map((setting) =>
      setting.replace(/^COLLATE (\S+)$/, (_, collation: string) => `COLLATE ${collationOf(collation).name}`),
    ),
    checks: context.isMariadb ? toChecks(checks, table, context) : checks,
  };
}

/** MariaDB names a check within its table, and by itself after its column or by a number; MySQL within the database. */
function toChecks(
  checks: readonly TableObjectDefinition[],
  table: TableDefinition['table'],
  { findings, names }: Context,
): readonly TableObjectDefinition[] {
  return checks.flatMap((check) => {
    if (isKept(check.definition.slice('CHECK '.length))) {
      const isNamedByServer =
        /^CONSTRAINT_\d+$/.test(check.name) || table.columns.some(({ name }) => name === check.name);
      const wanted = isNamedByServer ? `${table.name}_${check.name}` : check.name;
      return [{ ...check, name: names.in(table.schema, table.id, wanted) }];
    }
    findings.stays('check', check.name, table);
    return [];
  });
}

function toTableColumn(column: Column, found: ColumnType | undefined, { castTypeOf }: Context): Column {
  if (found === undefined || found.type === column.type) return column;
  return { ...column, type: found.type, castType: castTypeOf(found.type) };
}

function toColumn(
  column: ColumnDefinition,
  found: ColumnType | undefined,
  table: TableDefinition['table'],
  { findings, isMariadb }: Context,
): ColumnDefinition {
  const { name, collation } = column;
  const path = columnPath(table, name);
  if (collation !== null && collationOf(collation).isOther) {
    const message = `MySQL has no ${collation}: with ${found?.collation} it may hold other texts to be equal, and sort them otherwise`;
    findings.add('warning', 'CONVERT_COLLATION', path, message);
  }
  if (column.type !== found?.type && /^(uuid|inet[46])$/.test(column.type)) {
    findings.add('warning', 'CONVERT_TEXT', path, `${column.type} becomes its text, in ${found?.type}`);
  }
  const typed = { ...column, ...(found ?? {}) };
  if (!isMariadb) return typed;
  const defaultExpression = toDefault(column.defaultExpression);
  if (defaultExpression === undefined) findings.stays('default of', name, table);
  return { ...typed, defaultExpression: defaultExpression ?? null };
}

/** MariaDB keeps every default as an expression. Null for none, undefined for one that MySQL may not have. */
function toDefault(expression: string | null): string | null | undefined {
  if (expression === null) return null;
  const now = /^(?:current_timestamp|now)\((\d?)\)$/i.exec(expression);
  if (now !== null) return `CURRENT_TIMESTAMP${now[1] ? `(${now[1]})` : ''}`;
  const isLiteral = /^(-?\d+(\.\d+)?(e[+-]?\d+)?|[bx]?'([^'\\]|''|\\.)*')$/is.test(expression);
  if (isLiteral) return expression;
  return /^(uuid|curdate|curtime|utc_timestamp|unix_timestamp|rand)\(\d?\)$|^\([-+*/\d.() ]+\)$/i.test(expression)
    ? expression
    : undefined;
}

/** A condition that both have: in the small language, or the one that makes a text JSON. */
function isKept(condition: string): boolean {
  return /^\(json_valid\(`(?:[^`]|``)*`\)\)$/.test(condition) || isCommon(condition, MYSQL);
}
