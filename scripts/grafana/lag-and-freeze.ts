// How far the target is behind, what limits it, and what the freeze will take or took.

import type { Dashboard } from './dashboard.ts';
import { bands, graph, stat } from './panels.ts';
import { PAUSE, RUN, rate } from './queries.ts';

const CAUGHT_UP_IN = `migrate_lag_bytes${RUN} / -(deriv(migrate_lag_bytes${RUN}[$__rate_interval]) < 0)`;
const WRITING = rate('migrate_apply_write_seconds_total');

export const lagAndFreeze: Dashboard = {
  uid: 'migrate-lag-and-freeze',
  title: 'migrate: lag and freeze',
  help: 'How far the target is behind, what limits it, and what the freeze will take or took.',
  rows: [
    {
      height: 8,
      panels: [
        graph(
          'Lag',
          'Measured by heartbeats. A gap means that it is unknown.',
          { lag: `migrate_lag_seconds${RUN}` },
          { unit: 's' },
        ),
        graph(
          'Log',
          'What is not applied yet, and what the source keeps on its disk for this run.',
          {
            'not applied': `migrate_lag_bytes${RUN}`,
            'kept by the source': `migrate_source_retained_wal_bytes${RUN}`,
          },
          { unit: 'bytes' },
        ),
        graph(
          'Caught up in',
          'How long it takes if the backlog goes on shrinking so. Absent while it does not shrink.',
          { 'caught up in': CAUGHT_UP_IN },
          { unit: 's' },
        ),
      ],
    },
    {
      height: 6,
      panels: [
        graph(
          'Lag by its parts',
          'Where the log comes through Debezium and Kafka. To topic: the connector is behind. From topic: the run is.',
          { '{{part}}': `migrate_lag_part_seconds${RUN}` },
          { unit: 's', stacked: true },
        ),
        graph('Messages in the topic', 'Those that are not applied. Only of a run through Debezium.', {
          messages: `migrate_topic_messages${RUN}`,
        }),
        graph('Connector at work', '0: nothing may come into the topic, and `migrate status` says why.', {
          connector: `migrate_connector_up${RUN}`,
        }),
      ],
    },
    {
      height: 8,
      panels: [
        graph(
          'Row changes',
          'More read than applied for long: the backlog grows.',
          {
            'read from the log': rate('migrate_stream_rows_total'),
            applied: rate('migrate_apply_rows_total'),
          },
          { unit: 'rowsps' },
        ),
        graph(
          'Time in writes to the target',
          'Near 100% the target limits the apply. Far below it there is no more to apply, or the reading limits it.',
          { writing: WRITING },
          { unit: 'percentunit' },
        ),
        graph(
          'A batch takes',
          'The mean of the batches that were written.',
          { mean: `${WRITING} / (${rate('migrate_apply_batches_total')} > 0)` },
          { unit: 's' },
        ),
      ],
    },
    {
      height: 8,
      panels: [
        graph(
          'Rows compared',
          'By the verification and by the repeated comparison of what has changed.',
          { compared: rate('migrate_verify_compared_rows_total') },
          { unit: 'rowsps' },
        ),
        graph(
          'Keys to compare again',
          'They changed since they were compared. What is left is compared in the freeze, and makes it longer.',
          { keys: `migrate_verify_pending_keys${RUN}` },
        ),
        graph(
          'Chunks of the comparison',
          'Done, and still to be compared.',
          { '{{state}}': `migrate_verify_chunks${RUN}` },
          { stacked: true },
        ),
      ],
    },
    {
      height: 4,
      panels: [
        stat(
          'Cutover attempt',
          'An attempt that could not end within its budget is undone, and the next one has another number.',
          { '': `migrate_cutover_attempt${RUN}` },
          { absent: 'none yet' },
        ),
        stat(
          'Step',
          'The step of the cutover that was begun last.',
          { '{{step}}': `migrate_cutover_step${RUN}` },
          { shows: 'name', absent: 'none yet' },
        ),
        stat(
          'Write pause',
          'So far while it lasts. The final number is in `migrate report` too, where no scrape can miss it.',
          { '': PAUSE },
          { unit: 's', absent: 'none yet' },
        ),
        stat(
          'Of the budget',
          'The write pause as a share of cutover.budget.',
          { '': `${PAUSE} / migrate_cutover_budget_seconds${RUN}` },
          { unit: 'percentunit', absent: 'none yet', limits: [0.5, 1] },
        ),
        stat(
          'Writers held up by the snapshot',
          'MySQL and MariaDB lock their tables for a moment when the snapshot is made; PostgreSQL does not.',
          { '': `migrate_snapshot_lock_seconds${RUN}` },
          { unit: 's', absent: 'not at all' },
        ),
      ],
    },
    {
      height: 8,
      panels: [
        graph(
          'Write pause',
          'Against what the plan allows.',
          { pause: PAUSE, budget: `migrate_cutover_budget_seconds${RUN}` },
          { unit: 's' },
        ),
        bands('Steps of the cutover', 'Short ones fall between two scrapes.', {
          '{{step}}': `migrate_cutover_step${RUN}`,
        }),
      ],
    },
  ],
};
