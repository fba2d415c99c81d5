// How far each table is.

import type { Dashboard } from './dashboard.ts';
import { graph, listing } from './panels.ts';
import { RUN, rate, TABLES } from './queries.ts';

const ROWS = `sum by (table) (migrate_snapshot_rows_total${TABLES})`;
const EXPECTED = `sum by (table) (migrate_snapshot_expected_rows${TABLES})`;

export const tables: Dashboard = {
  uid: 'migrate-tables',
  title: 'migrate: tables',
  help: 'How far the copy of each table is. Beyond 200 tables the smaller ones are summed as _other.',
  byTable: true,
  rows: [
    {
      height: 12,
      panels: [
        listing(
          'Tables',
          'Rows copied of those the source estimates. The conditions are those of `migrate table list`.',
          {
            'rows copied': ROWS,
            'rows expected': EXPECTED,
            copied: `clamp_max(${ROWS} / (${EXPECTED} > 0), 1)`,
            'bytes read': `sum by (table) (migrate_snapshot_bytes_total${TABLES})`,
            '': `sum by (table, condition) (migrate_table_condition${TABLES})`,
          },
          {
            units: { 'rows copied': 'short', 'rows expected': 'short', copied: 'percentunit', 'bytes read': 'bytes' },
            labels: ['condition'],
          },
        ),
      ],
    },
    {
      height: 8,
      panels: [
        graph(
          'Rows copied',
          'By table.',
          { '{{table}}': `sum by (table) (${rate('migrate_snapshot_rows_total', TABLES)})` },
          { unit: 'rowsps', stacked: true },
        ),
        graph(
          'Bytes copied',
          'By table, as they are read from the source.',
          { '{{table}}': `sum by (table) (${rate('migrate_snapshot_bytes_total', TABLES)})` },
          { unit: 'Bps', stacked: true },
        ),
      ],
    },
    {
      height: 8,
      panels: [
        graph(
          'Chunks of the copy',
          'Done, and still to be copied.',
          { '{{state}}': `migrate_snapshot_chunks${RUN}` },
          { stacked: true },
        ),
        graph(
          'Tables by condition',
          'How many are being copied, are copied, follow the source, or are left out.',
          { '{{condition}}': `sum by (condition) (migrate_table_condition${TABLES})` },
          { stacked: true },
        ),
      ],
    },
  ],
};
