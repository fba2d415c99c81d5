// The metrics of a run in the Prometheus text format. All are read from the run's status when a scrape asks, so no work is
// done between scrapes.

import { Counter, Gauge, Registry } from 'prom-client';
import { METRICS, type Metric, type Reading } from './metric-table.ts';
import type { StatusSnapshot } from './status.ts';

/** More would make one scrape of a large schema megabytes long. */
const MOST_TABLES = 200;
const OTHER_TABLES = '_other';

/** Which tables have a label of their own. Once given it stays: a counter must not change its meaning. */
class TableLabels {
  readonly #own = new Set<string>();

  of({ tables, conditions }: StatusSnapshot): Reading['tables'] {
    const entries = Object.entries(tables);
    for (const [id] of entries.toSorted((a, b) => b[1].rowsExpected - a[1].rowsExpected)) {
      if (this.#own.size < MOST_TABLES) this.#own.add(id);
    }
    return entries.map(([id, status]) => {
      return { label: this.#own.has(id) ? id : OTHER_TABLES, status, condition: conditions[id] };
    });
  }
}

export interface MetricsOptions {
  readonly snapshot: () => StatusSnapshot;
  readonly version: string;
  /** `cutover.budget` of the plan. */
  readonly cutoverBudgetMs: number;
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
    return { ...this.#options, status, tables: this.#labels.of(status) };
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
