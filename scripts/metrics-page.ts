// docs/metrics.md, from the table of metrics.

import { METRICS } from '../src/observe/metric-table.ts';
import { heading, table } from './markdown.ts';

export function metricsPage(): string {
  return [
    heading('Metrics', 'src/observe/metric-table.ts'),
    'Set `control.metricsPort` in the plan and scrape `http://127.0.0.1:PORT/metrics`. The endpoint listens on the ' +
      'loopback interface only. [Watching a run](operating.md#watching-a-run) has the dashboards and alerts.\n',
    'All metrics carry the label `migration`, the name of the run. What is not known yet is absent, never 0. ' +
      'The 200 largest tables have a label of their own; the others are summed under `table="_other"`. ' +
      'Counters start anew with the process unless they say otherwise.\n',
    table(
      ['name', 'type', 'labels', 'meaning'],
      METRICS.map(({ name, type, labels, help }) => [
        `\`${name}\``,
        type,
        labels.map((label) => `\`${label}\``).join(', '),
        help,
      ]),
    ),
  ].join('\n');
}
