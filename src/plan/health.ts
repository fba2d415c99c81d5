// Plan section `health`: when the servers are taken for unwell, so that the run holds what loads them.

import { z } from 'zod';
import { count, duration, durationLimit, limit, sizeLimit } from './units.ts';

const HOLDS_COPY = 'Holds the copy and the comparison.';
const HOLDS_ALL = 'Holds the copy, the comparison and the apply.';
const TELLS = 'Only told, in the status: to hold the run would make it worse.';

const CRITICAL = 'See `onCritical`.';

const connections = (holds: string, limitOf: number | 'off' = 95) =>
  limit({
    about: `Connections in use, in percent of those that ordinary users may open. ${holds}`,
    default: limitOf,
    min: 1,
    max: 100,
  });

const runningStatements = (holds: string) =>
  limit({
    about: `Statements that run at one time, the run's own included. On PostgreSQL it takes a member of pg_read_all_stats. ${holds}`,
    default: 'off',
    min: 1,
    max: 100_000,
  });

const lockWaits = (holds: string) =>
  limit({
    about: `Sessions that wait for a lock at one time. On PostgreSQL it takes a member of pg_read_all_stats. ${holds}`,
    default: 'off',
    min: 0,
    max: 100_000,
  });

const logPressure = (holds: string) =>
  limit({
    about: `Log written since the last checkpoint, in percent of what the server keeps for that (PostgreSQL: max_wal_size, of which a burst may take more than 100; MySQL: innodb_redo_log_capacity; MariaDB: the largest checkpoint age). ${holds}`,
    default: 'off',
    min: 1,
    max: 1_000,
  });

const replicaLag = (holds: string) =>
  durationLimit({
    about: `How far the slowest replica is behind: its physical standbys, which on PostgreSQL takes a member of pg_read_all_stats and on Oracle V_$ARCHIVE_DEST, and those that \`replicas\` names; MySQL and MariaDB know of no others. ${holds}`,
    default: 'off',
    min: '10ms',
    max: '24h',
  });

const dataSize = (holds: string) =>
  sizeLimit({
    about: `What all databases of the server take on its disks: on PostgreSQL without the log, for a member of pg_read_all_stats; on MySQL the data files of InnoDB, which takes PROCESS. No server tells how much is free. Every file is looked at, so with ten thousands of tables raise \`health.interval\`. ${holds}`,
    default: 'off',
    min: '1MB',
    max: '100000000GB',
  });

const replicas = z
  .array(z.string())
  .max(20)
  .prefault([])
  .describe(
    'Urls of replicas in the form of the url of their side, for `replicaLag`: each is asked itself how far it is behind, in whole seconds on MySQL, where the account needs REPLICATION CLIENT (MariaDB: REPLICA MONITOR). One that does not answer or does not replicate holds as well. MySQL from 8.0.22.',
  );

/** Limits above which nothing is waited for. */
const critical = z
  .strictObject({
    connections: connections(CRITICAL, 'off'),
    runningStatements: runningStatements(CRITICAL),
    lockWaits: lockWaits(CRITICAL),
    logPressure: logPressure(CRITICAL),
    replicaLag: replicaLag(CRITICAL),
  })
  .prefault({})
  .describe('Limits above which one reading is enough; only where the limit of the same name is not `off`.');

const historyLength = (holds: string, limitOf: number | 'off') =>
  limit({
    about: `Old versions of rows that InnoDB keeps for who may still read them; on MySQL it takes PROCESS. ${holds}`,
    default: limitOf,
    min: 1,
    max: 1_000_000_000_000,
  });

const ORACLE = 'Oracle only.';

/** What only a target has. */
const oracleLimits = {
  hostLoad: limit({
    about: `Processes that run or could run on the server's machine, in percent of its processors; it takes V_$OSSTAT. ${ORACLE} ${HOLDS_ALL}`,
    default: 'off',
    min: 1,
    max: 100_000,
  }),
  redoWaits: limit({
    about: `Sessions that wait for the redo log at one time: for its flush (log file sync), its buffer, or a switch; it takes V_$SESSION. ${ORACLE} ${HOLDS_ALL}`,
    default: 'off',
    min: 0,
    max: 100_000,
  }),
  commitTime: durationLimit({
    about: `How long the run's own commits take, on the average of those since the last reading: the redo flush as every account can see it. ${ORACLE} ${HOLDS_ALL}`,
    default: 'off',
    min: '1ms',
    max: '10m',
  }),
  bufferWaits: limit({
    about: `Sessions that wait for the buffer cache at one time: for a free buffer, or for one that somebody else is at; it takes V_$SESSION. ${ORACLE} ${HOLDS_ALL}`,
    default: 'off',
    min: 0,
    max: 100_000,
  }),
  indexWaits: limit({
    about: `Sessions that wait at one time for a block of an index that splits; it takes V_$SESSION. ${ORACLE} ${HOLDS_ALL}`,
    default: 'off',
    min: 0,
    max: 100_000,
  }),
  undo: limit({
    about: `Undo of open transactions, in percent of what the undo tablespace may grow to: at 100 statements fail with ORA-30036. It takes V_$TRANSACTION, V_$PARAMETER and DBA_DATA_FILES. ${ORACLE} ${HOLDS_ALL}`,
    default: 85,
    min: 1,
    max: 100,
  }),
  tablespace: limit({
    about: `The fullest of the tablespaces that the run writes to, in percent of what it may grow to; it takes DBA_TABLESPACE_USAGE_METRICS. ${ORACLE} ${HOLDS_ALL}`,
    default: 97,
    min: 1,
    max: 100,
  }),
  recoveryArea: limit({
    about: `The recovery area, in percent of its size, without what the server can take back: at 100 nobody can commit. It takes V_$RECOVERY_FILE_DEST. ${ORACLE} ${HOLDS_ALL}`,
    default: 90,
    min: 1,
    max: 100,
  }),
};

