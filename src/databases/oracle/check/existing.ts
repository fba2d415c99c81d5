// The preflight of a target whose tables were made by hand: each must take every row of the source as it is.

import type { ColumnDefinition, TableDefinition } from '../../../model/catalog.ts';
import type { Finding } from '../../../model/finding.ts';
import { errorFinding, infoFinding } from '../../findings.ts';
import { readUnique } from '../existing.ts';
import { filledTables } from '../filled.ts';
import {
  Additions,
  type ConstraintState,
  nameOf,
  readConstraints,
  readRelations,
  schemasOf,
  text,
} from '../schema-state.ts';
import { quoteLiteral, quoteName, quoteTable } from '../sql.ts';
import type { TargetCheck, TargetSubject } from './target.ts';

export const checkExisting: TargetCheck = async (subject) => {
  const { session, catalog } = subject;
  const there = await readRelations(session, schemasOf(catalog));
  const isThere = ({ table }: TableDefinition): boolean => there.get(nameOf(table)) === 'TABLE';
  const standing = catalog.tables.filter(isThere);
  const found = await readColumns(subject);
  const unique = await readUnique(session, catalog);
  const additions = await Additions.read(session, catalog);
  const constraints = [...(await readConstraints(session, schemasOf(catalog))).values()];
  const filled = await filledTables(
    session,
    standing.map(({ table }) => table),
  );
  return [
    ...catalog.tables.filter((definition) => !isThere(definition)).map(missing),
    ...standing.flatMap((definition) => [
      ...columns(definition, found.get(nameOf(definition.table)) ?? new Map()),
      ...key(definition, unique.get(nameOf(definition.table)) ?? []),
      ...acting(definition, constraints),
      ...lacking(definition, additions),
    ]),
    ...filled.map((table) =>
      errorFinding({
        code: 'TARGET_ROWS',
        subject: table.id,
        message: 'it has rows',
        cure: `TRUNCATE TABLE ${quoteTable(table)}; -- on the target`,
      }),
    ),
  ];
};

function missing({ table }: TableDefinition): Finding {
  return errorFinding({
    code: 'TARGET_TABLE',
    subject: table.id,
    message: 'the target does not have it as a table',
    cure: `Make ${quoteTable(table)} on the target, or exclude it.`,
  });
}

interface FoundColumn {
  /** As a definition has it: `VARCHAR2(20 CHAR)`. */
  readonly type: string;
  readonly mayBeNull: boolean;
  readonly isComputed: boolean;
  readonly hasDefault: boolean;
}

type FoundColumns = ReadonlyMap<string, FoundColumn>;

async function readColumns({ session, catalog }: TargetSubject): Promise<ReadonlyMap<string, FoundColumns>> {
  const schemas = schemasOf(catalog).map(quoteLiteral).join(', ');
  if (schemas === '') return new Map();
  const rows = await session.query(
    `SELECT OWNER, TABLE_NAME, COLUMN_NAME, DATA_TYPE, DATA_LENGTH, DATA_PRECISION, DATA_SCALE, CHAR_LENGTH, CHAR_USED,
       NULLABLE, VIRTUAL_COLUMN, DEFAULT_LENGTH FROM ALL_TAB_COLS WHERE HIDDEN_COLUMN = 'NO' AND OWNER IN (${schemas})`,
  );
  const tables = new Map<string, Map<string, FoundColumn>>();
  for (const row of rows) {
    const [schema, table, name, type, length, precision, scale, characters, used, nullable, computed, given] =
      row.map(text);
    const place = nameOf({ schema: schema ?? '', name: table ?? '' });
    const columns = tables.get(place) ?? new Map<string, FoundColumn>();
    const sizes = { length, precision, scale, characters, used };
    columns.set(name ?? '', {
      type: typeText(type ?? '', sizes),
      mayBeNull: nullable !== 'N',
      isComputed: computed === 'YES',
      hasDefault: given !== '',
    });
    tables.set(place, columns);
  }
  return tables;
}

type Sizes = Readonly<Record<'length' | 'precision' | 'scale' | 'characters' | 'used', string | undefined>>;

/** The dictionary spells moments and intervals out, and keeps the sizes of the others apart. */
function typeText(type: string, { length, precision, scale, characters, used }: Sizes): string {
  if (/^(VARCHAR2|CHAR)$/.test(type)) return used === 'C' ? `${type}(${characters} CHAR)` : `${type}(${length})`;
  if (/^N(VARCHAR2|CHAR)$/.test(type)) return `${type}(${characters})`;
  if (type === 'RAW') return `${type}(${length})`;
  if (type !== 'NUMBER' || (precision === '' && scale === '')) return type;
  if (precision === '') return 'NUMBER(38)';
  return scale === '0' ? `NUMBER(${precision})` : `NUMBER(${precision},${scale})`;
}

