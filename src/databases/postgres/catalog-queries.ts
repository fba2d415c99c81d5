// What the catalog is read with: the tables, partitioned ones among them, their columns, constraints, indexes and
// sequences. Texts come out qualified when the session's search_path is pg_catalog.

import { IS_SELECTED } from './selection.ts';

// A NOT NULL that was never validated (PostgreSQL 18) does not hold for the rows that are there already.
const IS_NOT_NULL = `(a.attnotnull AND NOT EXISTS (
  SELECT FROM pg_constraint v
  WHERE v.conrelid = a.attrelid AND v.contype = 'n' AND v.conkey = ARRAY[a.attnum] AND NOT v.convalidated))`;

/** A list of storage parameters as one action: `SET (fillfactor='70')`. */
const parameters = (options: string, prefix: string): string => `
  (SELECT string_agg(concat('${prefix}', quote_ident(o.option_name), '=', quote_literal(o.option_value)), ', ')
   FROM pg_options_to_table(${options}) o)`;

/** What a table uses index \`i\` for. An index that is made again has lost it. */
const ROLES = `
(SELECT json_agg(r.action || quote_ident(x.relname)) FROM (VALUES
   (i.indisclustered, 'CLUSTER ON '), (i.indisreplident AND c.relreplident = 'i', 'REPLICA IDENTITY USING INDEX ')
 ) AS r(holds, action) WHERE r.holds)`;

// A row is found by the primary key, else by the narrowest unique index that is as good as one; with another collation than
// its column's it is not, as nothing would be found by it, and more may be equal for it than for the column. Of a partitioned table
// only the primary key matters: any other unique index of its would make one on every partition before the copy.
export const TABLES = `
SELECT c.oid, n.nspname, c.relname, c.relkind, c.relnatts, greatest(c.reltuples, 0)::bigint AS rows,
       coalesce(pg_relation_size(c.oid), 0) AS bytes,
       x.relname AS key_name, array_to_string((i.indkey::int2[])[0:i.indnkeyatts - 1], ',') AS key,
       CASE WHEN k.oid IS NULL THEN 'index' ELSE 'constraint' END AS key_kind,
       coalesce(pg_get_constraintdef(k.oid), pg_get_indexdef(i.indexrelid)) AS definition,
       coalesce(obj_description(k.oid, 'pg_constraint'), obj_description(i.indexrelid, 'pg_class')) AS key_comment,
       ${ROLES} AS key_roles,
       EXISTS (SELECT FROM pg_index o WHERE o.indrelid = c.oid AND (o.indisunique OR o.indisexclusion)
                 AND o.indexrelid IS DISTINCT FROM i.indexrelid) AS otherwise_unique,
       i.indimmediate AS key_immediate,
       NOT EXISTS (
         SELECT FROM pg_attribute a JOIN pg_collation l ON l.oid = a.attcollation
         WHERE a.attrelid = c.oid AND a.attnum = ANY (i.indkey::int2[]) AND NOT l.collisdeterministic) AS key_divides,
       pg_get_partkeydef(c.oid) AS partition_by, pg_get_expr(c.relpartbound, c.oid) AS bound,
       (SELECT string_agg(h.inhparent::text, ',' ORDER BY h.inhseqno) FROM pg_inherits h WHERE h.inhrelid = c.oid) AS parents,
       CASE WHEN c.relispartition THEN (SELECT count(*) FROM pg_partition_ancestors(c.oid)) ELSE 0 END AS depth,
       concat_ws(', ', ${parameters('c.reloptions', '')}, ${parameters('t.reloptions', 'toast.')}) AS parameters,
       CASE c.relreplident WHEN 'f' THEN 'FULL' WHEN 'n' THEN 'NOTHING' END AS identity,
       obj_description(c.oid, 'pg_class') AS comment
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_class t ON t.oid = c.reltoastrelid
LEFT JOIN LATERAL (
  SELECT u.* FROM pg_index u
  WHERE u.indrelid = c.oid AND u.indisunique AND u.indisvalid
    AND NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attgenerated <> ''
                      AND a.attnum = ANY ((u.indkey::int2[])[0:u.indnkeyatts - 1]))
    AND NOT EXISTS (SELECT FROM unnest(u.indkey::int2[], u.indcollation::oid[]) AS p(attnum, coll)
                    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = p.attnum WHERE a.attcollation <> p.coll)
    AND (u.indisprimary OR (c.relkind = 'r' AND u.indimmediate AND u.indpred IS NULL AND u.indexprs IS NULL AND NOT EXISTS (
      SELECT FROM pg_attribute a
      WHERE a.attrelid = c.oid AND a.attnum = ANY ((u.indkey::int2[])[0:u.indnkeyatts - 1])
        AND NOT ${IS_NOT_NULL})))
  ORDER BY u.indisprimary DESC, u.indnkeyatts, u.indexrelid LIMIT 1
) i ON true
LEFT JOIN pg_class x ON x.oid = i.indexrelid
LEFT JOIN pg_constraint k ON k.conindid = i.indexrelid AND k.contype IN ('p', 'u') AND k.conrelid = c.oid
WHERE c.relkind IN ('r', 'p') AND ${IS_SELECTED}
ORDER BY n.nspname, c.relname`;

