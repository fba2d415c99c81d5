// Every metric there is, once. All are read from the run's status when a scrape asks, so no work is done between scrapes
// and what is not known yet is absent instead of zero.

import { Counter, Gauge, Registry } from 'prom-client';
import { STAGES } from '../journal/journal.ts';
import type { StatusSnapshot, TableStatus } from './status.ts';

interface Sample {
  readonly labels?: Readonly<Record<string, string>>;
  readonly value: number;
}

/** What a metric is read from. */
interface Reading {
  readonly status: StatusSnapshot;
  readonly version: string;
  /** The label of each table: its id, or `_other`. */
  readonly tables: readonly { readonly label: string; readonly status: TableStatus }[];
}

export interface Metric {
  readonly name: string;
  readonly type: 'gauge' | 'counter';
  readonly help: string;
  /** Besides `migration`, which all have. */
  readonly labels: readonly string[];
  readonly read: (reading: Reading) => readonly Sample[];
}

const STAGE_STATES = ['starting', ...STAGES, 'complete', 'copied', 'aborted'] as const;
/** More would make one scrape of a large schema megabytes long. */
const MOST_TABLES = 200;
const OTHER_TABLES = '_other';

const one = (value: number): readonly Sample[] => [{ value }];
const known = (value: number | null): readonly Sample[] => (value === null ? [] : [{ value }]);

function perTable(reading: Reading, pick: (status: TableStatus) => number): readonly Sample[] {
  const sums = new Map<string, number>();
  for (const { label, status } of reading.tables) sums.set(label, (sums.get(label) ?? 0) + pick(status));
  return [...sums].map(([table, value]) => ({ labels: { table }, value }));
}

function chunks(reading: Reading): readonly Sample[] {
  const all = reading.tables.reduce((sum, { status }) => sum + status.chunks, 0);
  const done = reading.tables.reduce((sum, { status }) => sum + status.chunksDone, 0);
  return [
    { labels: { state: 'done' }, value: done },
    { labels: { state: 'pending' }, value: Math.max(all - done, 0) },
  ];
}

/** A reason without its numbers: `2 open transactions` and `3 open transactions` are one reason. */
function paused(reading: Reading): readonly Sample[] {
  const { waiting } = reading.status;
  return waiting === null ? [] : [{ labels: { reason: waiting.replace(/\d+/g, 'N').slice(0, 100) }, value: 1 }];
}

