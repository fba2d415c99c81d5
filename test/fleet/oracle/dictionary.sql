-- What our statements ask of Oracle's dictionary and functions and the Mirror does not have, or has otherwise. The views
-- shadow the Mirror's own: the schema `standin` comes before `sys` in its search path.

-- Names in small letters are those that Oracle keeps in capitals: none is quoted in small letters.
CREATE OR REPLACE FUNCTION sys.ora_name(text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN $1 = lower($1) THEN upper($1) ELSE $1 END $$;

-- PostgreSQL 15 has no IS JSON.
CREATE OR REPLACE FUNCTION sys.ora_is_json(text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN
  IF $1 IS NULL OR length($1) = 0 THEN RETURN NULL; END IF; PERFORM $1::json; RETURN true;
  EXCEPTION WHEN others THEN RETURN false; END $$;
CREATE OR REPLACE FUNCTION sys.ora_is_json(bytea) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN
  IF $1 IS NULL OR length($1) = 0 THEN RETURN NULL; END IF; PERFORM convert_from($1, 'UTF8')::json; RETURN true;
  EXCEPTION WHEN others THEN RETURN false; END $$;

CREATE FUNCTION public.to_char(ora_tstz, text) RETURNS text LANGUAGE sql STABLE STRICT AS $$
  SELECT sys.ora_zone_text(($1).utc AT TIME ZONE make_interval(secs => ($1).off), ($1).off, $2, 6) $$;
CREATE FUNCTION public.to_char(ora_tstz) RETURNS text LANGUAGE sql STABLE STRICT AS $$
  SELECT sys.ora_tstz_text($1, 6) $$;
CREATE FUNCTION public.sys_extract_utc(ora_tstz) RETURNS timestamp LANGUAGE sql STABLE STRICT AS $$
  SELECT ($1).utc AT TIME ZONE 'UTC' $$;
-- The sign of Oracle's text is that of all its parts; PostgreSQL's is that of the days alone.
CREATE OR REPLACE FUNCTION public.to_dsinterval(text) RETURNS interval LANGUAGE sql IMMUTABLE STRICT AS $$
  SELECT CASE WHEN ltrim($1) LIKE '-%' THEN - (substr(ltrim($1), 2)::interval) ELSE ltrim(ltrim($1), '+')::interval END $$;
CREATE FUNCTION public.sys_guid() RETURNS bytea LANGUAGE sql VOLATILE AS $$ SELECT uuid_send(gen_random_uuid()) $$;
CREATE FUNCTION public.to_char(interval) RETURNS text LANGUAGE sql IMMUTABLE STRICT AS $$
  SELECT CASE WHEN extract(epoch FROM $1) < 0 THEN '-' ELSE '+' END || lpad(div(s, 86400)::text, greatest(3, length(div(s, 86400)::text)), '0')
    || ' ' || lpad(div(mod(s, 86400), 3600)::text, 2, '0') || ':' || lpad(div(mod(s, 3600), 60)::text, 2, '0')
    || ':' || lpad(pg_catalog.to_char(mod(s, 60), 'FM00.000000'), 9, '0')
  FROM (SELECT abs(extract(epoch FROM $1)) AS s) seconds $$;

-- TM9 is the shortest text of a number; Oracle leaves the zero before the point out.
CREATE FUNCTION public.to_char(numeric, text) RETURNS text LANGUAGE sql STABLE STRICT AS $$
  SELECT CASE WHEN upper($2) IN ('TM', 'TM9') THEN regexp_replace(trim_scale($1)::text, '^(-?)0\.', '\1.')
    ELSE pg_catalog.to_char($1, $2) END $$;
CREATE FUNCTION public.to_char(double precision, text) RETURNS text LANGUAGE sql STABLE STRICT AS $$
  SELECT CASE WHEN upper($2) IN ('TM', 'TM9', 'TME') THEN $1::text ELSE pg_catalog.to_char($1, $2) END $$;

-- Truth values, as 23ai has them.
CREATE FUNCTION public.to_boolean(text) RETURNS boolean LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT $1::boolean $$;
CREATE FUNCTION public.to_number(boolean) RETURNS numeric LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT $1::int::numeric $$;

-- What a session is told of itself, besides what the Mirror knows: filled by tests.
CREATE TABLE standin.context (name text PRIMARY KEY, value text);
GRANT SELECT ON standin.context TO PUBLIC;
CREATE FUNCTION standin.sys_context(text, text) RETURNS text LANGUAGE sql STABLE AS $$
  SELECT coalesce((SELECT value FROM standin.context WHERE name = upper($2)), sys.sys_context($1, $2)) $$;

CREATE OR REPLACE PROCEDURE dbms_session.set_identifier(client_id text) LANGUAGE plpgsql AS $$ BEGIN
  PERFORM set_config('seerdb.client_identifier', coalesce(client_id, ''), false); END $$;
CREATE OR REPLACE PROCEDURE dbms_session.clear_identifier() LANGUAGE plpgsql AS $$ BEGIN
  PERFORM set_config('seerdb.client_identifier', '', false); END $$;

CREATE VIEW standin.identities AS
  SELECT d.adrelid AS relid, d.adnum AS attnum, s.relname AS sequence
  FROM pg_attrdef d JOIN pg_depend p ON p.refobjid = d.adrelid AND p.refobjsubid = d.adnum AND p.deptype = 'a'
  JOIN pg_class s ON s.oid = p.objid AND s.relkind = 'S' WHERE s.relname LIKE '%\_iseq';

CREATE VIEW standin.all_constraints AS
  SELECT m.owner, m.constraint_name, m.constraint_type, m.table_name, m.search_condition,
    m.search_condition AS search_condition_vc, m.r_owner, m.r_constraint_name,
    CASE WHEN m.constraint_type = 'R' THEN
      CASE c.confdeltype WHEN 'c' THEN 'CASCADE' WHEN 'n' THEN 'SET NULL' ELSE 'NO ACTION' END END AS delete_rule,
    m.status, CASE WHEN c.condeferrable THEN 'DEFERRABLE' ELSE 'NOT DEFERRABLE' END AS deferrable,
    CASE WHEN c.condeferred THEN 'DEFERRED' ELSE 'IMMEDIATE' END AS deferred,
    CASE WHEN NOT c.convalidated THEN 'NOT VALIDATED' ELSE 'VALIDATED' END AS validated, m.generated,
    CASE WHEN m.constraint_type IN ('P', 'U') THEN m.owner END AS index_owner,
    CASE WHEN m.constraint_type IN ('P', 'U') THEN m.constraint_name END AS index_name
  FROM sys.all_constraints m LEFT JOIN (SELECT sys.ora_owner(n.nspname) AS owner, sys.ora_name(k.conname) AS name,
      sys.ora_name(t.relname) AS table_name, k.* FROM pg_constraint k JOIN pg_class t ON t.oid = k.conrelid
      JOIN pg_namespace n ON n.oid = t.relnamespace) c
    ON c.owner = m.owner AND c.name = m.constraint_name AND c.table_name = m.table_name
  WHERE m.constraint_name NOT LIKE 'ORA\_RAW\_LEN\_%'; -- the Mirror's own, for RAW(n)
CREATE VIEW standin.user_constraints AS SELECT * FROM standin.all_constraints
  WHERE owner = sys.sys_context('USERENV', 'SESSION_USER');

CREATE VIEW standin.all_tables AS SELECT owner, table_name, tablespace_name, iot_name, 'N'::text AS temporary,
  'NO'::text AS partitioned, 'N'::text AS nested, 'N'::text AS secondary, 'NO'::text AS dropped, NULL::numeric AS num_rows
  FROM sys.all_tables;
CREATE VIEW standin.user_tables AS SELECT * FROM standin.all_tables WHERE owner = sys.sys_context('USERENV', 'SESSION_USER');

CREATE VIEW standin.all_tab_cols AS SELECT m.owner, m.table_name, m.column_name, m.column_id, m.data_type, m.data_length,
    m.data_precision, m.data_scale, m.char_length, m.char_used, m.nullable, m.data_default,
    length(m.data_default)::numeric AS default_length, m.hidden_column,
    CASE WHEN a.attgenerated <> '' THEN 'YES' ELSE m.virtual_column END AS virtual_column,
    'YES'::text AS user_generated, CASE WHEN i.relid IS NULL THEN 'NO' ELSE 'YES' END AS identity_column,
    CASE WHEN i.relid IS NULL THEN 'NO' ELSE 'YES' END AS default_on_null, m.data_type_owner, m.data_type_mod
  FROM sys.all_tab_cols m
  JOIN pg_namespace n ON sys.ora_owner(n.nspname) = m.owner
  JOIN pg_class t ON t.relnamespace = n.oid AND sys.ora_name(t.relname) = m.table_name
  JOIN pg_attribute a ON a.attrelid = t.oid AND sys.ora_name(a.attname) = m.column_name
  LEFT JOIN standin.identities i ON i.relid = t.oid AND i.attnum = a.attnum;
CREATE VIEW standin.all_tab_columns AS SELECT * FROM standin.all_tab_cols;
CREATE VIEW standin.user_tab_cols AS SELECT * FROM standin.all_tab_cols WHERE owner = sys.sys_context('USERENV', 'SESSION_USER');
CREATE VIEW standin.user_tab_columns AS SELECT * FROM standin.user_tab_cols;
CREATE VIEW standin.all_tab_identity_cols AS SELECT sys.ora_owner(n.nspname) AS owner, sys.ora_name(t.relname) AS table_name,
    sys.ora_name(a.attname) AS column_name, 'BY DEFAULT'::text AS generation_type, upper(i.sequence) AS sequence_name,
    'START WITH: 1, INCREMENT BY: 1'::text AS identity_options
  FROM standin.identities i JOIN pg_class t ON t.oid = i.relid JOIN pg_namespace n ON n.oid = t.relnamespace
  JOIN pg_attribute a ON a.attrelid = i.relid AND a.attnum = i.attnum;

CREATE VIEW standin.all_sequences AS SELECT sys.ora_owner(schemaname) AS sequence_owner,
    sys.ora_name(sequencename) AS sequence_name, min_value::numeric, max_value::numeric, increment_by::numeric,
    CASE WHEN cycle THEN 'Y' ELSE 'N' END AS cycle_flag, 'N'::text AS order_flag, cache_size::numeric,
    coalesce(last_value + increment_by, start_value)::numeric AS last_number
  FROM pg_sequences WHERE schemaname NOT IN ('oracle', 'sys', 'standin', 'public');

CREATE VIEW standin.all_ind_columns AS SELECT sys.ora_owner(n.nspname) AS index_owner, sys.ora_name(ic.relname) AS index_name,
    sys.ora_owner(tn.nspname) AS table_owner, sys.ora_name(tc.relname) AS table_name,
    CASE WHEN k.attnum = 0 THEN 'SYS_NC' || lpad((tc.relnatts + k.n)::text, 5, '0') || '$'
      ELSE sys.ora_name(a.attname) END AS column_name, k.n AS column_position,
    CASE WHEN k.opt & 1 = 1 THEN 'DESC' ELSE 'ASC' END AS descend,
    CASE WHEN k.attnum = 0 THEN pg_get_indexdef(ix.indexrelid, k.n::int, false) END AS expression
  FROM pg_index ix JOIN pg_class ic ON ic.oid = ix.indexrelid JOIN pg_namespace n ON n.oid = ic.relnamespace
  JOIN pg_class tc ON tc.oid = ix.indrelid JOIN pg_namespace tn ON tn.oid = tc.relnamespace
  CROSS JOIN LATERAL unnest(ix.indkey::smallint[], ix.indoption::smallint[]) WITH ORDINALITY k(attnum, opt, n)
  LEFT JOIN pg_attribute a ON a.attrelid = tc.oid AND a.attnum = k.attnum AND k.attnum > 0
  WHERE n.nspname NOT IN ('pg_catalog', 'pg_toast', 'information_schema', 'oracle', 'sys', 'standin');
CREATE VIEW standin.all_ind_expressions AS SELECT index_owner, index_name, table_owner, table_name,
    expression AS column_expression, column_position FROM standin.all_ind_columns WHERE expression IS NOT NULL;

-- What may be deferred has an index that is not unique.
CREATE VIEW standin.all_indexes AS SELECT m.owner, m.index_name, m.index_type, m.table_owner, m.table_name,
    CASE WHEN c.deferrable = 'DEFERRABLE' THEN 'NONUNIQUE' ELSE m.uniqueness END AS uniqueness
  FROM sys.all_indexes m LEFT JOIN standin.all_constraints c ON c.index_owner = m.owner AND c.index_name = m.index_name;

CREATE TABLE standin.privileges (privilege text);
INSERT INTO standin.privileges SELECT unnest(ARRAY['CREATE SESSION', 'CREATE TABLE', 'CREATE VIEW', 'CREATE SEQUENCE',
  'CREATE TRIGGER', 'CREATE ANY TABLE', 'ALTER ANY TABLE', 'DROP ANY TABLE', 'SELECT ANY TABLE', 'INSERT ANY TABLE',
  'UPDATE ANY TABLE', 'DELETE ANY TABLE', 'LOCK ANY TABLE', 'COMMENT ANY TABLE', 'CREATE ANY INDEX', 'ALTER ANY INDEX',
  'DROP ANY INDEX', 'CREATE ANY SEQUENCE', 'ALTER ANY SEQUENCE', 'DROP ANY SEQUENCE', 'SELECT ANY SEQUENCE',
  'CREATE ANY TRIGGER', 'ALTER ANY TRIGGER', 'DROP ANY TRIGGER', 'CREATE ANY VIEW', 'GRANT ANY OBJECT PRIVILEGE',
  'ADMINISTER DATABASE TRIGGER', 'ALTER SYSTEM', 'SELECT ANY DICTIONARY', 'ANALYZE ANY', 'UNLIMITED TABLESPACE']);
CREATE VIEW standin.session_privs AS SELECT privilege FROM standin.privileges;
CREATE VIEW standin.user_sys_privs AS SELECT sys.sys_context('USERENV', 'SESSION_USER') AS username, privilege,
  'NO'::text AS admin_option FROM standin.privileges;

CREATE TABLE standin.parameters (name text, value text);
INSERT INTO standin.parameters VALUES ('max_string_size', 'STANDARD'), ('compatible', '23.6.0'), ('open_cursors', '300'),
  ('sessions', '472'), ('processes', '300'), ('undo_tablespace', 'UNDOTBS1');
CREATE VIEW standin.v$parameter AS SELECT name, 2 AS type, value, value AS display_value, 'TRUE'::text AS isdefault
  FROM standin.parameters;
-- What the sessions say about themselves; written by mirror.py.
CREATE TABLE standin.attributes (pid int PRIMARY KEY, module text, action text, client_identifier text);
-- What sessions wait for, besides locks, and which session the server says is in the way: filled by tests.
CREATE TABLE standin.waits (sid int PRIMARY KEY, event text NOT NULL, blocker int);
CREATE VIEW standin.v$session AS SELECT m.sid, m."serial#", m.username, m.status, m.type, m.program, m.machine,
    m.terminal, m.osuser, a.module, a.action, a.client_identifier, m.logon_time,
    CASE WHEN b.pid IS NULL THEN w.event ELSE 'enq: TX - row lock contention' END AS event,
    CASE WHEN w.event IS NULL AND b.pid IS NULL THEN 'WAITED SHORT TIME' ELSE 'WAITING' END AS state,
    CASE WHEN p.backend_xid IS NULL THEN NULL ELSE '00' END AS taddr, m.sid::text AS saddr,
    coalesce(b.pid, w.blocker)::numeric AS blocking_session, coalesce(b.pid, w.blocker)::numeric AS final_blocking_session,
    CASE WHEN coalesce(b.pid, w.blocker) IS NULL THEN NULL ELSE 1 END::numeric AS blocking_instance,
    CASE WHEN coalesce(b.pid, w.blocker) IS NULL THEN NULL ELSE 1 END::numeric AS final_blocking_instance
  FROM sys.v$session m JOIN pg_stat_activity p ON p.pid = m.sid LEFT JOIN standin.attributes a ON a.pid = m.sid
  LEFT JOIN standin.waits w ON w.sid = m.sid LEFT JOIN LATERAL (SELECT (pg_blocking_pids(m.sid))[1] AS pid) b ON true
  WHERE p.application_name <> 'stand-in';
CREATE VIEW standin.gv$session AS SELECT 1::numeric AS inst_id, * FROM standin.v$session;
CREATE VIEW standin.gv$locked_object AS SELECT 1::numeric AS inst_id, l.relation::int8::numeric AS object_id,
    l.pid::numeric AS session_id FROM pg_locks l WHERE l.locktype = 'relation' AND l.granted
    AND l.mode IN ('RowShareLock', 'RowExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock');
CREATE TABLE standin.v$resource_limit (resource_name text, current_utilization numeric, max_utilization numeric,
  initial_allocation text, limit_value text);
INSERT INTO standin.v$resource_limit VALUES ('processes', 60, 80, '       300', '       300'),
  ('sessions', 70, 90, '       472', '       472');
CREATE TABLE standin.v$log ("group#" numeric, bytes numeric, status text);
INSERT INTO standin.v$log VALUES (1, 209715200, 'INACTIVE'), (2, 209715200, 'CURRENT'), (3, 209715200, 'INACTIVE');
-- Of schemas that have one of their own: filled by tests.
CREATE TABLE standin.collations (username text PRIMARY KEY, collation_name text);
CREATE VIEW standin.all_users AS SELECT username, timestamp '2026-01-02 03:04:05' AS created,
    coalesce(c.collation_name, 'USING_NLS_COMP') AS default_collation
  FROM sys.all_users u LEFT JOIN standin.collations c USING (username);
CREATE VIEW standin.user_users AS SELECT sys.sys_context('USERENV', 'SESSION_USER') AS username,
  timestamp '2026-01-02 03:04:05' AS created, 'USERS'::text AS default_tablespace, 'OPEN'::text AS account_status;
CREATE VIEW standin.dba_users AS SELECT username, created, 'USERS'::text AS default_tablespace FROM sys.all_users;
CREATE VIEW standin.v$reserved_words AS SELECT upper(word) AS keyword, 'Y'::text AS reserved FROM pg_get_keywords()
  WHERE catcode = 'R';
CREATE VIEW standin.v$instance AS SELECT 1::numeric AS instance_number, 'MIRROR'::text AS instance_name,
  'localhost'::text AS host_name, '23.0.0.0.0'::text AS version, '23.26.2.0.0'::text AS version_full,
  'OPEN'::text AS status, 'ACTIVE'::text AS database_status;
CREATE VIEW standin.product_component_version AS SELECT 'Oracle Database 23ai Free'::text AS product,
  '23.0.0.0.0'::text AS version, '23.26.2.0.0'::text AS version_full, 'Production'::text AS status;
-- Filled by tests.
CREATE TABLE standin.dba_tablespace_usage_metrics (tablespace_name text, used_space numeric, tablespace_size numeric,
  used_percent numeric);
INSERT INTO standin.dba_tablespace_usage_metrics VALUES ('USERS', 25600, 4194302, 0.6), ('UNDOTBS1', 100, 100, 100),
  ('OTHER', 4194302, 4194302, 100);
CREATE TABLE standin.dba_data_files (tablespace_name text, file_name text, bytes numeric, blocks numeric, maxbytes numeric,
  maxblocks numeric, autoextensible text);
INSERT INTO standin.dba_data_files VALUES ('UNDOTBS1', 'undotbs01.dbf', 8192000, 1000, 0, 0, 'NO');
CREATE TABLE standin.v$transaction (ses_addr text, used_ublk numeric);
CREATE TABLE standin.v$recovery_file_dest (name text, space_limit numeric, space_used numeric, space_reclaimable numeric);
CREATE TABLE standin.v$archive_dest (dest_id numeric, target text, status text, destination text, applied_scn numeric);
INSERT INTO standin.v$archive_dest VALUES (1, 'PRIMARY', 'VALID', 'archive', 0);
-- A number of changes is that of the milliseconds.
CREATE FUNCTION public.scn_to_timestamp(numeric) RETURNS timestamp LANGUAGE sql STABLE STRICT AS $$
  SELECT to_timestamp($1 / 1000)::timestamp $$;
-- What a way back would need.
CREATE TABLE standin.v$database (log_mode text, supplemental_log_data_min text, supplemental_log_data_all text,
  force_logging text);
INSERT INTO standin.v$database VALUES ('NOARCHIVELOG', 'NO', 'NO', 'NO');
CREATE TABLE standin.all_log_groups (owner text, log_group_name text, table_name text, log_group_type text);
CREATE TABLE standin.dba_sys_privs (grantee text, privilege text);
CREATE TABLE standin.dba_role_privs (grantee text, granted_role text);
CREATE TABLE standin.dba_tab_privs (grantee text, privilege text, table_name text);
CREATE TABLE standin.v$osstat (stat_name text, value numeric);
INSERT INTO standin.v$osstat VALUES ('NUM_CPUS', 4), ('LOAD', 1), ('IDLE_TIME', 100);
CREATE TABLE standin.user_ts_quotas (tablespace_name text, bytes numeric, max_bytes numeric, blocks numeric,
  max_blocks numeric, dropped text);
INSERT INTO standin.user_ts_quotas VALUES ('USERS', 0, -1, 0, -1, 'NO');

-- In Oracle a trigger may be in another schema than its table, as those of the run's fence are.
CREATE VIEW standin.all_triggers AS SELECT
    CASE WHEN trigger_name LIKE 'MIGRATE$%' THEN 'MIGRATE' ELSE owner END AS owner, trigger_name, trigger_type,
    triggering_event, table_owner, base_object_type, table_name, column_name, referencing_names, when_clause, status,
    description, trigger_body FROM sys.all_triggers;
CREATE VIEW standin.user_triggers AS SELECT * FROM standin.all_triggers
  WHERE owner = sys.sys_context('USERENV', 'SESSION_USER');
CREATE VIEW standin.all_objects AS SELECT
    CASE WHEN object_type = 'TRIGGER' AND object_name LIKE 'MIGRATE$%' THEN 'MIGRATE' ELSE owner END AS owner, object_name,
    subobject_name, object_id, object_type, status, temporary, generated, secondary FROM sys.all_objects;
CREATE VIEW standin.user_objects AS SELECT * FROM standin.all_objects
  WHERE owner = sys.sys_context('USERENV', 'SESSION_USER');
