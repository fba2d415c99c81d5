// The process, both databases, and what went wrong.

import type { Dashboard } from './dashboard.ts';
import { graph, stat } from './panels.ts';
import { RUN, rate } from './queries.ts';

export const health: Dashboard = {
  uid: 'migrate-health',
  title: 'migrate: health',
  help: 'The process, both databases, and what went wrong.',
  rows: [
    {
      height: 4,
      panels: [
        stat(
          'Version',
          'Of the process that works on the run.',
          { '{{version}}, Node {{node}}': `migrate_build_info${RUN}` },
          { shows: 'name' },
        ),
        stat(
          'Process up for',
          'A run outlives its processes.',
          { '': `time() - process_start_time_seconds${RUN}` },
          { unit: 's' },
        ),
        stat(
          'Restarts',
          'How often this process began anew after an error.',
          { '': `migrate_restarts_total${RUN}` },
          { limits: [1, 10] },
        ),
        stat(
          'Last error',
          'The one that was tried again last: `migrate explain CODE`. Absent once a stage was finished after it.',
          { '{{code}}': `migrate_last_error${RUN}` },
          { shows: 'name', absent: 'none' },
        ),
        stat(
          'Transactions in parts',
          'Larger than apply.maxTransactionRows: readers of the target see them in part until their end.',
          { '': `migrate_apply_split_transactions_total${RUN}` },
          { limits: [1, 1_000] },
        ),
      ],
    },
    {
      height: 8,
      panels: [
        graph(
          'Answers of the databases',
          'To one small question each second. A gap: not connected, or the cutover is over.',
          { '{{side}}': `migrate_database_answer_seconds${RUN}` },
          { unit: 's' },
        ),
        graph(
          'Age of the checkpoint',
          'It moves every second or so on an idle source, too. A line that climbs: the apply stands still.',
          { age: `time() - migrate_checkpoint_timestamp_seconds${RUN}` },
          { unit: 's' },
        ),
        graph('Dead letters', 'Row changes that the target refused.', {
          open: `migrate_dead_letters_open${RUN}`,
          waived: `migrate_dead_letters_waived${RUN}`,
          all: `migrate_dead_letters_total${RUN}`,
        }),
      ],
    },
    {
      height: 8,
      panels: [
        graph(
          'Readings of health',
          'As part of their limits: above 100% for a while, the side is unwell. A gap: it cannot be read, which counts as well.',
          { '{{side}} {{probe}}': `migrate_health_reading${RUN} / migrate_health_limit${RUN}` },
          { unit: 'percentunit' },
        ),
        graph(
          'Unwell',
          'Work that loads an unwell side is held, and goes on by itself.',
          { '{{side}} {{probe}}': `migrate_health_unwell${RUN}` },
          { stacked: true },
        ),
        graph(
          'Slowed down',
          'Part of the time for which the copy and the apply wait because they may not be faster: `migrate throttle`.',
          { '{{part}}': rate('migrate_throttle_wait_seconds_total') },
          { unit: 'percentunit' },
        ),
      ],
    },
    {
      height: 8,
      panels: [
        graph(
          'Memory of the process',
          'It does not grow with the size of the databases or of their transactions.',
          { resident: `process_resident_memory_bytes${RUN}` },
          { unit: 'bytes' },
        ),
        graph(
          'Processor',
          'Near 100% the process itself limits the run.',
          { used: rate('process_cpu_seconds_total') },
          { unit: 'percentunit' },
        ),
        graph('Scraped', 'All runners that Prometheus knows: 0 means that no process answers there.', {
          '{{instance}}': 'up{job="migrate"}',
        }),
      ],
    },
  ],
};
