// Reads the types that tables use, the ones these are made of included, and the extensions that the tables need.

import { MigrateError } from '../../lib/errors.ts';
import type { ExtensionDefinition, NamedDefinition, TypeDefinition } from '../../model/catalog.ts';
import type { Session, TextRow } from './connection.ts';
import { field, isTrue } from './row.ts';
import type { TypeFacts } from './types.ts';

/** What a type is made of: the element of an array, the base of a domain, the attributes of a composite, … */
const PARTS = `
  SELECT e.oid, 0 AS place FROM pg_type e WHERE e.oid = t.typelem AND e.typarray = t.oid
  UNION ALL SELECT t.typbasetype, 0 WHERE t.typtype = 'd'
  UNION ALL SELECT a.atttypid, a.attnum FROM pg_attribute a
    WHERE t.typtype = 'c' AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
  UNION ALL SELECT r.rngsubtype, 0 FROM pg_range r WHERE t.typtype = 'r' AND r.rngtypid = t.oid
  UNION ALL SELECT r.rngtypid, 0 FROM pg_range r WHERE t.typtype = 'm' AND r.rngmultitypid = t.oid`;

/** Types that a domain's checks and default name. */
const MENTIONED = `
  SELECT d.refobjid FROM pg_depend d
  WHERE d.refclassid = 'pg_type'::regclass AND t.typtype = 'd' AND d.refobjid <> t.oid
    AND ((d.classid = 'pg_type'::regclass AND d.objid = t.oid)
      OR (d.classid = 'pg_constraint'::regclass AND d.objid IN (SELECT k.oid FROM pg_constraint k WHERE k.contypid = t.oid)))`;

/** A recursive query `used(oid)`: the types that `seed` returns, and all that these need. */
export function usedTypes(seed: string): string {
  return `used(oid) AS (
  ${seed}
  UNION
  SELECT p.oid FROM used u JOIN pg_type t ON t.oid = u.oid
  CROSS JOIN LATERAL (SELECT q.oid FROM (${PARTS}) q UNION ALL ${MENTIONED}) p(oid)
)`;
}

/** What follows the name of type `t` in the statement that creates it, checks and labels apart. */
export const TYPE_DEFINITION = `
CASE t.typtype
WHEN 'd' THEN (
  SELECT concat('AS ', format_type(t.typbasetype, t.typtypmod),
                CASE WHEN t.typcollation <> b.typcollation THEN ' COLLATE ' || t.typcollation::regcollation::text END,
                ' DEFAULT ' || pg_get_expr(t.typdefaultbin, 'pg_type'::regclass),
                CASE WHEN t.typnotnull THEN ' NOT NULL' END)
  FROM pg_type b WHERE b.oid = t.typbasetype)
WHEN 'c' THEN (
  SELECT 'AS (' || coalesce(string_agg(concat(
           quote_ident(a.attname), ' ', format_type(a.atttypid, a.atttypmod),
           CASE WHEN a.attcollation <> b.typcollation THEN ' COLLATE ' || a.attcollation::regcollation::text END),
           ', ' ORDER BY a.attnum), '') || ')'
  FROM pg_attribute a JOIN pg_type b ON b.oid = a.atttypid
  WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped)
WHEN 'r' THEN (
  SELECT concat('AS RANGE (subtype = ', format_type(r.rngsubtype, NULL),
                CASE WHEN NOT o.opcdefault
                     THEN ', subtype_opclass = ' || quote_ident(n.nspname) || '.' || quote_ident(o.opcname) END,
                CASE WHEN r.rngcollation <> b.typcollation THEN ', collation = ' || r.rngcollation::regcollation::text END,
                CASE WHEN r.rngsubdiff::oid <> 0 THEN ', subtype_diff = ' || r.rngsubdiff::text END,
                ', multirange_type_name = ' || r.rngmultitypid::regtype::text, ')')
  FROM pg_range r JOIN pg_type b ON b.oid = r.rngsubtype
  JOIN pg_opclass o ON o.oid = r.rngsubopc JOIN pg_namespace n ON n.oid = o.opcnamespace
  WHERE r.rngtypid = t.oid)
END`;

