// The tables of database `migrate` on a MySQL target, besides the lease, the fence and the pass. Every statement is idempotent:
// the server commits each by itself.

// No foreign keys: those of others' rows would lock the run's row, and they are not kept in sessions that switch them off.
// Names are compared byte by byte, spaces at the end included.
const OPTIONS = 'ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_bin';

const RUN = 'run varchar(200) NOT NULL';
/** Two names of 64 characters, each quoted and every character of it doubled. */
const TABLE_ID = 'table_id varchar(270) NOT NULL';
/** A position can hold a set of transactions of many servers. */
const POSITION = 'mediumtext';
/** By the server's clock, in UTC. */
const NOW = 'datetime(6) NOT NULL DEFAULT (UTC_TIMESTAMP(6))';

/** Whom a chunk was given to: a worker, or NULL for whoever leads. Void when the run's epoch is a later one. */
const HELD = "held varchar(40) NOT NULL DEFAULT ''";
const THROTTLE = 'throttle longtext';
const CLAIM = ['claim_epoch bigint', 'claimed_by int'];

/** Which hold rows of a run, besides its own record; the audit outlives it. */
export const RUN_TABLES = [
  'stage',
  'tables',
  'chunk',
  'key_chunk',
  'checkpoint',
  'cutover',
  'table_state',
  'dead_letter',
  'worker',
  'made_database',
];