function columns(wanted: TableDefinition, there: FoundColumns): readonly Finding[] {
  const left = new Map(there);
  const findings: Finding[] = [];
  const wrong = (name: string, message: string, action: string): void => {
    const cure = `ALTER TABLE ${quoteTable(wanted.table)} ${action}; -- on the target`;
    findings.push(errorFinding({ code: 'TARGET_COLUMN', subject: `${wanted.table.id}.${name}`, message, cure }));
  };
  for (const column of wanted.columns) {
    const { name, type } = column;
    const found = left.get(name);
    left.delete(name);
    // Computed by each side for itself.
    if (column.generated !== null) continue;
    if (found === undefined) wrong(name, 'the target does not have it', `ADD (${quoteName(name)} ${type})`);
    else {
      const message = mismatch(column, found);
      const change = `${quoteName(name)} ${type}${found.mayBeNull || column.notNull ? '' : ' NULL'}`;
      if (message !== undefined) wrong(name, message, `MODIFY (${change})`);
    }
  }
  for (const [name, { mayBeNull, isComputed, hasDefault }] of left) {
    if (mayBeNull || isComputed || hasDefault) continue;
    wrong(name, 'the source does not have it, and it must not be null', `MODIFY (${quoteName(name)} NULL)`);
  }
  return findings;
}

/** Undefined when the column of the target takes every value. */
function mismatch(wanted: ColumnDefinition, there: FoundColumn): string | undefined {
  if (there.isComputed) return 'the target computes it';
  if (!holds(there.type, wanted.type)) return `it is to be ${wanted.type} and is ${there.type} on the target`;
  return !there.mayBeNull && !wanted.notNull ? 'it may be null on the source' : undefined;
}

const SIZED = /^(\w+)\((\d+)(?:,(-?\d+))?( CHAR| BYTE)?\)$/;

/** The same type, or one of its kind with at least as much room. */
function holds(there: string, wanted: string): boolean {
  const same = (type: string): string => type.replace(/,0\)$/, ')').replace(/ BYTE\)$/, ')');
  if (same(there) === same(wanted)) return true;
  const [to, from] = [SIZED.exec(there), SIZED.exec(wanted)];
  if (there === 'NUMBER') return wanted.startsWith('NUMBER');
  if (to === null || from === null || to[1] !== from[1]) return false;
  const scales = [Number(to[3] ?? 0), Number(from[3] ?? 0)] as const;
  if (to[1] === 'NUMBER') return scales[0] >= scales[1] && Number(to[2]) - scales[0] >= Number(from[2]) - scales[1];
  // Of fixed lengths each is another; a limit in bytes is none in characters.
  return /^(VARCHAR2|RAW)$/.test(to[1] ?? '') && to[4] === from[4] && Number(to[2]) >= Number(from[2]);
}

/** Any order of the same columns, which must be what finds a row on the target, too. */
function key({ table }: TableDefinition, unique: readonly (readonly string[])[]): readonly Finding[] {
  if (table.identity === 'row') return [];
  const names = table.key.map((index) => table.columns[index]?.name ?? '');
  const listed = (list: readonly string[]): string => JSON.stringify(list.toSorted());
  if (unique.some((columns) => listed(columns) === listed(names))) return [];
  return [
    errorFinding({
      code: 'TARGET_KEY',
      subject: table.id,
      message: 'the columns by which its rows are found are not unique on the target',
      cure: `ALTER TABLE ${quoteTable(table)} ADD UNIQUE (${names.map(quoteName).join(', ')}); -- on the target`,
    }),
  ];
}

/** Rows come in an order of their own: a foreign key that is enabled would refuse some, and may delete others. */
function acting({ table }: TableDefinition, constraints: readonly ConstraintState[]): readonly Finding[] {
  return constraints
    .filter(({ kind, enabled, table: on }) => kind === 'R' && enabled && nameOf(on) === nameOf(table))
    .map(({ name }) =>
      errorFinding({
        code: 'TARGET_FIRES',
        subject: `foreign key ${quoteName(name)} on ${table.id}`,
        message: 'it would refuse rows that the run writes in an order of its own',
        cure: `ALTER TABLE ${quoteTable(table)} MODIFY CONSTRAINT ${quoteName(name)} DISABLE; -- on the target; ENABLE VALIDATE after the cutover`,
      }),
    );
}

/** By name; the run does not make them. */
function lacking(wanted: TableDefinition, there: Additions): readonly Finding[] {
  const { table, uniqueConstraints, foreignKeys, checks, indexes } = wanted;
  const names = [
    ...[...uniqueConstraints, ...foreignKeys, ...checks]
      .filter(({ name }) => !there.has(table, { kind: 'constraint', name }))
      .map(({ name }) => name),
    ...indexes.filter(({ name }) => !there.has(table, { kind: 'index', name })).map(({ name }) => name),
  ];
  if (names.length === 0) return [];
  return [
    infoFinding({ code: 'TARGET_LACKS', subject: table.id, message: `the target does not have ${names.join(', ')}` }),
  ];
}