/** The labels of enum `t`, in order, as JSON. */
export const TYPE_LABELS = `
(SELECT json_agg(l.enumlabel ORDER BY l.enumsortorder) FROM pg_enum l WHERE l.enumtypid = t.oid)`;

/** The checks of domain `t`, as JSON. */
export const TYPE_CHECKS = `
(SELECT json_agg(json_build_object('name', k.conname, 'definition', pg_get_constraintdef(k.oid)) ORDER BY k.conname)
 FROM pg_constraint k WHERE k.contypid = t.oid AND k.contype = 'c')`;

/** What tables $1 consist of, in terms of pg_depend. */
const OBJECTS = `objects(class, oid) AS (
  SELECT 'pg_class'::regclass, unnest($1::oid[])
  UNION ALL SELECT 'pg_attrdef'::regclass, oid FROM pg_attrdef WHERE adrelid = ANY ($1::oid[])
  UNION ALL SELECT 'pg_constraint'::regclass, oid FROM pg_constraint WHERE conrelid = ANY ($1::oid[])
  UNION ALL SELECT 'pg_class'::regclass, indexrelid FROM pg_index WHERE indrelid = ANY ($1::oid[])
)`;

const TYPES = `
WITH RECURSIVE ${OBJECTS}, ${usedTypes(`
  SELECT a.atttypid FROM pg_attribute a
  WHERE a.attrelid = ANY ($1::oid[]) AND a.attnum > 0 AND NOT a.attisdropped
  UNION
  SELECT d.refobjid FROM objects o JOIN pg_depend d ON d.classid = o.class AND d.objid = o.oid
  WHERE d.refclassid = 'pg_type'::regclass`)}
SELECT t.oid, n.nspname, t.typname, t.typtype, t.typdelim, f.*,
       EXISTS (SELECT FROM pg_type e WHERE e.oid = t.typelem AND e.typarray = t.oid) AS is_array,
       coalesce(c.relkind <> 'c', false) AS is_row,
       EXISTS (SELECT FROM pg_range r WHERE r.rngtypid = t.oid AND r.rngcanonical::oid <> 0) AS is_canonical,
       (SELECT string_agg(p.oid::text, ',' ORDER BY p.place) FROM (${PARTS}) p) AS parts,
       (SELECT string_agg(m.oid::text, ',') FROM (${MENTIONED}) m(oid)) AS mentioned,
       CASE WHEN f.origin = 'user' THEN ${TYPE_DEFINITION} END AS definition,
       ${TYPE_LABELS} AS labels, ${TYPE_CHECKS} AS checks, obj_description(t.oid, 'pg_type') AS comment
FROM used u JOIN pg_type t ON t.oid = u.oid JOIN pg_namespace n ON n.oid = t.typnamespace
LEFT JOIN pg_class c ON c.oid = t.typrelid
CROSS JOIN LATERAL (SELECT CASE
  WHEN EXISTS (SELECT FROM pg_depend e
               WHERE e.classid = 'pg_type'::regclass AND e.objid = t.oid AND e.deptype = 'e') THEN 'extension'
  WHEN n.nspname IN ('pg_catalog', 'information_schema') THEN 'system'
  ELSE 'user' END AS origin) f
ORDER BY n.nspname, t.typname`;

const EXTENSIONS = `
WITH ${OBJECTS}, needed(class, oid) AS (
  SELECT d.refclassid, d.refobjid FROM (
    SELECT * FROM objects
    UNION ALL SELECT 'pg_type'::regclass, unnest($2::oid[])
    UNION ALL SELECT 'pg_constraint'::regclass, k.oid FROM pg_constraint k WHERE k.contypid = ANY ($2::oid[])
  ) o(class, oid) JOIN pg_depend d ON d.classid = o.class AND d.objid = o.oid
  UNION SELECT 'pg_type'::regclass, unnest($2::oid[])
)
SELECT DISTINCT x.extname, n.nspname
FROM needed o
JOIN pg_depend e ON e.classid = o.class AND e.objid = o.oid AND e.deptype = 'e'
JOIN pg_extension x ON e.refclassid = 'pg_extension'::regclass AND x.oid = e.refobjid
JOIN pg_namespace n ON n.oid = x.extnamespace
ORDER BY x.extname`;

