// Every dashboard there is, as a file.

import { type Dashboard, dashboardJson } from './dashboard.ts';
import { health } from './health.ts';
import { lagAndFreeze } from './lag-and-freeze.ts';
import { overview } from './overview.ts';
import { tables } from './tables.ts';

const DASHBOARDS: readonly Dashboard[] = [overview, tables, lagAndFreeze, health];

export const DASHBOARD_FILES: readonly { readonly path: string; readonly text: () => string }[] = DASHBOARDS.map(
  (dashboard) => ({
    path: `grafana/dashboards/${dashboard.uid.replace('migrate-', '')}.json`,
    text: () => dashboardJson(dashboard),
  }),
);