/** One statement each. JSON is kept as the text it was: MySQL's own type changes the order of keys, and numbers. */
export const JOURNAL_SCHEMA: readonly string[] = [
  'CREATE DATABASE IF NOT EXISTS migrate',
  `CREATE TABLE IF NOT EXISTS migrate.run (
  name varchar(200) NOT NULL PRIMARY KEY,
  id varchar(64) NOT NULL,
  format int NOT NULL,
  plan_hash text NOT NULL,
  plan_fields longtext NOT NULL,
  source_identity text NOT NULL,
  source_lineage mediumtext NOT NULL,
  target_identity text NOT NULL,
  start_position ${POSITION},
  settled ${POSITION},
  catalog longtext NOT NULL,
  fingerprint mediumtext NOT NULL,
  added longtext NOT NULL,
  joining longtext NOT NULL,
  lanes int NOT NULL,
  -- What an operator holds: run, snapshot, apply, with commas between them.
  ${HELD},
  -- How fast an operator lets it be; NULL: as the plan says.
  ${THROTTLE},
  outcome varchar(20) NOT NULL DEFAULT 'running',
  created_at ${NOW},
  -- How the last attempt ended; NULL while one is at work, and after one that was killed.
  ended longtext
) ${OPTIONS}`,
  `CREATE TABLE IF NOT EXISTS migrate.stage (
  ${RUN},
  stage varchar(40) NOT NULL,
  started_at ${NOW},
  finished_at datetime(6),
  result longtext NOT NULL,
  PRIMARY KEY (run, stage)
) ${OPTIONS}`,
  `CREATE TABLE IF NOT EXISTS migrate.tables (
  ${RUN},
  ${TABLE_ID},
  lane int NOT NULL,
  spread boolean NOT NULL,
  bounds longtext,
  PRIMARY KEY (run, table_id)
) ${OPTIONS}`,
  `CREATE TABLE IF NOT EXISTS migrate.chunk (
  ${RUN},
  ${TABLE_ID},
  ordinal int NOT NULL,
  \`at\` ${POSITION},
  \`rows\` bigint NOT NULL DEFAULT 0,
  done_at datetime(6),
  ${CLAIM.join(',\n  ')},
  PRIMARY KEY (run, table_id, ordinal)
) ${OPTIONS}`,
  // A key can be longer than what an index takes.
  `CREATE TABLE IF NOT EXISTS migrate.key_chunk (
  ${RUN},
  ${TABLE_ID},
  key_hash binary(32) NOT NULL,
  \`key\` longtext NOT NULL,
  \`at\` ${POSITION} NOT NULL,
  PRIMARY KEY (run, table_id, key_hash)
) ${OPTIONS}`,
  `CREATE TABLE IF NOT EXISTS migrate.checkpoint (
  ${RUN},
  direction varchar(10) NOT NULL,
  lane int NOT NULL,
  position ${POSITION} NOT NULL,
  changes bigint NOT NULL DEFAULT 0,
  -- Transactions of the source that were committed in parts; counted by lane 0.
  splits bigint NOT NULL DEFAULT 0,
  updated_at ${NOW},
  PRIMARY KEY (run, direction, lane)
) ${OPTIONS}`,
  `CREATE TABLE IF NOT EXISTS migrate.cutover (
  ${RUN},
  attempt int NOT NULL,
  phase varchar(20) NOT NULL,
  detail longtext NOT NULL,
  updated_at ${NOW},
  PRIMARY KEY (run, attempt)
) ${OPTIONS}`,
  // What was asked for single tables; the others are carried.
  `CREATE TABLE IF NOT EXISTS migrate.table_state (
  ${RUN},
  ${TABLE_ID},
  state varchar(20) NOT NULL,
  \`by\` text,
  reason text,
  \`at\` ${NOW},
  PRIMARY KEY (run, table_id)
) ${OPTIONS}`,
  // Row changes that the target refused, with those that follow them on the same keys. Keys and rows are JSON arrays: a text,
  // null, {} for a value that the log did not carry.
  `CREATE TABLE IF NOT EXISTS migrate.dead_letter (
  id bigint NOT NULL AUTO_INCREMENT PRIMARY KEY,
  ${RUN},
  ${TABLE_ID},
  \`key\` longtext NOT NULL,
  new_key longtext,
  position ${POSITION} NOT NULL,
  op varchar(10) NOT NULL,
  payload longtext,
  \`sqlstate\` varchar(5),
  \`constraint\` text,
  \`column\` text,
  state varchar(20) NOT NULL DEFAULT 'open',
  \`by\` text,
  reason text,
  created_at ${NOW},
  settled_at datetime(6),
  KEY (run, id)
) ${OPTIONS}`,
  // The further processes that work on a run.
  `CREATE TABLE IF NOT EXISTS migrate.worker (
  id int NOT NULL AUTO_INCREMENT PRIMARY KEY,
  ${RUN},
  name text NOT NULL,
  joined_at ${NOW},
  beat_at ${NOW},
  doing text NOT NULL DEFAULT (''),
  changes bigint NOT NULL DEFAULT 0,
  epoch bigint,
  lanes longtext NOT NULL DEFAULT ('[]'),
  KEY (run, id)
) ${OPTIONS}`,
  // Databases that were not there before the run.
  `CREATE TABLE IF NOT EXISTS migrate.made_database (
  ${RUN},
  name varchar(64) NOT NULL,
  PRIMARY KEY (run, name)
) ${OPTIONS}`,
  `CREATE TABLE IF NOT EXISTS migrate.audit (
  id bigint NOT NULL AUTO_INCREMENT PRIMARY KEY,
  ${RUN},
  \`at\` ${NOW},
  actor text NOT NULL,
  command text NOT NULL,
  detail longtext NOT NULL
) ${OPTIONS}`,
];

/**
 * What later versions added to tables that may be there: the server does not add only what is missing. `found` gives a row where
 * it is there; `add` asks for a right that a run has no other use for in database `migrate`.
 */
export const LATER_COLUMNS: readonly { readonly found: string; readonly add: string }[] = [
  later('chunk', 'claimed_by', CLAIM),
  later('run', 'held', [HELD]),
  later('run', 'throttle', [THROTTLE]),
];

function later(table: string, column: string, definitions: readonly string[]) {
  return {
    found: `information_schema.COLUMNS WHERE TABLE_SCHEMA = 'migrate' AND TABLE_NAME = '${table}' AND COLUMN_NAME = '${column}'`,
    add: `ALTER TABLE migrate.${table} ${definitions.map((definition) => `ADD COLUMN ${definition}`).join(', ')}`,
  };
}