// Partitions share the identity of their table from PostgreSQL 17 on; it is made with that table.
export const COLUMNS = `
SELECT a.attrelid, a.attnum, a.attname, a.atttypid, a.attgenerated,
       CASE WHEN r.relispartition THEN '' ELSE a.attidentity END AS attidentity,
       format_type(a.atttypid, a.atttypmod) AS type, format_type(a.atttypid, -1) AS cast_type,
       CASE WHEN a.attcollation <> t.typcollation AND l.oid IS NOT NULL
            THEN quote_ident(ln.nspname) || '.' || quote_ident(l.collname) END AS collation,
       ${IS_NOT_NULL} AS not_null, nn.conname AS not_null_name,
       pg_get_expr(d.adbin, d.adrelid) AS expression,
       CASE WHEN a.attstorage <> t.typstorage THEN 'SET STORAGE ' || CASE a.attstorage
         WHEN 'p' THEN 'PLAIN' WHEN 'e' THEN 'EXTERNAL' WHEN 'm' THEN 'MAIN' ELSE 'EXTENDED' END END AS storage,
       CASE a.attcompression WHEN 'p' THEN 'SET COMPRESSION pglz' WHEN 'l' THEN 'SET COMPRESSION lz4' END AS compression,
       CASE WHEN a.attstattarget >= 0 THEN 'SET STATISTICS ' || a.attstattarget END AS statistics,
       ${parameters('a.attoptions', '')} AS parameters,
       col_description(a.attrelid, a.attnum) AS comment
FROM pg_attribute a
JOIN pg_class r ON r.oid = a.attrelid
JOIN pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_collation l ON l.oid = a.attcollation
LEFT JOIN pg_namespace ln ON ln.oid = l.collnamespace
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
LEFT JOIN pg_constraint nn ON nn.conrelid = a.attrelid AND nn.contype = 'n' AND nn.conkey = ARRAY[a.attnum]
WHERE a.attrelid = ANY ($1::oid[]) AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attrelid, a.attnum`;

// A foreign key to a partitioned table has one more for each of its partitions, which come with it.
export const CONSTRAINTS = `
SELECT k.conrelid AS table_oid, CASE k.contype WHEN 'n' THEN 'c' ELSE k.contype END AS kind, k.conname AS name,
       pg_get_constraintdef(k.oid) AS definition, obj_description(k.oid, 'pg_constraint') AS comment,
       k.confrelid AS references, ${ROLES} AS roles
FROM pg_constraint k
JOIN pg_class c ON c.oid = k.conrelid
LEFT JOIN pg_index i ON i.indexrelid = k.conindid AND k.contype IN ('u', 'x')
LEFT JOIN pg_class x ON x.oid = i.indexrelid
LEFT JOIN pg_constraint p ON p.oid = k.conparentid
WHERE k.conrelid = ANY ($1::oid[])
  AND (k.contype IN ('c', 'u', 'x') OR (k.contype = 'n' AND NOT k.convalidated)
       OR (k.contype = 'f' AND (p.oid IS NULL OR (p.conrelid <> k.conrelid AND p.confrelid = k.confrelid))))
ORDER BY k.conrelid, k.conname`;

// The text of a partitioned table's index says ONLY; without it the statement takes in the partitions' own indexes.
export const INDEXES = `
SELECT i.indrelid AS table_oid, 'i' AS kind, x.relname AS name,
       CASE WHEN x.relkind = 'I'
            THEN regexp_replace(pg_get_indexdef(i.indexrelid), '^(CREATE (UNIQUE )?INDEX ("([^"]|"")*"|[^ ]+) ON) ONLY ', '\\1 ')
            ELSE pg_get_indexdef(i.indexrelid) END AS definition,
       obj_description(i.indexrelid, 'pg_class') AS comment, 0 AS references, ${ROLES} AS roles
FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_class c ON c.oid = i.indrelid
WHERE i.indrelid = ANY ($1::oid[]) AND i.indisvalid
  AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x'))
ORDER BY i.indrelid, x.relname`;

// Sequences of the captured columns, those their defaults call, and free ones that the selection names.
export const SEQUENCES = `
WITH uses AS (
  SELECT u.refobjid AS sequence, string_agg(DISTINCT d.adrelid::text, ',') AS tables
  FROM pg_depend u JOIN pg_attrdef d ON d.oid = u.objid
  WHERE u.classid = 'pg_attrdef'::regclass AND u.refclassid = 'pg_class'::regclass AND d.adrelid = ANY ($4::oid[])
  GROUP BY u.refobjid
)
SELECT n.nspname, c.relname, format_type(q.seqtypid, NULL) AS type, q.seqstart, q.seqincrement, q.seqmin, q.seqmax,
       q.seqcache, q.seqcycle, o.refobjid AS table_oid, a.attname, coalesce(o.deptype = 'i', false) AS identity,
       u.tables AS users, obj_description(c.oid, 'pg_class') AS comment
FROM pg_sequence q
JOIN pg_class c ON c.oid = q.seqrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN uses u ON u.sequence = c.oid
LEFT JOIN pg_depend o ON o.classid = 'pg_class'::regclass AND o.objid = c.oid AND o.objsubid = 0
  AND o.refclassid = 'pg_class'::regclass AND o.refobjsubid > 0 AND o.deptype IN ('a', 'i')
LEFT JOIN pg_attribute a ON a.attrelid = o.refobjid AND a.attnum = o.refobjsubid
WHERE o.refobjid = ANY ($4::oid[]) OR u.sequence IS NOT NULL OR (o.refobjid IS NULL AND ${IS_SELECTED})
ORDER BY n.nspname, c.relname`;
