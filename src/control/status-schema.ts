// The status as the API documents it. Every field of a status has its line here; a test compares the two.

import { z } from 'zod';
import { STAGES } from '../journal/journal.ts';
import { PAUSABLE } from '../model/pause.ts';

const count = z.int().min(0);
const seconds = z.number().min(0);
const time = z.string().describe('ISO 8601, UTC.');

const tableStatus = z.object({
  rowsExpected: count.describe('An estimate.'),
  rowsCopied: count,
  bytesCopied: count.describe('By this process, chunks that failed included.'),
  chunks: count,
  chunksDone: count,
});

const condition = z.enum(['waiting', 'copying', 'copied', 'catching up', 'following', 'skipped']);

const worker = z.object({
  name: z.string().describe('Host and process id.'),
  doing: z.string(),
  silentSeconds: seconds,
  lanes: z.array(z.int()),
  chunks: count,
  rows: count,
  changes: count,
});

const probe = z.object({
  side: z.enum(['source', 'target']),
  name: z.string(),
  unit: z.string(),
  value: z.number().nullable().describe('Null while it cannot be read.'),
  limit: z.number(),
  state: z.enum(['well', 'unwell', 'recovering']),
  reason: z.string().describe('The reading in words.'),
  cure: z.string().describe('What a person can do who does not want to wait.'),
  holds: z.array(z.string()).describe('What is held while it is not well.'),
});

const throttle = z.object({
  rowsPerSecond: z.number().nullable().describe('At most; null: as fast as it goes.'),
  bytesPerSecond: z.number().nullable(),
  share: z.number().describe('How large a batch may be, as part of the largest.'),
  pauseMs: seconds.describe('After each batch.'),
  waitedSeconds: seconds.describe('By this process.'),
  asPlanned: z.boolean().describe('False where an operator set it.'),
});

const topic = z.object({
  messages: z.number().nullable().describe('In the topic and not applied, what begins and ends transactions included.'),
  toSeconds: z.number().nullable().describe('Of the lag: on the way from the source to the topic.'),
  fromSeconds: z.number().nullable().describe('Of the lag: on the way from the topic to the target.'),
  stalled: z.string().nullable().describe('Why nothing may come into the topic.'),
});

const hot = z.object({ table: z.string(), lane: z.int(), share: z.number(), changes: count, why: z.string() });

const runError = z.object({ code: z.string(), message: z.string(), fix: z.string(), at: time });

export const statusSchema = z.object({
  run: z.string().describe("The run's name."),
  stage: z.enum(['starting', ...STAGES, 'complete', 'copied', 'aborted']),
  stageStartedAt: time,
  stages: z
    .array(z.object({ stage: z.enum(STAGES), startedAt: time, finishedAt: time.nullable() }))
    .describe('Those that were begun, over all processes.'),
  writable: z.enum(['source', 'target', 'none', 'unknown']).describe('Which side applications can write to.'),
  waiting: z.string().nullable().describe('Why nothing moves; null when it does.'),
  paused: z.array(z.enum(PAUSABLE)).describe('What an operator holds: everything, the copy, the apply.'),
  tables: z.record(z.string(), tableStatus),
  conditions: z.record(z.string(), condition),
  snapshot: z.object({
    rows: count,
    rowsExpected: count,
    rowsBefore: count.describe('Those of `rows` that earlier processes copied.'),
    bytes: count.describe('By this process.'),
    seconds: seconds.describe('By this process.'),
    means: z.string().optional().describe('How position and snapshot were made, where the source has several ways.'),
    lockMs: seconds.optional().describe("How long the source's writers were held up for that, in milliseconds."),
  }),
  stream: z.object({
    changes: count.describe('Row changes committed on the target, over all processes.'),
    read: count,
    batches: count,
    writeSeconds: seconds,
    movedAtMs: z.number().nullable(),
    splitTransactions: count,
    lagSeconds: seconds.nullable().describe('Null while unknown.'),
    lagBytes: seconds.nullable(),
    retainedBytes: seconds.nullable().describe('What the source keeps of its log for the run.'),
    topic: topic.nullable().describe('Null where the log is read directly.'),
    hot: hot.nullable().describe('A table of which one lane writes most of all changes.'),
  }),
  verify: z.object({
    chunksDone: count,
    chunks: count,
    rowsCompared: count,
    differences: count,
    pendingKeys: count,
    emptyValues: z
      .array(z.object({ table: z.string(), column: z.string(), values: count, became: z.string().nullable() }))
      .describe(
        'Empty values of the source that are something else on the target, NULL or a text, when their rows were compared.',
      ),
  }),
  deadLetters: z.object({ open: count, waived: count, total: count }),
  cutover: z.object({
    attempt: count,
    step: z.string().nullable(),
    frozenAt: time.nullable(),
    writePauseMs: seconds.nullable(),
  }),
  workers: z.array(worker).describe('Further processes that work on the run.'),
  permission: z.object({
    when: z.enum(['auto', 'manual', 'never']),
    granted: z.boolean(),
    ready: z.boolean().describe('True while nothing but the permission is missing.'),
    budgetMs: count,
  }),
  health: z.object({
    probes: z.array(probe),
    leftOut: z.array(z.string()).describe('What the servers do not tell, each with the reason.'),
  }),
  throttle: z.object({ snapshot: throttle, apply: throttle }).describe('How the run is slowed down.'),
  answerSeconds: z.object({ source: seconds.nullable(), target: seconds.nullable() }),
  lastError: runError.nullable().describe('The last error that was tried again.'),
  restarts: count,
  next: z
    .array(z.object({ command: z.string(), why: z.string() }))
    .describe('What a person can do next, the most useful first.'),
});