const sourceSchema = z
  .strictObject({
    connections: connections(HOLDS_COPY),
    runningStatements: runningStatements(HOLDS_COPY),
    lockWaits: lockWaits(HOLDS_COPY),
    logPressure: logPressure(HOLDS_COPY),
    replicaLag: replicaLag(HOLDS_COPY),
    replicas,
    critical,
    historyLength: historyLength(TELLS, 1_000_000),
    retainedLog: limit({
      about: `Log that a PostgreSQL server keeps for the slot that is furthest behind, in percent of max_slot_wal_keep_size, where that is set: at 100 the slot is lost. ${TELLS}`,
      default: 80,
      min: 1,
      max: 100,
    }),
  })
  .prefault({})
  .describe('Limits of the source. Reading its log is never held.');

const targetSchema = z
  .strictObject({
    connections: connections(HOLDS_ALL),
    runningStatements: runningStatements(HOLDS_ALL),
    lockWaits: lockWaits(HOLDS_ALL),
    logPressure: logPressure(HOLDS_ALL),
    replicaLag: replicaLag(HOLDS_ALL),
    dataSize: dataSize(HOLDS_ALL),
    replicas,
    critical,
    historyLength: historyLength(HOLDS_ALL, 'off'),
    ...oracleLimits,
  })
  .prefault({})
  .describe('Limits of the target.');

const NUMBER = { error: 'must be a number' };

const probeFields = {
  name: z
    .string()
    .regex(/^[A-Za-z][A-Za-z0-9 _-]{0,39}$/, {
      error: 'must be a letter, then up to 39 letters, digits, blanks, _ and -',
    })
    .describe('What the status, the log and the metrics call it.'),
  side: z
    .enum(['source', 'target'])
    .describe('Whose health it is: that of the source holds the copy, that of the target everything.'),
  max: z.number(NUMBER).describe('Above this number the side is unwell.'),
  critical: z
    .number(NUMBER)
    .optional()
    .describe(
      'Above this number one reading is enough, see `onCritical`. Without it: `health.after` readings, as above `max`.',
    ),
};

const sqlProbe = z
  .strictObject({
    kind: z.literal('sql').describe('A statement of yours.'),
    ...probeFields,
    sql: z
      .string()
      .min(1)
      .describe(
        'One statement whose only value is a number. It runs on its side, as the user of the url, read only, for 5 s at most.',
      ),
  })
  .describe('A statement that the server of its side answers with a number.');

const httpProbe = z
  .strictObject({
    kind: z.literal('http').describe('A service of yours.'),
    ...probeFields,
    url: z
      .string()
      .refine((text) => /^https?:\/\//.test(text) && URL.canParse(text), { error: 'must be an http or https url' })
      .describe(
        'Asked with GET. An answer of 200 whose body is a number is a reading; anything else is none, and unwell.',
      ),
  })
  .describe('A service that answers with a number.');

const diskProbe = z
  .strictObject({
    kind: z.literal('disk').describe('A disk of the machine that the run is on.'),
    ...probeFields,
    path: z
      .string()
      .min(1)
      .describe(
        'A folder. What is read is how full its file system is, in percent, as `df` has it: where the server has its data on this machine. A worker reads its own machine.',
      ),
  })
  .describe('How full a disk is that this machine sees, in percent.');

export const healthSchema = z
  .strictObject({
    interval: duration({
      about:
        'How often every probe is read. One that gives no reading for one and a half of it counts as above its limit.',
      default: '2s',
      min: '100ms',
      max: '5m',
    }),
    after: count({
      about: 'How many readings in a row must be above a limit, or missing, until a side is unwell.',
      default: 2,
      min: 1,
      max: 100,
    }),
    recover: duration({
      about: 'How long every reading must be within its limit until work goes on.',
      default: '10s',
      min: '0ms',
      max: '24h',
    }),
    onCritical: z
      .enum(['hold', 'pause'])
      .default('hold')
      .describe(
        'What one reading above a critical limit does. hold: what loads its side is held at once, and goes on by itself. pause: besides, the run is paused until `migrate resume`, but not in a freeze.',
      ),
    source: sourceSchema,
    target: targetSchema,
    probes: z
      .array(z.discriminatedUnion('kind', [sqlProbe, httpProbe, diskProbe]))
      .prefault([])
      .refine((probes) => new Set(probes.map(({ side, name }) => `${side} ${name}`)).size === probes.length, {
        error: 'must have names of their own',
      })
      .describe('Probes of your own, read beside those of the servers.'),
  })
  .prefault({})
  .describe(
    'When the servers are taken for unwell. What loads them is then held between two transactions, and goes on by itself; a cutover does not begin. A limit that is `off` is not looked at.',
  );
