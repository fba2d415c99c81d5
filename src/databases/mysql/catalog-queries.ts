// What the catalog asks information_schema. Every statement takes the databases as a list of literals.

/** The tables and everything that looks like one. */
export const TABLES = (schemas: string): string => `
  SELECT TABLE_SCHEMA, TABLE_NAME, TABLE_TYPE, ENGINE, TABLE_ROWS, DATA_LENGTH, TABLE_COMMENT, TABLE_COLLATION
  FROM information_schema.TABLES WHERE TABLE_SCHEMA IN (${schemas}) ORDER BY TABLE_SCHEMA, TABLE_NAME`;

export const COLUMNS = (schemas: string, isMariadb: boolean): string => `
  SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, COLUMN_TYPE, IS_NULLABLE, COLUMN_DEFAULT, EXTRA, GENERATION_EXPRESSION,
         COLLATION_NAME, COLUMN_COMMENT, ${isMariadb ? 'NULL' : 'SRS_ID'}
  FROM information_schema.COLUMNS WHERE TABLE_SCHEMA IN (${schemas}) ORDER BY TABLE_SCHEMA, TABLE_NAME, ORDINAL_POSITION`;

/** One row for each part of an index. MariaDB has no indexes on expressions. */
export const INDEXES = (schemas: string, isMariadb: boolean): string => `
  SELECT TABLE_SCHEMA, TABLE_NAME, INDEX_NAME, NON_UNIQUE, INDEX_TYPE, COLUMN_NAME, SUB_PART, COLLATION,
         ${isMariadb ? 'NULL' : 'EXPRESSION'}, INDEX_COMMENT
  FROM information_schema.STATISTICS WHERE TABLE_SCHEMA IN (${schemas})
  ORDER BY TABLE_SCHEMA, TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX`;

/** One row for each column of a foreign key. */
export const FOREIGN_KEYS = (schemas: string): string => `
  SELECT k.TABLE_SCHEMA, k.TABLE_NAME, k.CONSTRAINT_NAME, k.COLUMN_NAME, k.REFERENCED_TABLE_SCHEMA, k.REFERENCED_TABLE_NAME,
         k.REFERENCED_COLUMN_NAME, r.UPDATE_RULE, r.DELETE_RULE
  FROM information_schema.KEY_COLUMN_USAGE k JOIN information_schema.REFERENTIAL_CONSTRAINTS r
    ON r.CONSTRAINT_SCHEMA = k.CONSTRAINT_SCHEMA AND r.CONSTRAINT_NAME = k.CONSTRAINT_NAME AND r.TABLE_NAME = k.TABLE_NAME
  WHERE k.TABLE_SCHEMA IN (${schemas}) AND k.REFERENCED_TABLE_NAME IS NOT NULL
  ORDER BY k.TABLE_SCHEMA, k.TABLE_NAME, k.CONSTRAINT_NAME, k.ORDINAL_POSITION`;

/** MySQL's checks have names of their own in a database; MariaDB's in their table. */
export const CHECKS = (schemas: string, isMariadb: boolean): string =>
  isMariadb
    ? `SELECT CONSTRAINT_SCHEMA, TABLE_NAME, CONSTRAINT_NAME, CHECK_CLAUSE
       FROM information_schema.CHECK_CONSTRAINTS WHERE CONSTRAINT_SCHEMA IN (${schemas}) ORDER BY 1, 2, 3`
    : `SELECT t.TABLE_SCHEMA, t.TABLE_NAME, t.CONSTRAINT_NAME, c.CHECK_CLAUSE
       FROM information_schema.TABLE_CONSTRAINTS t JOIN information_schema.CHECK_CONSTRAINTS c
         ON c.CONSTRAINT_SCHEMA = t.CONSTRAINT_SCHEMA AND c.CONSTRAINT_NAME = t.CONSTRAINT_NAME
       WHERE t.CONSTRAINT_TYPE = 'CHECK' AND t.ENFORCED = 'YES' AND t.TABLE_SCHEMA IN (${schemas}) ORDER BY 1, 2, 3`;

/** Kind, database, name, and the table it belongs to or NULL. */
export const OTHERS = (schemas: string): string => `
  SELECT 'trigger', TRIGGER_SCHEMA, TRIGGER_NAME, EVENT_OBJECT_TABLE FROM information_schema.TRIGGERS
    WHERE TRIGGER_SCHEMA IN (${schemas})
  UNION ALL SELECT LOWER(ROUTINE_TYPE), ROUTINE_SCHEMA, ROUTINE_NAME, NULL FROM information_schema.ROUTINES
    WHERE ROUTINE_SCHEMA IN (${schemas})
  UNION ALL SELECT 'event', EVENT_SCHEMA, EVENT_NAME, NULL FROM information_schema.EVENTS WHERE EVENT_SCHEMA IN (${schemas})
  ORDER BY 1, 2, 3`;
