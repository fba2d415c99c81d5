// The tables of a run's journal, in the schema of its account, besides the lease, the fence and the pass.

import { OWN_PREFIX, ownTable } from '../own-tables.ts';
import { quoteName } from '../sql.ts';

const RUN = '"RUN" VARCHAR2(200 CHAR) NOT NULL';
/** Two names of 128 bytes, each quoted and every character of it doubled. */
const TABLE_ID = '"TABLE_ID" VARCHAR2(520 CHAR) NOT NULL';
/** A position can hold a set of transactions of many servers. Where it is compared, its digest stands beside it. */
const POSITION = 'CLOB';
/** In UTC: that is the time zone of every session of ours. */
const NOW = 'TIMESTAMP(6) DEFAULT LOCALTIMESTAMP NOT NULL';

/** Which hold rows of a run, besides its own record; the audit outlives it. */
export const RUN_TABLES = [
  'STAGE',
  'TABLES',
  'CHUNK',
  'KEY_CHUNK',
  'CHECKPOINT',
  'CUTOVER',
  'TABLE_STATE',
  'DEAD_LETTER',
  'WORKER',
];

/** Of every part of a run; the order does not matter. Not the one of the locks, which outlives the rest. */
export const OWN_TABLES = ['LEASE', 'FENCE', 'PASS', 'MADE', 'RUN', 'AUDIT', ...RUN_TABLES];

/** By the name of the table. Texts that can be empty are NULL then. JSON is kept as the text it was. */
const COLUMNS: Readonly<Record<string, readonly string[]>> = {
  RUN: [
    '"NAME" VARCHAR2(200 CHAR) NOT NULL',
    '"ID" VARCHAR2(64) NOT NULL',
    '"FORMAT" NUMBER(10) NOT NULL',
    '"PLAN_HASH" VARCHAR2(400 CHAR) NOT NULL',
    '"PLAN_FIELDS" CLOB NOT NULL',
    '"SOURCE_IDENTITY" CLOB',
    '"SOURCE_LINEAGE" CLOB',
    '"TARGET_IDENTITY" CLOB',
    `"START_POSITION" ${POSITION}`,
    `"SETTLED" ${POSITION}`,
    '"CATALOG" CLOB NOT NULL',
    '"FINGERPRINT" CLOB',
    '"ADDED" CLOB NOT NULL',
    '"JOINING" CLOB NOT NULL',
    '"LANES" NUMBER(10) NOT NULL',
    '"HELD" VARCHAR2(40)',
    // How fast an operator lets it be; NULL: as the plan says.
    '"THROTTLE" CLOB',
    `"OUTCOME" VARCHAR2(20) DEFAULT 'running' NOT NULL`,
    `"CREATED_AT" ${NOW}`,
    // How the last attempt ended; NULL while one is at work, and after one that was killed.
    '"ENDED" CLOB',
    // The id that was given to a worker last.
    '"WORKERS" NUMBER(10) DEFAULT 0 NOT NULL',
    key('RUN', ['NAME']),
  ],
  STAGE: [
    RUN,
    '"STAGE" VARCHAR2(40) NOT NULL',
    `"STARTED_AT" ${NOW}`,
    '"FINISHED_AT" TIMESTAMP(6)',
    '"RESULT" CLOB NOT NULL',
    key('STAGE', ['RUN', 'STAGE']),
  ],
  TABLES: [
    RUN,
    TABLE_ID,
    '"LANE" NUMBER(10) NOT NULL',
    '"SPREAD" NUMBER(1) NOT NULL',
    '"BOUNDS" CLOB',
    key('TABLES', ['RUN', 'TABLE_ID']),
  ],
  CHUNK: [
    RUN,
    TABLE_ID,
    '"ORDINAL" NUMBER(10) NOT NULL',
    `"AT" ${POSITION}`,
    '"ROWS" NUMBER(19) DEFAULT 0 NOT NULL',
    '"DONE_AT" TIMESTAMP(6)',
    // Whom it was given to: a worker, or NULL for whoever leads. Void when the run's epoch is a later one.
    '"CLAIM_EPOCH" NUMBER(19)',
    '"CLAIMED_BY" NUMBER(10)',
    key('CHUNK', ['RUN', 'TABLE_ID', 'ORDINAL']),
  ],
  // A key can be longer than what an index takes.
  KEY_CHUNK: [
    RUN,
    TABLE_ID,
    '"KEY_HASH" VARCHAR2(64) NOT NULL',
    '"KEY" CLOB NOT NULL',
    `"AT" ${POSITION} NOT NULL`,
    key('KEY_CHUNK', ['RUN', 'TABLE_ID', 'KEY_HASH']),
  ],
  CHECKPOINT: checkpointColumns(),
  CUTOVER: [
    RUN,
    '"ATTEMPT" NUMBER(10) NOT NULL',
    '"PHASE" VARCHAR2(20) NOT NULL',
    '"DETAIL" CLOB NOT NULL',
    `"UPDATED_AT" ${NOW}`,
    key('CUTOVER', ['RUN', 'ATTEMPT']),
  ],
  // What was asked for single tables; the others are carried.
  TABLE_STATE: [
    RUN,
    TABLE_ID,
    '"STATE" VARCHAR2(20) NOT NULL',
    '"BY" CLOB',
    '"REASON" CLOB',
    `"AT" ${NOW}`,
    key('TABLE_STATE', ['RUN', 'TABLE_ID']),
  ],
  // Row changes that the target refused, with those that follow them on the same keys. Keys and rows are JSON arrays: a text,
  // null, {} for a value that the log did not carry. The order is that of the changes, also where a server has several instances.
  DEAD_LETTER: [
    '"ID" NUMBER(19) GENERATED ALWAYS AS IDENTITY (NOCACHE ORDER)',
    RUN,
    TABLE_ID,
    '"KEY" CLOB NOT NULL',
    '"NEW_KEY" CLOB',
    `"POSITION" ${POSITION} NOT NULL`,
    '"OP" VARCHAR2(10) NOT NULL',
    '"PAYLOAD" CLOB',
    '"SQLSTATE" VARCHAR2(5)',
    '"CONSTRAINT" VARCHAR2(4000)',
    '"COLUMN" VARCHAR2(4000)',
    `"STATE" VARCHAR2(20) DEFAULT 'open' NOT NULL`,
    '"BY" CLOB',
    '"REASON" CLOB',
    `"CREATED_AT" ${NOW}`,
    '"SETTLED_AT" TIMESTAMP(6)',
    key('DEAD_LETTER', ['RUN', 'ID']),
  ],
  // The further processes that work on a run.
  WORKER: [
    RUN,
    '"ID" NUMBER(10) NOT NULL',
    '"NAME" CLOB',
    `"JOINED_AT" ${NOW}`,
    `"BEAT_AT" ${NOW}`,
    '"DOING" CLOB',
    '"CHANGES" NUMBER(19) DEFAULT 0 NOT NULL',
    '"EPOCH" NUMBER(19)',
    `"LANES" CLOB DEFAULT '[]' NOT NULL`,
    key('WORKER', ['RUN', 'ID']),
  ],
  AUDIT: [RUN, `"AT" ${NOW}`, '"ACTOR" VARCHAR2(4000)', '"COMMAND" VARCHAR2(4000)', '"DETAIL" CLOB'],
};

