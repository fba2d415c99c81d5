// Every metric there is, once, and what it is read from. What is not known yet is absent instead of zero.

import { STAGES } from '../journal/journal.ts';
import {
  copySecondsLeft,
  type ProbeStatus,
  type StatusSnapshot,
  type TableCondition,
  type TableStatus,
} from './status.ts';

interface Sample {
  readonly labels?: Readonly<Record<string, string>>;
  readonly value: number;
}

/** What a metric is read from. */
export interface Reading {
  readonly status: StatusSnapshot;
  readonly version: string;
  readonly cutoverBudgetMs: number;
  /** The label of each table: its id, or `_other`. */
  readonly tables: readonly {
    readonly label: string;
    readonly status: TableStatus;
    readonly condition: TableCondition | undefined;
  }[];
}

export interface Metric {
  readonly name: string;
  readonly type: 'gauge' | 'counter';
  readonly help: string;
  /** Besides `migration`, which all have. */
  readonly labels: readonly string[];
  readonly read: (reading: Reading) => readonly Sample[];
}

/** Read once: it must not move with the clock. */
const STARTED = Date.now() / 1_000 - process.uptime();
const STAGE_STATES = ['starting', ...STAGES, 'complete', 'copied', 'aborted'] as const;

const one = (value: number): readonly Sample[] => [{ value }];
const known = (value: number | null): readonly Sample[] => (value === null ? [] : [{ value }]);

const seconds = (ms: number | null | undefined): number | null => (ms == null ? null : ms / 1_000);

function perTable(reading: Reading, pick: (status: TableStatus) => number): readonly Sample[] {
  const sums = new Map<string, number>();
  for (const { label, status } of reading.tables) sums.set(label, (sums.get(label) ?? 0) + pick(status));
  return [...sums].map(([table, value]) => ({ labels: { table }, value }));
}

function conditions(reading: Reading): readonly Sample[] {
  const counts = new Map<string, { readonly labels: Readonly<Record<string, string>>; value: number }>();
  for (const { label: table, condition } of reading.tables) {
    if (condition === undefined) continue;
    const name = `${table} ${condition}`;
    const sample = counts.get(name) ?? { labels: { table, condition }, value: 0 };
    sample.value++;
    counts.set(name, sample);
  }
  return [...counts.values()];
}

function doneAndPending(done: number, all: number): readonly Sample[] {
  if (all === 0) return [];
  return [
    { labels: { state: 'done' }, value: done },
    { labels: { state: 'pending' }, value: Math.max(all - done, 0) },
  ];
}

function copyChunks({ tables }: Reading): readonly Sample[] {
  const sum = (pick: (status: TableStatus) => number): number =>
    tables.reduce((total, { status }) => total + pick(status), 0);
  return doneAndPending(
    sum(({ chunksDone }) => chunksDone),
    sum(({ chunks }) => chunks),
  );
}

function writable({ status }: Reading): readonly Sample[] {
  if (status.writable === 'unknown') return [];
  return ['source', 'target'].map((side) => ({ labels: { side }, value: side === status.writable ? 1 : 0 }));
}

/** A reason without its numbers: `2 open transactions` and `3 open transactions` are one reason. */
function paused({ status: { waiting } }: Reading): readonly Sample[] {
  return waiting === null ? [] : [{ labels: { reason: waiting.replace(/\d+/g, 'N').slice(0, 100) }, value: 1 }];
}

/** Nothing compared is nothing known. */
function verified({ verify }: StatusSnapshot, value: number): readonly Sample[] {
  return verify.chunks === 0 && verify.rowsCompared === 0 ? [] : [{ value }];
}

function writePause({ status: { cutover, writable: side } }: Reading): readonly Sample[] {
  if (cutover.writePauseMs !== null) return one(cutover.writePauseMs / 1_000);
  if (side !== 'none' || cutover.frozenAt === null) return [];
  return one(Math.max(0, Date.now() - Date.parse(cutover.frozenAt)) / 1_000);
}

function answers({ status }: Reading): readonly Sample[] {
  return (['source', 'target'] as const).flatMap((side) => {
    const value = status.answerSeconds[side];
    return value === null ? [] : [{ labels: { side }, value }];
  });
}

function perProbe({ status }: Reading, pick: (probe: ProbeStatus) => number | null): readonly Sample[] {
  return status.health.probes.flatMap((probe) => {
    const value = pick(probe);
    return value === null ? [] : [{ labels: { side: probe.side, probe: probe.name }, value }];
  });
}

type Read = Metric['read'];
type Define = (name: string, labels: readonly string[], help: string, read: Read) => Metric;
const gauge: Define = (name, labels, help, read) => ({ name, type: 'gauge', labels, help, read });
const counter: Define = (name, labels, help, read) => ({ name, type: 'counter', labels, help, read });

