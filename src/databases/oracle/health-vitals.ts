// The statements that read the vital signs of an Oracle server, and who or what stands behind one that is too high. Nothing here is of
// the views that need a licence of the Diagnostics Pack, and each is read every few seconds: none goes through the extents of
// a tablespace.

import type { Vital } from '../health.ts';
import { OWN_PREFIX } from './own-tables.ts';
import { quoteLiteral } from './sql.ts';
import { WAITS_FOR_LOCK } from './write/lock-waits.ts';

/** By what a session waits for, in the words that the server has for it. */
const WAITS = {
  redo: [
    "EVENT IN ('log file sync', 'log buffer space')",
    // For room, for a checkpoint, for the archiver.
    "EVENT LIKE 'log file switch%'",
  ],
  // No free buffer, or one that somebody else is at.
  buffers: ["EVENT IN ('free buffer waits', 'buffer busy waits', 'write complete waits')", "EVENT LIKE 'gc%busy%'"],
  // A block that splits, where many insert at the end of an index.
  indexes: ["EVENT = 'enq: TX - index contention'"],
} as const;

function waiting(kinds: readonly string[]): string {
  return `SELECT COUNT(*) FROM V$SESSION
    WHERE TYPE = 'USER' AND STATE = 'WAITING' AND (${kinds.join(' OR ')})`;
}

/** What most of them wait for. */
function mostOf(kinds: readonly string[]): string {
  return `SELECT EVENT FROM V$SESSION
    WHERE TYPE = 'USER' AND STATE = 'WAITING' AND (${kinds.join(' OR ')})
    GROUP BY EVENT ORDER BY COUNT(*) DESC FETCH FIRST 1 ROWS ONLY`;
}

/** A session, as an administrator needs it to find or to end it; `s` is V$SESSION. */
const SESSION = `'session ' || s.SID || ',' || s.SERIAL# || ' (user ' || s.USERNAME || ', ' || NVL(s.MODULE, s.PROGRAM) || ')'`;

/** The undo tablespace of this instance: of a cluster each has its own. */
const UNDO_BLOCKS = `(SELECT SUM(GREATEST(f.BLOCKS, f.MAXBLOCKS)) FROM DBA_DATA_FILES f
    WHERE f.TABLESPACE_NAME = (SELECT UPPER(p.VALUE) FROM V$PARAMETER p WHERE p.NAME = 'undo_tablespace'))`;

/** Where the run's tables are, which the triggers of its fence stand on, and its journal. */
const OWN_TABLESPACES = `(SELECT t.TABLESPACE_NAME FROM USER_TRIGGERS g
      JOIN ALL_TABLES t ON t.OWNER = g.TABLE_OWNER AND t.TABLE_NAME = g.TABLE_NAME
      WHERE SUBSTR(g.TRIGGER_NAME, 1, ${OWN_PREFIX.length}) = ${quoteLiteral(OWN_PREFIX)}
    UNION SELECT u.DEFAULT_TABLESPACE FROM USER_USERS u)`;