export interface TypesInUse {
  /** Every type of a column, by the server's number, with what it is made of. */
  readonly facts: ReadonlyMap<string, TypeFacts>;
  /** What users created, in the order in which the types need each other. */
  readonly definitions: readonly TypeDefinition[];
  /** The server's numbers of `definitions`. */
  readonly created: readonly string[];
  readonly extensions: readonly ExtensionDefinition[];
}

/** The types of the tables with these numbers. The session's search_path must be pg_catalog. */
export async function readTypes(session: Session, tables: readonly string[]): Promise<TypesInUse> {
  const rows = new Map((await session.query(TYPES, [tables])).map((row) => [field(row, 'oid'), row]));
  const extensions = await session.query(EXTENSIONS, [tables, [...rows.keys()]]);
  const created = inOrder(rows).filter(isCreated);
  return {
    facts: toFacts(rows),
    definitions: created.map(toDefinition),
    created: created.map((row) => field(row, 'oid')),
    extensions: extensions.map((row) => ({ name: field(row, 'extname'), schema: field(row, 'nspname') })),
  };
}

/** An array and a multirange come with their type, a row type with its table. */
function isCreated(row: TextRow): boolean {
  return (
    field(row, 'origin') === 'user' &&
    !isTrue(row, 'is_array') &&
    !isTrue(row, 'is_row') &&
    'edcr'.includes(field(row, 'typtype'))
  );
}

function numbers(list: string | null | undefined): readonly string[] {
  return list === null || list === undefined ? [] : list.split(',');
}

/** Each type after those it needs; else by name, as the rows come. */
function inOrder(rows: ReadonlyMap<string, TextRow>): readonly TextRow[] {
  const ordered = new Set<TextRow>();
  const visited = new Set<TextRow>();
  const visit = (row: TextRow): void => {
    if (visited.has(row)) return;
    visited.add(row);
    for (const oid of [...numbers(row.parts), ...numbers(row.mentioned)]) {
      const needed = rows.get(oid);
      if (needed !== undefined) visit(needed);
    }
    ordered.add(row);
  };
  for (const row of rows.values()) visit(row);
  return [...ordered];
}

function toFacts(rows: ReadonlyMap<string, TextRow>): ReadonlyMap<string, TypeFacts> {
  const facts = new Map<string, TypeFacts>();
  const factsOf = (oid: string): TypeFacts => {
    const known = facts.get(oid);
    if (known !== undefined) return known;
    const row = rows.get(oid);
    if (row === undefined) throw new MigrateError('INTERNAL.BUG', `type ${oid} was not read`);
    const origin = field(row, 'origin');
    const made: TypeFacts = {
      schema: field(row, 'nspname'),
      name: field(row, 'typname'),
      kind: field(row, 'typtype'),
      origin: origin === 'system' || origin === 'extension' ? origin : 'user',
      isArray: isTrue(row, 'is_array'),
      delimiter: field(row, 'typdelim'),
      isRow: isTrue(row, 'is_row'),
      isCanonical: isTrue(row, 'is_canonical'),
      // A row type is not looked into: its table may have columns of any type, its own included.
      parts: isTrue(row, 'is_row') ? [] : numbers(row.parts).map(factsOf),
    };
    facts.set(oid, made);
    return made;
  };
  for (const oid of rows.keys()) factsOf(oid);
  return facts;
}

function toDefinition(row: TextRow): TypeDefinition {
  const name = { schema: field(row, 'nspname'), name: field(row, 'typname') };
  const kind = field(row, 'typtype');
  const comment = row.comment ?? null;
  if (kind === 'e') return { kind: 'enum', ...name, comment, labels: JSON.parse(row.labels ?? '[]') as string[] };
  return {
    kind: kind === 'd' ? 'domain' : kind === 'c' ? 'composite' : 'range',
    ...name,
    comment,
    definition: field(row, 'definition'),
    checks: JSON.parse(row.checks ?? '[]') as NamedDefinition[],
  };
}
