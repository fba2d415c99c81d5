// Reads the selected tables and what belongs to them, in one snapshot. Tables that cannot be described (partitioned,
// foreign) are left out: the preflight names them.

import type {
  Catalog,
  ColumnDefinition,
  EnumDefinition,
  NamedDefinition,
  SequenceDefinition,
  TableDefinition,
} from '../../model/catalog.ts';
import { type Column, type TableId, tableId } from '../../model/table.ts';
import type { TableSelection } from '../source.ts';
import { NOT_CARRIED } from './catalog-rest.ts';
import type { Session, TextRow } from './connection.ts';
import { field, isTrue } from './row.ts';
import { IS_SELECTED, selectionValues } from './selection.ts';

// A NOT NULL that was never validated (PostgreSQL 18) does not hold for the rows that are there already.
const IS_NOT_NULL = `(a.attnotnull AND NOT EXISTS (
  SELECT FROM pg_constraint v
  WHERE v.conrelid = a.attrelid AND v.contype = 'n' AND v.conkey = ARRAY[a.attnum] AND NOT v.convalidated))`;

// A row is found by the primary key, else by the narrowest unique index that is as good as one.
const TABLES = `
SELECT c.oid, n.nspname, c.relname, greatest(c.reltuples, 0)::bigint AS rows,
       coalesce(pg_relation_size(c.oid), 0) AS bytes,
       x.relname AS key_name, array_to_string((i.indkey::int2[])[0:i.indnkeyatts - 1], ',') AS key,
       CASE WHEN k.oid IS NULL THEN 'index' ELSE 'constraint' END AS key_kind,
       coalesce(pg_get_constraintdef(k.oid), pg_get_indexdef(i.indexrelid)) AS definition,
       EXISTS (SELECT FROM pg_index o WHERE o.indrelid = c.oid AND (o.indisunique OR o.indisexclusion)
                 AND o.indexrelid IS DISTINCT FROM i.indexrelid) AS otherwise_unique
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN LATERAL (
  SELECT u.* FROM pg_index u
  WHERE u.indrelid = c.oid AND u.indisunique AND u.indisvalid
    AND (u.indisprimary OR (u.indimmediate AND u.indpred IS NULL AND u.indexprs IS NULL AND NOT EXISTS (
      SELECT FROM pg_attribute a
      WHERE a.attrelid = c.oid AND a.attnum = ANY ((u.indkey::int2[])[0:u.indnkeyatts - 1])
        AND NOT ${IS_NOT_NULL})))
  ORDER BY u.indisprimary DESC, u.indnkeyatts, u.indexrelid LIMIT 1
) i ON true
LEFT JOIN pg_class x ON x.oid = i.indexrelid
LEFT JOIN pg_constraint k ON k.conindid = i.indexrelid AND k.contype IN ('p', 'u') AND k.conrelid = c.oid
WHERE c.relkind = 'r' AND ${IS_SELECTED}
ORDER BY n.nspname, c.relname`;

const COLUMNS = `
SELECT a.attrelid, a.attnum, a.attname, a.attidentity,
       format_type(a.atttypid, a.atttypmod) AS type, format_type(a.atttypid, -1) AS cast_type,
       e.oid IS NOT NULL AS is_array,
       e.typnamespace IS NULL OR e.typnamespace = 'pg_catalog'::regnamespace AS portable,
       CASE WHEN a.attcollation <> t.typcollation AND l.oid IS NOT NULL
            THEN quote_ident(ln.nspname) || '.' || quote_ident(l.collname) END AS collation,
       ${IS_NOT_NULL} AS not_null,
       CASE WHEN a.attgenerated = '' THEN pg_get_expr(d.adbin, d.adrelid) END AS default_expression
FROM pg_attribute a
JOIN pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_type e ON e.oid = t.typelem AND e.typarray = t.oid
LEFT JOIN pg_collation l ON l.oid = a.attcollation
LEFT JOIN pg_namespace ln ON ln.oid = l.collnamespace
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attrelid = ANY ($1::oid[]) AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attrelid, a.attnum`;

const CONSTRAINTS = `
SELECT conrelid AS table_oid, contype AS kind, conname AS name, pg_get_constraintdef(oid) AS definition
FROM pg_constraint
WHERE conrelid = ANY ($1::oid[]) AND contype IN ('c', 'u', 'x', 'f')
ORDER BY conrelid, conname`;

