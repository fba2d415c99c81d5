// The objects around the captured tables that a run does not carry.

// $1 = the captured tables, $2 = their schemas. Triggers of the run's own fence are not the user's, and what an
// extension or a range type brings comes with it.
export const NOT_CARRIED = `
WITH captured AS (
  SELECT c.*, quote_ident(n.nspname) || '.' || quote_ident(c.relname) AS id
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.oid = ANY ($1::oid[])
), spaces AS (
  SELECT oid, quote_ident(nspname) AS id FROM pg_namespace WHERE nspname = ANY ($2::text[])
), objects(class, oid, object) AS (
  SELECT 'pg_class'::regclass, c.oid,
         CASE c.relkind WHEN 'v' THEN 'view ' WHEN 'm' THEN 'materialized view ' ELSE 'foreign table ' END
         || s.id || '.' || quote_ident(c.relname)
  FROM pg_class c JOIN spaces s ON s.oid = c.relnamespace WHERE c.relkind IN ('v', 'm', 'f')
  UNION ALL
  SELECT 'pg_proc'::regclass, p.oid,
         CASE p.prokind WHEN 'p' THEN 'procedure ' WHEN 'a' THEN 'aggregate ' ELSE 'function ' END
         || p.oid::regprocedure::text
  FROM pg_proc p JOIN spaces s ON s.oid = p.pronamespace
  UNION ALL
  SELECT 'pg_type'::regclass, t.oid,
         CASE t.typtype WHEN 'd' THEN 'domain ' WHEN 'e' THEN 'unused enum ' WHEN 'c' THEN 'composite type '
                        ELSE 'range type ' END || s.id || '.' || quote_ident(t.typname)
  FROM pg_type t JOIN spaces s ON s.oid = t.typnamespace
  WHERE t.typtype IN ('d', 'r')
     OR (t.typtype = 'c' AND EXISTS (SELECT FROM pg_class c WHERE c.oid = t.typrelid AND c.relkind = 'c'))
     OR (t.typtype = 'e' AND NOT EXISTS (
           SELECT FROM pg_attribute a WHERE a.attrelid IN (SELECT oid FROM captured) AND a.attnum > 0
             AND NOT a.attisdropped AND a.atttypid IN (t.oid, t.typarray)))
  UNION ALL
  SELECT 'pg_trigger'::regclass, t.oid, 'trigger ' || quote_ident(t.tgname) || ' on ' || c.id
  FROM pg_trigger t JOIN captured c ON c.oid = t.tgrelid JOIN pg_proc p ON p.oid = t.tgfoid
  WHERE NOT t.tgisinternal AND p.pronamespace IS DISTINCT FROM to_regnamespace('migrate')::oid
  UNION ALL
  SELECT 'pg_rewrite'::regclass, r.oid, 'rule ' || quote_ident(r.rulename) || ' on ' || c.id
  FROM pg_rewrite r JOIN captured c ON c.oid = r.ev_class
  UNION ALL
  SELECT 'pg_policy'::regclass, p.oid, 'policy ' || quote_ident(p.polname) || ' on ' || c.id
  FROM pg_policy p JOIN captured c ON c.oid = p.polrelid
  UNION ALL
  SELECT 'pg_statistic_ext'::regclass, x.oid, 'statistics ' || quote_ident(x.stxname) || ' on ' || c.id
  FROM pg_statistic_ext x JOIN captured c ON c.oid = x.stxrelid
  UNION ALL
  SELECT 'pg_class'::regclass, i.indexrelid, 'invalid index ' || quote_ident(x.relname) || ' on ' || c.id
  FROM pg_index i JOIN captured c ON c.oid = i.indrelid JOIN pg_class x ON x.oid = i.indexrelid
  WHERE NOT i.indisvalid
  UNION ALL
  SELECT 'pg_extension'::regclass, e.oid, 'extension ' || quote_ident(e.extname)
  FROM pg_extension e WHERE e.extname <> 'plpgsql'
  UNION ALL
  SELECT 'pg_class'::regclass, c.oid, 'privileges on ' || c.id FROM captured c
  WHERE c.relacl IS NOT NULL
     OR EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attacl IS NOT NULL)
  UNION ALL
  SELECT 'pg_class'::regclass, c.oid, 'storage parameters of ' || c.id FROM captured c WHERE c.reloptions IS NOT NULL
  UNION ALL
  SELECT 'pg_class'::regclass, c.oid, 'comments on ' || c.id FROM captured c
  WHERE EXISTS (SELECT FROM pg_description d WHERE d.classoid = 'pg_class'::regclass AND d.objoid = c.oid)
)
SELECT object FROM objects o
WHERE NOT EXISTS (
  SELECT FROM pg_depend e WHERE e.classid = o.class AND e.objid = o.oid
    AND (e.deptype = 'e' OR (e.deptype = 'i' AND o.class = 'pg_proc'::regclass)))
ORDER BY object COLLATE "C"`;