export const METRICS: readonly Metric[] = [
  gauge('migrate_build_info', ['version', 'node'], 'Always 1; the labels say what is running.', ({ version }) => [
    { labels: { version, node: process.version }, value: 1 },
  ]),
  gauge('migrate_stage', ['stage'], '1 for the stage the run is in, 0 for the others.', ({ status }) =>
    STAGE_STATES.map((stage) => ({ labels: { stage }, value: stage === status.stage ? 1 : 0 })),
  ),
  gauge('migrate_stage_start_timestamp_seconds', [], 'When the stage began, as a Unix time.', ({ status }) =>
    one(Date.parse(status.stageStartedAt) / 1_000),
  ),
  gauge(
    'migrate_writable',
    ['side'],
    '1 for the side that applications can write to, 0 for the other; absent while unknown.',
    writable,
  ),
  gauge(
    'migrate_apply_paused',
    ['reason'],
    '1 while nothing moves, with the reason; absent while work goes on. Numbers in a reason are written N.',
    paused,
  ),
  gauge(
    'migrate_table_condition',
    ['table', 'condition'],
    'How many tables stand so; tables with a label of their own have 1 for what they are. The words are those of `migrate table list`.',
    conditions,
  ),
  counter(
    'migrate_snapshot_rows_total',
    ['table'],
    'Rows copied, over all restarts. A table that is copied again begins anew.',
    (reading) => perTable(reading, (table) => table.rowsCopied),
  ),
  counter(
    'migrate_snapshot_bytes_total',
    ['table'],
    'Bytes read by the copy, chunks that were read again included.',
    (reading) => perTable(reading, (table) => table.bytesCopied),
  ),
  gauge('migrate_snapshot_expected_rows', ['table'], 'Rows to copy, as the source estimates them.', (reading) =>
    perTable(reading, (table) => table.rowsExpected),
  ),
  gauge(
    'migrate_snapshot_chunks',
    ['state'],
    'Chunks of the copy by state: done or pending; absent until they are planned.',
    copyChunks,
  ),
  gauge(
    'migrate_snapshot_eta_seconds',
    [],
    'How long the rest of the copy takes if it goes on as so far; absent while it is not copying or has too little to go by.',
    ({ status }) => known(status.stage === 'snapshot' ? copySecondsLeft(status) : null),
  ),
  gauge(
    'migrate_snapshot_lock_seconds',
    [],
    "How long the source's writers were held up when the snapshot was made; absent where they are not.",
    ({ status }) => known(seconds(status.snapshot.lockMs)),
  ),
  counter(
    'migrate_stream_rows_total',
    [],
    'Row changes read from the log, those that were read again after an error included.',
    ({ status }) => one(status.stream.read),
  ),
  counter('migrate_apply_rows_total', [], 'Row changes committed on the target, over all restarts.', ({ status }) =>
    one(status.stream.changes),
  ),
  counter('migrate_apply_batches_total', [], 'Batches of changes written to the target.', ({ status }) =>
    one(status.stream.batches),
  ),
  counter(
    'migrate_apply_write_seconds_total',
    [],
    'How long batches waited for the target. Nearly one second a second: the target is what limits the apply.',
    ({ status }) => one(status.stream.writeSeconds),
  ),
  counter(
    'migrate_apply_split_transactions_total',
    [],
    'Transactions of the source that were committed in parts on the target, over all restarts.',
    ({ status }) => one(status.stream.splitTransactions),
  ),
  gauge(
    'migrate_checkpoint_timestamp_seconds',
    [],
    'When the checkpoints last moved, as a Unix time; absent before. They move every second or so on an idle source, too.',
    ({ status }) => known(seconds(status.stream.movedAtMs)),
  ),
  gauge(
    'migrate_dead_letters_open',
    [],
    'Row changes that the target refused and that were neither replayed nor waived, with later ones of their keys.',
    ({ status }) => one(status.deadLetters.open),
  ),
  gauge('migrate_dead_letters_waived', [], 'Dead letters that an operator waived.', ({ status }) =>
    one(status.deadLetters.waived),
  ),
  counter('migrate_dead_letters_total', [], 'Dead letters kept so far, over all restarts.', ({ status }) =>
    one(status.deadLetters.total),
  ),
  gauge(
    'migrate_lag_seconds',
    [],
    'Seconds between a commit on the source and its arrival on the target; absent while unknown.',
    ({ status }) => known(status.stream.lagSeconds),
  ),
  gauge('migrate_lag_bytes', [], 'Bytes of log not applied yet; absent while unknown.', ({ status }) =>
    known(status.stream.lagBytes),
  ),
  gauge(
    'migrate_lag_part_seconds',
    ['part'],
    'migrate_lag_seconds in its parts where the log comes through a topic: `to topic` is on its way there, `from topic` stands there and is not applied; absent while unknown.',
    ({ status: { stream } }) => [
      ...known(stream.topic?.toSeconds ?? null).map((sample) => ({ ...sample, labels: { part: 'to topic' } })),
      ...known(stream.topic?.fromSeconds ?? null).map((sample) => ({ ...sample, labels: { part: 'from topic' } })),
    ],
  ),
  gauge(
    'migrate_topic_messages',
    [],
    'Messages in the topic that are not applied, those that begin and end transactions included; absent while unknown.',
    ({ status: { stream } }) => known(stream.topic?.messages ?? null),
  ),
  gauge(
    'migrate_connector_up',
    [],
    '1 while the connector that writes the topic has its task at work, 0 while it has not or nobody knows; absent without one.',
    ({ status: { stream } }) => known(stream.topic === null ? null : Number(stream.topic.stalled === null)),
  ),
  gauge(
    'migrate_source_retained_wal_bytes',
    [],
    'Bytes of log the source keeps for this run; absent while unknown.',
    ({ status }) => known(status.stream.retainedBytes),
  ),
  gauge(
    'migrate_verify_chunks',
    ['state'],
    'Chunks of the comparison by state: done or pending; absent until they are planned.',
    ({ status }) => doneAndPending(status.verify.chunksDone, status.verify.chunks),
  ),
  counter('migrate_verify_compared_rows_total', [], 'Rows compared.', ({ status }) => one(status.verify.rowsCompared)),
  gauge(
    'migrate_verify_mismatched_rows',
    [],
    'Rows that differ while the source is not changing them; absent until something is compared.',
    ({ status }) => verified(status, status.verify.differences),
  ),
  gauge(
    'migrate_verify_pending_keys',
    [],
    'Keys that changed since they were compared and are to be compared again; absent until something is compared.',
    ({ status }) => verified(status, status.verify.pendingKeys),
  ),
  gauge(
    'migrate_cutover_attempt',
    [],
    'The number of the attempt to cut over that is under way or was the last; absent before the first.',
    ({ status }) => known(status.cutover.attempt === 0 ? null : status.cutover.attempt),
  ),
  gauge(
    'migrate_cutover_step',
    ['step'],
    '1 for the step of the cutover that was begun last; absent before the first.',
    ({ status: { cutover } }) => (cutover.step === null ? [] : [{ labels: { step: cutover.step }, value: 1 }]),
  ),
  gauge(
    'migrate_cutover_write_pause_seconds',
    [],
    'How long applications could not write during the cutover, so far while it lasts; absent before.',
    writePause,
  ),
  gauge(
    'migrate_cutover_budget_seconds',
    [],
    'How long the cutover may stop applications from writing: `cutover.budget` of the plan.',
    ({ cutoverBudgetMs }) => one(cutoverBudgetMs / 1_000),
  ),
  gauge(
    'migrate_database_answer_seconds',
    ['side'],
    'How long the source and the target took to answer the last question; both are asked every second. Absent while they are not.',
    answers,
  ),
  gauge(
    'migrate_health_reading',
    ['side', 'probe'],
    'What a probe of health read last, in the unit of its limit; absent while it cannot be read.',
    (reading) => perProbe(reading, ({ value }) => value),
  ),
  gauge('migrate_health_limit', ['side', 'probe'], 'Above what a reading makes its side unwell.', (reading) =>
    perProbe(reading, ({ limit }) => limit),
  ),
  gauge(
    'migrate_health_unwell',
    ['side', 'probe'],
    '1 from when a probe was above its limit, or could not be read, for too long until it has been well for `health.recover`.',
    (reading) => perProbe(reading, ({ state }) => (state === 'well' ? 0 : 1)),
  ),
  counter(
    'migrate_throttle_wait_seconds_total',
    ['part'],
    'How long the copy and the apply waited because they may not be faster; the readers of the copy are added up.',
    ({ status: { throttle } }) =>
      (['snapshot', 'apply'] as const).map((part) => ({ labels: { part }, value: throttle[part].waitedSeconds })),
  ),
  counter('migrate_restarts_total', [], 'How often the session was started again after an error.', ({ status }) =>
    one(status.restarts),
  ),
  gauge(
    'migrate_last_error',
    ['code'],
    '1 with the code of the last error that was tried again; absent once a stage was finished after it.',
    ({ status: { lastError } }) => (lastError === null ? [] : [{ labels: { code: lastError.code }, value: 1 }]),
  ),
  gauge('process_resident_memory_bytes', [], 'Memory of the process.', () => one(process.memoryUsage.rss())),
  counter('process_cpu_seconds_total', [], 'Time of a processor that the process has used.', () => {
    const { user, system } = process.cpuUsage();
    return one((user + system) / 1e6);
  }),
  gauge('process_start_time_seconds', [], 'When the process was started, as a Unix time.', () => one(STARTED)),
];
