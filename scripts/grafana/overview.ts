// Where a run stands, how far it has come, and why it waits: what must be seen in five seconds.

import type { Dashboard } from './dashboard.ts';
import { bands, graph, stat } from './panels.ts';
import { PAUSE, RUN, rate, STAGE } from './queries.ts';

const COPIED = `sum(migrate_snapshot_rows_total${RUN}) / sum(migrate_snapshot_expected_rows${RUN})`;

export const overview: Dashboard = {
  uid: 'migrate-overview',
  title: 'migrate: overview',
  help: 'Where a run stands, how far it has come, and why it waits.',
  rows: [
    {
      height: 4,
      panels: [
        stat(
          'Stage',
          'Absent when no process works on the run: `migrate status` tells how it ended.',
          { '{{stage}}': STAGE },
          { shows: 'name', absent: 'no run', width: 5 },
        ),
        stat(
          'In it for',
          'Since the stage began.',
          { '': `time() - migrate_stage_start_timestamp_seconds${RUN}` },
          { unit: 's', width: 3 },
        ),
        stat(
          'Applications write to',
          'Neither side is right only during the freeze, or while the switch of the applications is undecided.',
          { '{{side}}': `migrate_writable${RUN} == 1` },
          { shows: 'name', absent: 'neither, or unknown', width: 4 },
        ),
        stat(
          'Waits for',
          'Why nothing moves. A run that is ready waits for `migrate cutover`.',
          { '{{reason}}': `migrate_apply_paused${RUN}` },
          { shows: 'name', absent: 'nothing', width: 12 },
        ),
      ],
    },
    {
      height: 4,
      panels: [
        stat(
          'Copied',
          'Of the rows that the source estimates.',
          { '': `clamp_max(${COPIED}, 1)` },
          { unit: 'percentunit' },
        ),
        stat(
          'Copied in',
          'How long the rest of the copy takes if it goes on as so far.',
          { '': `migrate_snapshot_eta_seconds${RUN}` },
          { unit: 's', absent: 'not copying' },
        ),
        stat(
          'Lag',
          'From a commit on the source to its arrival on the target, measured by heartbeats.',
          { '': `migrate_lag_seconds${RUN}` },
          { unit: 's', limits: [10, 60] },
        ),
        stat(
          'Rows that differ',
          'Found by the comparison while the source is not changing them. Any is a fault.',
          { '': `migrate_verify_mismatched_rows${RUN}` },
          { absent: 'not compared', limits: [1, 1] },
        ),
        stat(
          'Dead letters open',
          'There is no cutover while one is open: `migrate dead-letters list`.',
          { '': `migrate_dead_letters_open${RUN}` },
          { limits: [1, 100] },
        ),
        stat(
          'Write pause',
          'How long applications could not write during the cutover.',
          { '': PAUSE },
          { unit: 's', absent: 'none yet' },
        ),
      ],
    },
    {
      height: 6,
      panels: [
        bands('Stages', 'The stage the run was in.', { '{{stage}}': STAGE }),
        bands('Waiting', 'What the run waited for, and when.', { '{{reason}}': `migrate_apply_paused${RUN}` }),
      ],
    },
    {
      height: 8,
      panels: [
        graph(
          'Rows copied and applied',
          'The copy, what is read from the log, and what is committed on the target.',
          {
            copied: `sum(${rate('migrate_snapshot_rows_total')})`,
            'read from the log': rate('migrate_stream_rows_total'),
            applied: rate('migrate_apply_rows_total'),
          },
          { unit: 'rowsps' },
        ),
        graph(
          'Bytes copied',
          'As they are read from the source.',
          { copied: `sum(${rate('migrate_snapshot_bytes_total')})` },
          { unit: 'Bps' },
        ),
        graph('Lag', 'A gap means that it is unknown.', { lag: `migrate_lag_seconds${RUN}` }, { unit: 's' }),
      ],
    },
  ],
};