/** By the name of the table, one statement each. */
export const JOURNAL_SCHEMA: ReadonlyMap<string, string> = new Map(
  Object.entries(COLUMNS).map(([name, columns]) => [name, createTable(name, columns)]),
);

/** Another table of checkpoints, as a measurement has. */
export function checkpointSchema(prefix: string): string {
  return createTable('CHECKPOINT', checkpointColumns(prefix), prefix);
}

function checkpointColumns(prefix?: string): readonly string[] {
  return [
    RUN,
    '"DIRECTION" VARCHAR2(10) NOT NULL',
    '"LANE" NUMBER(10) NOT NULL',
    `"POSITION" ${POSITION} NOT NULL`,
    '"POSITION_HASH" VARCHAR2(64) NOT NULL',
    '"CHANGES" NUMBER(19) DEFAULT 0 NOT NULL',
    // Transactions of the source that were committed in parts; counted by lane 0.
    '"SPLITS" NUMBER(19) DEFAULT 0 NOT NULL',
    `"UPDATED_AT" ${NOW}`,
    key('CHECKPOINT', ['RUN', 'DIRECTION', 'LANE'], prefix),
  ];
}

function createTable(name: string, columns: readonly string[], prefix = OWN_PREFIX): string {
  return `CREATE TABLE ${ownTable(name, prefix)} (\n  ${columns.join(',\n  ')}\n)`;
}

function key(table: string, columns: readonly string[], prefix = OWN_PREFIX): string {
  return `CONSTRAINT ${ownTable(`${table}_PK`, prefix)} PRIMARY KEY (${columns.map(quoteName).join(', ')})`;
}