export const VITALS: readonly Vital[] = [
  { name: 'answer', sql: 'SELECT 1 FROM DUAL' },
  {
    // A server has as many sessions as processes to serve them; UNLIMITED is not a number.
    name: 'connections',
    sql: `SELECT MAX(ROUND(100 * CURRENT_UTILIZATION / TO_NUMBER(TRIM(LIMIT_VALUE)), 1)) FROM V$RESOURCE_LIMIT
      WHERE RESOURCE_NAME IN ('processes', 'sessions') AND TRIM(LIMIT_VALUE) NOT IN ('UNLIMITED', '0')`,
  },
  {
    // The question itself runs, too.
    name: 'runningStatements',
    sql: `SELECT COUNT(*) - 1 FROM V$SESSION WHERE STATUS = 'ACTIVE' AND TYPE = 'USER'`,
  },
  {
    name: 'hostLoad',
    sql: `SELECT ROUND(100 * MAX(CASE WHEN STAT_NAME = 'LOAD' THEN VALUE END)
        / MAX(CASE WHEN STAT_NAME = 'NUM_CPUS' THEN VALUE END), 1) FROM V$OSSTAT`,
  },
  {
    name: 'lockWaits',
    sql: `SELECT COUNT(*) FROM V$SESSION WHERE BLOCKING_SESSION IS NOT NULL AND ${WAITS_FOR_LOCK}`,
    // Who blocks may wait in turn: the one at the end of the line.
    behind: `SELECT MAX(${SESSION}) || ' blocks ' || COUNT(*)
      FROM (SELECT FINAL_BLOCKING_SESSION, FINAL_BLOCKING_INSTANCE FROM V$SESSION WHERE ${WAITS_FOR_LOCK}) w
      JOIN GV$SESSION s
        ON s.SID = w.FINAL_BLOCKING_SESSION AND s.INST_ID = w.FINAL_BLOCKING_INSTANCE
      GROUP BY s.INST_ID, s.SID ORDER BY COUNT(*) DESC FETCH FIRST 1 ROWS ONLY`,
  },
  { name: 'redoWaits', sql: waiting(WAITS.redo), behind: mostOf(WAITS.redo) },
  { name: 'bufferWaits', sql: waiting(WAITS.buffers), behind: mostOf(WAITS.buffers) },
  { name: 'indexWaits', sql: waiting(WAITS.indexes), behind: mostOf(WAITS.indexes) },
  {
    // What a recovery would have to read: when that is all of it, everybody waits for the next checkpoint.
    name: 'logPressure',
    sql: `SELECT ROUND(100 * SUM(CASE WHEN STATUS IN ('CURRENT', 'ACTIVE') THEN BYTES ELSE 0 END) / SUM(BYTES), 1)
      FROM V$LOG`,
  },
  {
    // Of transactions that are open, which alone cannot be overwritten. What has ended fills any undo tablespace sooner or later.
    name: 'undo',
    // Beside a sum of its own a query may have no other query.
    sql: `SELECT ROUND(100 * (SELECT NVL(SUM(x.USED_UBLK), 0) FROM V$TRANSACTION x) / ${UNDO_BLOCKS}, 1) FROM DUAL`,
    behind: `SELECT ${SESSION} || ' has the most' FROM V$TRANSACTION x JOIN V$SESSION s ON s.SADDR = x.SES_ADDR
      ORDER BY x.USED_UBLK DESC FETCH FIRST 1 ROWS ONLY`,
  },
  {
    // Of what it may grow to by itself.
    name: 'tablespace',
    sql: `SELECT NVL(MAX(ROUND(m.USED_PERCENT, 1)), 0) FROM DBA_TABLESPACE_USAGE_METRICS m
      WHERE m.TABLESPACE_NAME IN ${OWN_TABLESPACES}`,
    behind: `SELECT m.TABLESPACE_NAME FROM DBA_TABLESPACE_USAGE_METRICS m
      WHERE m.TABLESPACE_NAME IN ${OWN_TABLESPACES} ORDER BY m.USED_PERCENT DESC FETCH FIRST 1 ROWS ONLY`,
  },
  {
    // When it is full nobody can commit. What the server takes back by itself is not in use.
    name: 'recoveryArea',
    sql: `SELECT NVL(MAX(CASE WHEN SPACE_LIMIT > 0 THEN ROUND(100 * (SPACE_USED - SPACE_RECLAIMABLE) / SPACE_LIMIT, 1) END), 0)
      FROM V$RECOVERY_FILE_DEST`,
    behind: 'SELECT MAX(NAME) FROM V$RECOVERY_FILE_DEST WHERE SPACE_LIMIT > 0',
  },
  {
    // V$DATAGUARD_STATS has rows on a standby only.
    name: 'replicaLag',
    sql: `SELECT GREATEST(NVL(MAX(ROUND(86400000
        * (CAST(SYSTIMESTAMP AS DATE) - CAST(SCN_TO_TIMESTAMP(APPLIED_SCN) AS DATE)))), 0), 0)
      FROM V$ARCHIVE_DEST WHERE TARGET = 'STANDBY' AND STATUS = 'VALID' AND APPLIED_SCN > 0`,
    behind: `SELECT DESTINATION FROM V$ARCHIVE_DEST WHERE TARGET = 'STANDBY' AND STATUS = 'VALID' AND APPLIED_SCN > 0
      ORDER BY APPLIED_SCN FETCH FIRST 1 ROWS ONLY`,
  },
];