const INDEXES = `
SELECT i.indrelid AS table_oid, 'i' AS kind, c.relname AS name, pg_get_indexdef(i.indexrelid) AS definition
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
WHERE i.indrelid = ANY ($1::oid[]) AND i.indisvalid
  AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x'))
ORDER BY i.indrelid, c.relname`;

const ENUMS = `
SELECT n.nspname, t.typname, l.enumlabel
FROM pg_type t
JOIN pg_namespace n ON n.oid = t.typnamespace
JOIN pg_enum l ON l.enumtypid = t.oid
WHERE EXISTS (SELECT FROM pg_attribute a
              WHERE a.attrelid = ANY ($1::oid[]) AND a.attnum > 0 AND NOT a.attisdropped
                AND a.atttypid IN (t.oid, t.typarray))
ORDER BY n.nspname, t.typname, l.enumsortorder`;

// Sequences of the captured columns, those their defaults call, and free ones that the selection names.
const SEQUENCES = `
SELECT n.nspname, c.relname, format_type(q.seqtypid, NULL) AS type, q.seqstart, q.seqincrement, q.seqmin, q.seqmax,
       q.seqcache, q.seqcycle, o.refobjid AS table_oid, a.attname, coalesce(o.deptype = 'i', false) AS identity
FROM pg_sequence q
JOIN pg_class c ON c.oid = q.seqrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_depend o ON o.classid = 'pg_class'::regclass AND o.objid = c.oid AND o.objsubid = 0
  AND o.refclassid = 'pg_class'::regclass AND o.refobjsubid > 0 AND o.deptype IN ('a', 'i')
LEFT JOIN pg_attribute a ON a.attrelid = o.refobjid AND a.attnum = o.refobjsubid
WHERE o.refobjid = ANY ($3::oid[])
   OR EXISTS (SELECT FROM pg_depend u JOIN pg_attrdef d ON d.oid = u.objid
              WHERE u.classid = 'pg_attrdef'::regclass AND u.refclassid = 'pg_class'::regclass
                AND u.refobjid = c.oid AND d.adrelid = ANY ($3::oid[]))
   OR (o.refobjid IS NULL AND ${IS_SELECTED})
ORDER BY n.nspname, c.relname`;

/** Types of which two values are equal exactly when their texts are. */
const EQUAL_AS_TEXT: ReadonlySet<string> = new Set([
  'smallint',
  'integer',
  'bigint',
  'boolean',
  'bytea',
  'character varying',
  'date',
  'text',
  'timestamp with time zone',
  'timestamp without time zone',
  'uuid',
]);

