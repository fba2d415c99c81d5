// The objects around the captured tables that a run does not carry.

// $1 = the captured tables, $2 = their schemas, $3 = the carried types. Triggers of the run's own fence are not the
// user's, and what an extension or a range type brings comes with it.
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
         CASE t.typtype WHEN 'd' THEN 'unused domain ' WHEN 'e' THEN 'unused enum ' WHEN 'c' THEN 'unused composite type '
                        ELSE 'unused range type ' END || s.id || '.' || quote_ident(t.typname)
  FROM pg_type t JOIN spaces s ON s.oid = t.typnamespace
  WHERE t.oid <> ALL ($3::oid[]) AND (t.typtype IN ('d', 'e', 'r')
     OR (t.typtype = 'c' AND EXISTS (SELECT FROM pg_class c WHERE c.oid = t.typrelid AND c.relkind = 'c')))
  UNION ALL
  SELECT 'pg_trigger'::regclass, t.oid, 'trigger ' || quote_ident(t.tgname) || ' on ' || c.id
  FROM pg_trigger t JOIN captured c ON c.oid = t.tgrelid JOIN pg_proc p ON p.oid = t.tgfoid
  WHERE NOT t.tgisinternal AND t.tgparentid = 0 AND p.pronamespace IS DISTINCT FROM to_regnamespace('migrate')::oid
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
  SELECT 'pg_class'::regclass, i.indexrelid, 'invalid index ' || quote_ident(n.nspname) || '.' || quote_ident(x.relname) || ' on ' || c.id
  FROM pg_index i JOIN captured c ON c.oid = i.indrelid JOIN pg_class x ON x.oid = i.indexrelid
  JOIN pg_namespace n ON n.oid = x.relnamespace
  WHERE NOT i.indisvalid
  UNION ALL
  SELECT 'pg_extension'::regclass, e.oid, 'extension ' || quote_ident(e.extname) || ' in ' || quote_ident(n.nspname)
  FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname <> 'plpgsql'
  UNION ALL
  SELECT 'pg_class'::regclass, c.oid, 'row security of ' || c.id FROM captured c WHERE c.relrowsecurity
  UNION ALL
  SELECT 'pg_class'::regclass, c.oid, 'forced row security of ' || c.id FROM captured c WHERE c.relforcerowsecurity
  UNION ALL
  -- On the target the run's role owns what it makes.
  SELECT 'pg_class'::regclass, c.oid, 'owner ' || c.relowner::regrole || ' of ' || c.id
  FROM captured c WHERE pg_get_userbyid(c.relowner) <> current_user
  UNION ALL
  SELECT 'pg_class'::regclass, c.oid, 'owner ' || c.relowner::regrole || ' of ' || s.id || '.' || quote_ident(c.relname)
  FROM pg_class c JOIN spaces s ON s.oid = c.relnamespace
  WHERE c.relkind = 'S' AND pg_get_userbyid(c.relowner) <> current_user AND NOT EXISTS (
    SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype IN ('a', 'i')
      AND d.refclassid = 'pg_class'::regclass)
  UNION ALL
  SELECT 'pg_namespace'::regclass, n.oid, 'owner ' || n.nspowner::regrole || ' of schema ' || s.id
  FROM pg_namespace n JOIN spaces s USING (oid)
  WHERE n.nspname <> 'public' AND pg_get_userbyid(n.nspowner) <> current_user
  UNION ALL
  SELECT 'pg_class'::regclass, c.oid, 'privileges on ' || c.id FROM captured c
  WHERE c.relacl IS NOT NULL
     OR EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attacl IS NOT NULL)
  UNION ALL
  SELECT 'pg_class'::regclass, c.oid, 'privileges on ' || s.id || '.' || quote_ident(c.relname)
  FROM pg_class c JOIN spaces s ON s.oid = c.relnamespace WHERE c.relkind = 'S' AND c.relacl IS NOT NULL
  UNION ALL
  SELECT 'pg_namespace'::regclass, n.oid, 'privileges on schema ' || s.id
  FROM pg_namespace n JOIN spaces s USING (oid) WHERE n.nspacl IS NOT NULL AND n.nspname <> 'public'
  UNION ALL
  SELECT 'pg_class'::regclass, c.oid, 'tablespace ' || quote_ident(t.spcname) || ' of ' || c.id
  FROM captured c JOIN pg_tablespace t ON t.oid = c.reltablespace
  UNION ALL
  -- The run's own says so.
  SELECT DISTINCT 'pg_publication'::regclass, p.oid, 'publication ' || quote_ident(p.pubname)
  FROM pg_publication p LEFT JOIN pg_publication_rel r ON r.prpubid = p.oid
  WHERE (p.puballtables OR r.prrelid IN (SELECT oid FROM captured))
    AND coalesce(obj_description(p.oid, 'pg_publication'), '') NOT LIKE 'migrate %'
  UNION ALL
  SELECT DISTINCT 'pg_subscription'::regclass, s.oid, 'subscription ' || quote_ident(s.subname)
  FROM pg_subscription s JOIN pg_subscription_rel r ON r.srsubid = s.oid JOIN captured c ON c.oid = r.srrelid
  UNION ALL
  SELECT 'pg_event_trigger'::regclass, e.oid, 'event trigger ' || quote_ident(e.evtname) FROM pg_event_trigger e
)
SELECT object FROM objects o
WHERE NOT EXISTS (
  SELECT FROM pg_depend e WHERE e.classid = o.class AND e.objid = o.oid
    AND (e.deptype = 'e' OR (e.deptype = 'i' AND o.class = 'pg_proc'::regclass)))
ORDER BY object COLLATE "C"`;
