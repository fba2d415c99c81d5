// The catalogue of what a preflight check can find, without the prefix `PREFLIGHT.`: the source of docs/errors.md and of
// `migrate explain`. Sorted by code. A finding itself names the object and prints the statement that cures it.

import { CONVERT_FINDING_CODES } from './convert-finding-codes.ts';
import { entry, type FindingEntry } from './finding-entry.ts';
import { ORACLE_FINDING_CODES } from './oracle-finding-codes.ts';

const EXCLUDE = 'Exclude the table in tables.exclude of the plan and move it by other means.';

export const FINDING_CODES = {
  BINLOG: entry(
    'MySQL and MariaDB: the log of the source must hold every change of the tables, as whole rows with the names of columns.',
    'Set the variable that the finding names. Sessions that are open keep their own value: let them reconnect.',
  ),
  BINLOG_COMPRESSED: entry(
    'MySQL and MariaDB: the source compresses its log, which costs time wherever it is read.',
    'Nothing.',
  ),
  BINLOG_RETENTION: entry(
    'MySQL and MariaDB: the source removes its log by time, also what a run still needs that is paused or was stopped.',
    'Raise binlog_expire_logs_seconds for the time of the run.',
  ),
  BINLOG_SYNC: entry(
    'MySQL and MariaDB: the log of the source is not on disk when a commit returns. After a failure of its machine the run may be ahead of the source, and then has to stop.',
    'Set sync_binlog and innodb_flush_log_at_trx_commit to 1 for the time of the run.',
  ),
  CASCADE: entry(
    'MariaDB, and MySQL before 9.6, do not log the rows that a foreign key changes or deletes by itself: they would stay on the target.',
    'Make the foreign key RESTRICT and let the application do its work, or exclude the tables.',
  ),
  COLLATION: entry(
    'The two databases sort texts differently. Rows are carried all the same; queries may return them in another order.',
    'Nothing, or create the target database with the locale of the source.',
  ),
  COLUMN_TYPE: entry(
    'A value travels as text, and a value of this type has no text that means the same on the other server.',
    'Change the type of the column on the source, or exclude the table.',
  ),
  CONNECT: entry('Kafka Connect cannot be reached, or does not let the run in.', 'Correct stream.debezium.connect.'),
  CONNECTIONS: entry(
    'The run opens more connections than are free.',
    'Raise max_connections, or lower snapshot.readers, apply.lanes and verify.concurrency.',
  ),
  CONNECT_CLUSTER: entry(
    'Kafka Connect writes to another Kafka cluster than the one that the run would read.',
    'Name the brokers of one cluster and the Connect that belongs to it.',
  ),
  CONNECT_CONFIG: entry(
    'The connector refuses what it would be given: most often it cannot reach the source, or its user has no right.',
    'What the finding names; stream.debezium.source says how the connector reaches the source.',
  ),
  CONNECT_EXACTLY_ONCE: entry(
    'Kafka Connect is not set up to write each change exactly once. What comes again after a crash of a worker is recognised and dropped.',
    'Nothing; or exactly.once.source.support=enabled on every worker.',
  ),
  CONNECT_OVERRIDES: entry(
    'Kafka Connect does not let a connector have producer settings of its own, so changes of more than about 1 MB stop it.',
    'connector.client.config.override.policy=All on every worker.',
  ),
  CONNECT_PLUGIN: entry(
    'No worker of Kafka Connect has the plugin of Debezium for this source.',
    'Install it in plugin.path of every worker.',
  ),
  CONNECT_VERSION: entry(
    'Kafka Connect or the plugin of Debezium is of a version that cannot work for the run, or was not tried.',
    'Use Kafka Connect 3.7 or later with Debezium 3.5 or later.',
  ),
  ...CONVERT_FINDING_CODES,
  CREATE_DATABASE: entry(
    'Schema migrate, which keeps what the run has to remember, is made on both sides, and the publication on the source.',
    'GRANT CREATE ON DATABASE to the role of the url.',
  ),
  CREATE_MIGRATE: entry(
    "Schema migrate exists and belongs to another role; the run's own tables and functions are made in it.",
    'GRANT USAGE, CREATE ON SCHEMA migrate to the role of the url, and its tables to it where another run made them.',
  ),
  CREATE_SCHEMA: entry(
    'A schema that exists on the target is to hold tables of the run.',
    'GRANT USAGE, CREATE ON SCHEMA to the role of target.url.',
  ),
  DDL: entry(
    'The whole schema was built on the target and rolled back; the server refused one of the statements.',
    'Make what its message names on the target first (an extension, a function, a collation, a right), or exclude the table.',
  ),
  DEBEZIUM_COMPRESSED: entry(
    'MySQL: the source compresses its transactions. Their changes stand at one place of the log, and a connector that starts again within one could not be followed exactly.',
    'Switch binlog_transaction_compression off and let every session reconnect, or read the log with stream.via: native.',
  ),
  DEBEZIUM_TYPE: entry(
    'Debezium does not write every value of this type whole, or a kind of value that the source lets its users write.',
    'Set stream.via: native in the plan, or exclude the table. With a warning: nothing where no such values are written; verification finds those that were.',
  ),
  DROP_RIGHT: entry(
    'MySQL and MariaDB: TRUNCATE and DROP TABLE fire no trigger, so that the fence does not stop accounts that may use them.',
    'Nothing when the applications do not empty tables by themselves; else take the right to DROP from them for the cutover.',
  ),
  ENCODING: entry(
    'The encoding of a database cannot hold, or gives no meaning to, the texts of the source.',
    'Use a target with encoding UTF8; a source in SQL_ASCII has to be restored into a database with an encoding.',
  ),
  ENGINE: entry(
    'MySQL and MariaDB: only tables of InnoDB can be read at an exact moment.',
    'ALTER TABLE … ENGINE = InnoDB, or exclude the table.',
  ),
  EXTENSION: entry(
    'The tables use an extension that the target does not have, or has in another schema.',
    'CREATE EXTENSION on the target, in the schema that the source has it in.',
  ),
  FENCED: entry(
    'The fence of another run closes the table for good: that run moves it, or has moved it, to another database.',
    'Exclude the table. When it is to be written on this server again, run what the finding prints: it drops that fence.',
  ),
  FOREIGN_KEY: entry(
    'A foreign key points at a table that does not move: on the target it could not be made.',
    'Select that table too, or drop the constraint.',
  ),
  FOREIGN_TABLE: entry('The rows of a foreign table are in another database.', EXCLUDE),
  GENERATED_IDENTITY: entry(
    'PostgreSQL 18 refuses updates and deletes of a published table with generated columns whose log carries whole rows.',
    'Give the table a primary key that is not deferrable, or exclude it.',
  ),
  GENERATED_KEY: entry(
    'The log does not carry generated columns, so that no row can be found by one.',
    'Make it a plain column with DROP EXPRESSION, or exclude the table.',
  ),
  GTID: entry(
    'MySQL without identifiers of transactions: nobody can tell where in the log of another server a run would have to go on.',
    'Enable GTIDs where the source may fail over during the run.',
  ),
  HASH_OF_ENUM: entry(
    'The hash of an enum is made of a number that differs from server to server: rows would be in the wrong partition.',
    EXCLUDE,
  ),
  ICU: entry(
    'convert.caseInsensitive: icu needs a PostgreSQL that was built with ICU.',
    'Set it to distinct, or take another target.',
  ),
  IDENTITY_IN_USE: entry(
    'Another publication has a list of columns of the table that only goes with its present replica identity.',
    'Publish all columns there, let the replica identity name the primary key, or exclude the table.',
  ),
  KAFKA: entry(
    'The brokers of Kafka cannot be reached, or do not let the run in.',
    'Correct stream.debezium.brokers, ssl and sasl.',
  ),
  KAFKA_GROUP: entry(
    'The user of the brokers may not use the consumer group of the run.',
    'Grant READ on groups that begin with migrate-.',
  ),
  KAFKA_REPLICATION: entry(
    'The log of the run would be on one broker only: with it the run would be lost.',
    'Raise stream.debezium.replicationFactor.',
  ),
  KAFKA_TOPIC: entry(
    'The topic of the run cannot be made.',
    'Grant the rights that the finding names, or lower stream.debezium.replicationFactor.',
  ),
  LARGE_OBJECTS: entry(
    'Large objects lie outside of all tables, and no log carries them. Only their numbers move.',
    'Move them by other means before the cutover, or store them in bytea columns.',
  ),
  LOCAL_INFILE: entry(
    'MySQL lets clients load rows in bulk only when local_infile is on. The run works without, and copies more slowly.',
    'SET GLOBAL local_infile = ON on the target for the time of the copy.',
  ),
  LOCKS: entry(
    'One transaction names every table, and the lock table of the server is too small for that.',
    'Raise max_locks_per_transaction and restart the server.',
  ),
  NAME_CASE: entry(
    'The target keeps names of databases and tables in lower case: two that differ in case only are one there.',
    'Rename one of them in tables.map, or use a server with lower_case_table_names = 0.',
  ),
  NOT_CARRIED: entry(
    'Objects of the selected schemas that are no rows and not needed by them stay behind.',
    'Make them on the target before the cutover where the applications need them.',
  ),
  NO_COLUMNS: entry('The log tells nothing of the rows of a table without columns.', EXCLUDE),
  NO_KEY: entry(
    'The table has no key that the run could use: its rows are found by all their values, which is slow for large tables.',
    'Nothing, or ADD PRIMARY KEY before the run begins.',
  ),
  NO_MATCH: entry('A pattern of tables.include matches no table.', 'Write it as schema.name; * stands for any text.'),
  NO_TABLES: entry('The plan selects no table.', 'Correct tables.include and tables.exclude.'),
  OBJECT_NAMES: entry(
    'The values of the column are names of database objects, which must exist on the target under the same name.',
    'Make these objects on the target before the run begins.',
  ),
  OLDER_TARGET: entry(
    'The target is an older version of PostgreSQL than the source: definitions may use what it does not have.',
    'Nothing when the rehearsal of the schema passes; else use a newer target.',
  ),
  OPEN_TRANSACTION: entry(
    'A transaction has been open for long. The start waits for its end: before that there is no exact moment to begin at.',
    'End it, or wait for it.',
  ),
  ...ORACLE_FINDING_CODES,
  ORPHANS: entry(
    'MySQL and MariaDB: rows refer to none in spite of a foreign key. The target may refuse the foreign key, or have it violated from the start.',
    'Correct or delete the rows on the source.',
  ),
  OWNER: entry(
    'Only the owner of a table may publish it, put the fence on it and set its replica identity.',
    'GRANT the owning role to the role of source.url.',
  ),
  PACKET: entry(
    'A row, or the description of all tables, has to fit into one packet of MySQL.',
    'Raise max_allowed_packet on the target.',
  ),
  PARENT: entry(
    'A part of a table is selected and the table is not: writes through it could not be stopped.',
    'Select the table, too.',
  ),
  PARTITIONED: entry(
    'Partitions that are made, attached, detached or dropped during the run stop it: the log has nothing of what it does not know.',
    'Make those that will be needed before the run begins, and pause what makes or drops them by a schedule.',
  ),
  PART_LEFT_OUT: entry(
    'A part of a selected table is not selected: its rows stay behind.',
    'Select it, unless that is what you want.',
  ),
  PREPARED_TRANSACTION: entry(
    'A prepared transaction never ends by itself, and the start waits for its end.',
    'COMMIT PREPARED or ROLLBACK PREPARED, in the database that it was prepared in; XA COMMIT or XA ROLLBACK.',
  ),
  PUBLICATION: entry('A publication with the name that this run gives its own belongs to another role.', 'Drop it.'),
  READ_ONLY: entry(
    'The server or the database refuses writes, and the run writes on both sides.',
    'Set default_transaction_read_only, or read_only, to off.',
  ),
  RENAME: entry(
    'tables.map names something that is not there, gives two things one name, or a name that the target cannot have.',
    'Correct tables.map in the plan.',
  ),
  REPLICA: entry(
    'MySQL and MariaDB: what replication writes fires no trigger, so that the fence does not stop it; in a cluster locks hold on one member only.',
    'Stop what writes past the fence before the cutover.',
  ),
  REPLICATION: entry(
    'Only a role with the attribute REPLICATION may read the log.',
    'ALTER ROLE … REPLICATION; a managed service has a role of its own for it.',
  ),
  REPLICATION_ROLE: entry(
    'The role may not switch triggers and foreign keys off for its own sessions on the target. The run works without: ' +
      'foreign keys are added in the cutover and checked after it.',
    'To have them built before: GRANT SET ON PARAMETER session_replication_role to the role of target.url (from PostgreSQL 15).',
  ),
  REPLICATION_SLOTS: entry(
    'The source has too few free replication slots.',
    'Raise max_replication_slots and restart the server, or drop slots that nobody uses.',
  ),
  REPLICA_IDENTITY: entry(
    'The log does not name the rows that change by their key: the run sets the replica identity for its time.',
    'Nothing, or set it yourself before the run begins.',
  ),
  REVERSE: entry(
    'The plan asks for a way back after the cutover, which this version prepares and does not run: `migrate check` tells what the target lacks for it.',
    'Set cutover.reverse: off in the plan, which says that there is no way back.',
  ),
  RIGHT: entry(
    'MySQL, MariaDB and Oracle: the account of the url lacks a right that the run needs, or could use where it is a warning.',
    'Run the GRANT that the finding prints; migrate grants prints all of them.',
  ),
  ROW_SECURITY: entry(
    'Policies would hide rows of the table from the run.',
    'ALTER ROLE … BYPASSRLS for the role of source.url, or let it own the table.',
  ),
  RULE: entry('A rule rewrites what is written to the table, on the target a second time.', EXCLUDE),
  SAME_DATABASE: entry('Source and target are one database.', 'Name another database in target.url.'),
  SELECT: entry(
    'The run reads every row of the tables, and every sequence.',
    'GRANT SELECT to the role of source.url.',
  ),
  SIGNAL: entry(
    'The plan ends transactions that keep the freeze waiting, and only some roles may end those of others.',
    'GRANT pg_signal_backend to the role of source.url, or set cutover.openTransactions to wait.',
  ),
  SLOT: entry(
    'A replication slot with the name that this run gives its own was made for something else.',
    'Drop it when nobody needs it.',
  ),
  SLOT_IDLE_TIMEOUT: entry(
    'The server drops the log of a run that is paused, or was killed, for longer than this.',
    'Set idle_replication_slot_timeout to 0 for the time of the run.',
  ),
  SLOT_KEEP_SIZE: entry(
    'The server drops the log that a run still needs once it exceeds this size; the run cannot go on from there.',
    'Set max_slot_wal_keep_size to -1 for the time of the run, or make sure that it is large enough.',
  ),
  SOURCE_KIND: entry(
    'MySQL and MariaDB: source.kind names the one, and the other answers.',
    'Correct source.kind, or name another server in source.url.',
  ),
  STANDBY: entry('The server is a standby and cannot be written to.', 'Name the primary in the url.'),
  STATISTICS: entry(
    'The role cannot see how long transactions of other roles have been open: long ones are not found before the start.',
    'GRANT pg_read_all_stats to the role of source.url.',
  ),
  SUBSCRIPTION: entry(
    'Rows that a subscription writes pass the fence: writes would go on during the freeze.',
    'Disable the subscription before the run begins.',
  ),
  SYSTEM_VERSIONED: entry(
    'MariaDB: the history of a table with system versioning is written by the server alone and cannot be carried.',
    'ALTER TABLE … DROP SYSTEM VERSIONING, or exclude the table.',
  ),
  TARGET_COLLATION: entry(
    'A column has a collation that the target does not know.',
    'Change the collation on the source, or use a newer target.',
  ),
  TARGET_COLUMN: entry(
    'A column of a table that was made by hand cannot take what the source holds, or demands a value the source lacks.',
    'Change the column on the target as the finding says.',
  ),
  TARGET_CONSTRAINT: entry(
    'MySQL: the name of a check, and that of a foreign key, is given once in a database, and another table has it there.',
    'Give that constraint of the target another name; where both tables are of the run, do so on the source.',
  ),
  TARGET_FIRES: entry(
    'A trigger, rule or foreign key of a table that was made by hand would act on the rows that the run writes.',
    'Disable or drop it on the target until the cutover is over, or let the role set session_replication_role.',
  ),
  TARGET_KEY: entry(
    'The columns by which the rows of a table are found are not unique on the target.',
    'Add a primary key or a unique constraint on them.',
  ),
  TARGET_LABEL: entry('An enum of the target lacks a label of the source.', 'ALTER TYPE … ADD VALUE on the target.'),
  TARGET_LACKS: entry(
    'The source has it, the target that was prepared by hand does not, and the run will not make it.',
    'Make it yourself if you want it, before the run or after it.',
  ),
  TARGET_NOT_EMPTY: entry(
    'A table of the run exists on the target, and the run did not make it. Nothing of it is touched.',
    'Move it to another schema or drop it.',
  ),
  TARGET_OWNER: entry(
    'The role does not own a table that was made by hand on the target: it could not close it to applications.',
    'Make the role of target.url a member of the owner.',
  ),
  TARGET_POLICY: entry(
    'Row policies of the target apply to the role: rows might be refused or stay unseen.',
    'ALTER TABLE … NO FORCE ROW LEVEL SECURITY until the cutover is over.',
  ),
  TARGET_PRIMARY_KEY: entry(
    'The target takes no tables without a primary key, or adds one by itself.',
    'Give the table a primary key, exclude it, or change the setting of the target.',
  ),
  TARGET_ROWS: entry('A table that was made by hand has rows already.', 'Empty it on the target, or exclude it.'),
  TARGET_SEQUENCE: entry(
    'A sequence of the run exists on the target, and the run did not make it.',
    'Move it to another schema or drop it.',
  ),
  TARGET_SERVER: entry('MariaDB is supported as a source only.', 'Name a MySQL or PostgreSQL server in target.url.'),
  TARGET_TABLE: entry(
    'With schema.target: existing every table must be on the target, as a plain table.',
    'Make it, or exclude it.',
  ),
  TARGET_TABLE_GONE: entry(
    'A table that the run made on the target is gone.',
    'Find out who dropped it, then abort with --drop and start again.',
  ),
  TARGET_TYPE: entry(
    'A type of the run exists on the target, and the run did not make it.',
    'Move it to another schema or drop it.',
  ),
  TRIGGER_CREATORS: entry(
    'MySQL and MariaDB: where a server writes a log, only accounts with SUPER may make triggers, and the fence is made of them.',
    'Set log_bin_trust_function_creators to ON until the run is over.',
  ),
  TYPED_TABLE: entry('This version does not carry tables that are made of a composite type.', EXCLUDE),
  UNLOGGED: entry('The log holds no rows of an unlogged table.', 'ALTER TABLE … SET LOGGED, or exclude the table.'),
  USAGE: entry(
    'Nothing in a schema can be read, and no type of it be named, without the right to use it.',
    'GRANT USAGE ON SCHEMA to the role of the url.',
  ),
  VERSION: entry(
    'The version of the server is older than what is supported, or newer than what was tested.',
    'Upgrade the server, or test a migration with a copy first.',
  ),
  WAL_LEVEL: entry(
    'Below wal_level logical the log does not say which rows changed.',
    "ALTER SYSTEM SET wal_level = 'logical', then restart the source.",
  ),
  WAL_SENDERS: entry(
    'The source has too few free senders of its log.',
    'Raise max_wal_senders and restart the server.',
  ),
  ZERO_DATE: entry(
    'MySQL and MariaDB keep dates that are no days, such as 0000-00-00; PostgreSQL has none.',
    'Correct them on the source, or say in convert.zeroDates of the plan what becomes of them.',
  ),
} as const satisfies Record<string, FindingEntry>;

/** Without the prefix: `WAL_LEVEL`. */
export type FindingCode = keyof typeof FINDING_CODES;

export const FINDING_PREFIX = 'PREFLIGHT.';