export const METRICS: readonly Metric[] = [
  {
    name: 'migrate_build_info',
    type: 'gauge',
    help: 'Always 1; the labels say what is running.',
    labels: ['version', 'node'],
    read: ({ version }) => [{ labels: { version, node: process.version }, value: 1 }],
  },
  {
    name: 'migrate_stage',
    type: 'gauge',
    help: '1 for the stage the run is in, 0 for the others.',
    labels: ['stage'],
    read: ({ status }) => STAGE_STATES.map((stage) => ({ labels: { stage }, value: stage === status.stage ? 1 : 0 })),
  },
  {
    name: 'migrate_stage_start_timestamp_seconds',
    type: 'gauge',
    help: 'When the stage began, as a Unix time.',
    labels: [],
    read: ({ status }) => one(Date.parse(status.stageStartedAt) / 1_000),
  },
  {
    name: 'migrate_snapshot_rows_total',
    type: 'counter',
    help: 'Rows copied.',
    labels: ['table'],
    read: (reading) => perTable(reading, (table) => table.rowsCopied),
  },
  {
    name: 'migrate_snapshot_bytes_total',
    type: 'counter',
    help: 'Bytes copied.',
    labels: ['table'],
    read: (reading) => perTable(reading, (table) => table.bytesCopied),
  },
  {
    name: 'migrate_snapshot_expected_rows',
    type: 'gauge',
    help: 'Rows to copy, as the source estimates them.',
    labels: ['table'],
    read: (reading) => perTable(reading, (table) => table.rowsExpected),
  },
  {
    name: 'migrate_snapshot_chunks',
    type: 'gauge',
    help: 'Chunks of the copy by state: done or pending.',
    labels: ['state'],
    read: chunks,
  },
  {
    name: 'migrate_apply_rows_total',
    type: 'counter',
    help: 'Row changes committed on the target, over all restarts.',
    labels: [],
    read: ({ status }) => one(status.stream.changes),
  },
  {
    name: 'migrate_apply_split_transactions_total',
    type: 'counter',
    help: 'Transactions of the source that were committed in parts on the target, over all restarts.',
    labels: [],
    read: ({ status }) => one(status.stream.splitTransactions),
  },
  {
    name: 'migrate_dead_letters_open',
    type: 'gauge',
    help: 'Row changes that the target refused and that were neither replayed nor waived, with later ones of their keys.',
    labels: [],
    read: ({ status }) => one(status.deadLetters.open),
  },
  {
    name: 'migrate_dead_letters_total',
    type: 'counter',
    help: 'Dead letters kept so far, over all restarts.',
    labels: [],
    read: ({ status }) => one(status.deadLetters.total),
  },
  {
    name: 'migrate_lag_seconds',
    type: 'gauge',
    help: 'Seconds between a commit on the source and its arrival on the target; absent while unknown.',
    labels: [],
    read: ({ status }) => known(status.stream.lagSeconds),
  },
  {
    name: 'migrate_lag_bytes',
    type: 'gauge',
    help: 'Bytes of log not applied yet; absent while unknown.',
    labels: [],
    read: ({ status }) => known(status.stream.lagBytes),
  },
  {
    name: 'migrate_source_retained_wal_bytes',
    type: 'gauge',
    help: 'Bytes of log the source keeps for this run; absent while unknown.',
    labels: [],
    read: ({ status }) => known(status.stream.retainedBytes),
  },
  {
    name: 'migrate_apply_paused',
    type: 'gauge',
    help: '1 while nothing moves, with the reason; absent while work goes on. Numbers in a reason are written N.',
    labels: ['reason'],
    read: paused,
  },
  {
    name: 'migrate_verify_compared_rows_total',
    type: 'counter',
    help: 'Rows compared.',
    labels: [],
    read: ({ status }) => one(status.verify.rowsCompared),
  },
  {
    name: 'migrate_verify_mismatched_rows',
    type: 'gauge',
    help: 'Rows that differ while the source is not changing them.',
    labels: [],
    read: ({ status }) => one(status.verify.differences),
  },
  {
    name: 'migrate_cutover_write_pause_seconds',
    type: 'gauge',
    help: 'How long applications could not write during the cutover; absent until it is over.',
    labels: [],
    read: ({ status }) => known(status.cutover.writePauseMs === null ? null : status.cutover.writePauseMs / 1_000),
  },
  {
    name: 'migrate_restarts_total',
    type: 'counter',
    help: 'How often the session was started again after an error.',
    labels: [],
    read: ({ status }) => one(status.restarts),
  },
];

/** Which tables have a label of their own. Once given it stays: a counter must not change its meaning. */
class TableLabels {
  readonly #own = new Set<string>();

  of(tables: StatusSnapshot['tables']): Reading['tables'] {
    const entries = Object.entries(tables);
    for (const [id] of entries.toSorted((a, b) => b[1].rowsExpected - a[1].rowsExpected)) {
      if (this.#own.size < MOST_TABLES) this.#own.add(id);
    }
    return entries.map(([id, status]) => ({ label: this.#own.has(id) ? id : OTHER_TABLES, status }));
  }
}

export interface MetricsOptions {
  readonly snapshot: () => StatusSnapshot;
  readonly version: string;
}

/** One run's metrics in the Prometheus text format. */
export class Metrics {
  readonly #registry = new Registry();
  readonly #labels = new TableLabels();
  readonly #options: MetricsOptions;
  #reading: Reading;

  constructor(options: MetricsOptions) {
    this.#options = options;
    this.#reading = this.#read();
    for (const metric of METRICS) this.#register(metric);
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** All values of one scrape come from one status. */
  render(): Promise<string> {
    this.#reading = this.#read();
    return this.#registry.metrics();
  }

  #read(): Reading {
    const status = this.#options.snapshot();
    return { status, version: this.#options.version, tables: this.#labels.of(status.tables) };
  }

  #register(metric: Metric): void {
    const collected = (): readonly { labels: Record<string, string>; value: number }[] =>
      metric
        .read(this.#reading)
        .map(({ labels, value }) => ({ labels: { migration: this.#reading.status.run, ...labels }, value }));
    const configuration = {
      name: metric.name,
      help: metric.help,
      labelNames: ['migration', ...metric.labels],
      registers: [this.#registry],
    };
    if (metric.type === 'gauge') {
      new Gauge({
        ...configuration,
        collect() {
          this.reset();
          for (const { labels, value } of collected()) this.set(labels, value);
        },
      });
    } else {
      new Counter({
        ...configuration,
        collect() {
          this.reset();
          for (const { labels, value } of collected()) this.inc(labels, value);
        },
      });
    }
  }
}
