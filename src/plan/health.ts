// Plan section `health`: when the servers are taken for unwell, so that the run holds what loads them.

import { z } from 'zod';
import { count, duration, durationLimit, limit } from './units.ts';

const HOLDS_COPY = 'Holds the copy and the comparison.';
const HOLDS_ALL = 'Holds the copy, the comparison and the apply.';
const TELLS = 'Only told, in the status: to hold the run would make it worse.';

const connections = (holds: string) =>
  limit({
    about: `Connections in use, in percent of those that ordinary users may open. ${holds}`,
    default: 95,
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
    about: `How far the slowest physical standby of a PostgreSQL server is behind; it takes a member of pg_read_all_stats. ${holds}`,
    default: 'off',
    min: '10ms',
    max: '24h',
  });

const historyLength = (holds: string, limitOf: number | 'off') =>
  limit({
    about: `Old versions of rows that InnoDB keeps for who may still read them; on MySQL it takes PROCESS. ${holds}`,
    default: limitOf,
    min: 1,
    max: 1_000_000_000_000,
  });

const sourceSchema = z
  .strictObject({
    connections: connections(HOLDS_COPY),
    runningStatements: runningStatements(HOLDS_COPY),
    lockWaits: lockWaits(HOLDS_COPY),
    logPressure: logPressure(HOLDS_COPY),
    replicaLag: replicaLag(HOLDS_COPY),
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
    historyLength: historyLength(HOLDS_ALL, 'off'),
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
      'Above this number everything is held at the first reading. Without it: after `health.after` readings, as above `max`.',
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
  .describe('A service that answers with a number, such as the free space of a disk.');

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
    source: sourceSchema,
    target: targetSchema,
    probes: z
      .array(z.discriminatedUnion('kind', [sqlProbe, httpProbe]))
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