/** The schema of the selected tables. Names and texts come out qualified: the session's search_path is pg_catalog. */
export function readCatalog(session: Session, selection: TableSelection): Promise<Catalog> {
  return session.transaction(() => readAll(session, selection), 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
}

async function readAll(session: Session, selection: TableSelection): Promise<Catalog> {
  const values = selectionValues(selection);
  const rows = await session.query(TABLES, values);
  const oids = rows.map((row) => field(row, 'oid'));
  const columns = groupBy(await session.query(COLUMNS, [oids]), 'attrelid');
  const objects = groupBy(
    [...(await session.query(CONSTRAINTS, [oids])), ...(await session.query(INDEXES, [oids]))],
    'table_oid',
  );
  const tables = rows.map((row) => {
    const oid = field(row, 'oid');
    return toTable(row, columns.get(oid) ?? [], objects.get(oid) ?? []);
  });
  const ids = new Map(tables.map((definition, index) => [oids[index], definition.table.id]));
  const enums = toEnums(await session.query(ENUMS, [oids]));
  const sequences = (await session.query(SEQUENCES, [...values, oids])).map((row) => toSequence(row, ids));
  const schemas = [
    ...new Set([
      ...tables.map(({ table }) => table.schema),
      ...enums.map(({ schema }) => schema),
      ...sequences.map(({ schema }) => schema),
    ]),
  ].sort();
  const tableSchemas = [...new Set(tables.map(({ table }) => table.schema))];
  const rest = await session.query(NOT_CARRIED, [oids, tableSchemas]);
  return { tables, enums, sequences, schemas, notCarried: rest.map((row) => field(row, 'object')) };
}

function groupBy(rows: readonly TextRow[], name: string): ReadonlyMap<string, readonly TextRow[]> {
  const groups = new Map<string, TextRow[]>();
  for (const row of rows) {
    const group = groups.get(field(row, name));
    if (group === undefined) groups.set(field(row, name), [row]);
    else group.push(row);
  }
  return groups;
}

function toTable(row: TextRow, columns: readonly TextRow[], objects: readonly TextRow[]): TableDefinition {
  const schema = field(row, 'nspname');
  const name = field(row, 'relname');
  // Attribute numbers have gaps where columns were dropped.
  const order = new Map(columns.map((column, index) => [field(column, 'attnum'), index]));
  const keyed = row.key_name !== null;
  const key = keyed
    ? field(row, 'key')
        .split(',')
        .map((number) => order.get(number) ?? -1)
    : columns.map((_, index) => index);
  const named = (kinds: string): readonly NamedDefinition[] =>
    objects
      .filter((object) => kinds.includes(field(object, 'kind')))
      .map((object) => ({ name: field(object, 'name'), definition: field(object, 'definition') }));
  return {
    table: {
      id: tableId(schema, name),
      schema,
      name,
      columns: columns.map(toColumn),
      key,
      identity: keyed ? 'key' : 'row',
      spread:
        keyed &&
        !isTrue(row, 'otherwise_unique') &&
        key.every((index) => EQUAL_AS_TEXT.has(columns[index]?.cast_type ?? '')),
      rowEstimate: Number(field(row, 'rows')),
      byteEstimate: Number(field(row, 'bytes')),
    },
    columns: columns.map(toColumnDefinition),
    key: keyed
      ? {
          name: field(row, 'key_name'),
          kind: row.key_kind === 'index' ? 'index' : 'constraint',
          definition: field(row, 'definition'),
        }
      : null,
    checks: named('c'),
    uniqueConstraints: named('ux').filter(({ name: other }) => other !== row.key_name),
    indexes: named('i').filter(({ name: other }) => other !== row.key_name),
    foreignKeys: named('f'),
  };
}

function toColumn(row: TextRow): Column {
  return {
    name: field(row, 'attname'),
    type: field(row, 'type'),
    castType: field(row, 'cast_type'),
    isArray: isTrue(row, 'is_array'),
    // An array's binary form starts with its element's number, which only the system's own types have in common.
    binaryPortable: isTrue(row, 'portable'),
  };
}

function toColumnDefinition(row: TextRow): ColumnDefinition {
  const identity = field(row, 'attidentity');
  return {
    name: field(row, 'attname'),
    type: field(row, 'type'),
    collation: row.collation ?? null,
    notNull: isTrue(row, 'not_null'),
    defaultExpression: row.default_expression ?? null,
    identity: identity === 'a' ? 'always' : identity === 'd' ? 'by default' : null,
  };
}

function toEnums(rows: readonly TextRow[]): readonly EnumDefinition[] {
  const enums = new Map<TableId, { schema: string; name: string; labels: string[] }>();
  for (const row of rows) {
    const schema = field(row, 'nspname');
    const name = field(row, 'typname');
    const id = tableId(schema, name);
    const known = enums.get(id);
    if (known === undefined) enums.set(id, { schema, name, labels: [field(row, 'enumlabel')] });
    else known.labels.push(field(row, 'enumlabel'));
  }
  return [...enums.values()];
}

function toSequence(row: TextRow, tables: ReadonlyMap<string | undefined, TableId>): SequenceDefinition {
  const table = row.table_oid === null ? undefined : tables.get(field(row, 'table_oid'));
  return {
    schema: field(row, 'nspname'),
    name: field(row, 'relname'),
    type: field(row, 'type'),
    start: field(row, 'seqstart'),
    increment: field(row, 'seqincrement'),
    minimum: field(row, 'seqmin'),
    maximum: field(row, 'seqmax'),
    cache: field(row, 'seqcache'),
    cycle: isTrue(row, 'seqcycle'),
    // The owner may be a table that is not captured; then the sequence stands alone on the target.
    owner: table === undefined ? null : { table, column: field(row, 'attname'), identity: isTrue(row, 'identity') },
  };
}
