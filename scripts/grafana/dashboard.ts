// A dashboard in Grafana's classic JSON: its variables, its annotations and its panels.

import { DATASOURCE, layOut, type PanelRow } from './panels.ts';
import { RUN } from './queries.ts';

export interface Dashboard {
  /** Stable, so that a new version replaces the old one and links keep working. */
  readonly uid: string;
  readonly title: string;
  readonly help: string;
  /** Lets the reader choose tables. */
  readonly byTable?: true;
  readonly rows: readonly PanelRow[];
}

export function dashboardJson({ uid, title, help, byTable, rows }: Dashboard): string {
  const others = { asDropdown: true, icon: 'external link', includeVars: true, keepTime: true, tags: ['migrate'] };
  const dashboard = {
    id: null,
    uid,
    title,
    description: help,
    tags: ['migrate'],
    schemaVersion: 42,
    version: 1,
    editable: true,
    graphTooltip: 1,
    refresh: '10s',
    time: { from: 'now-1h', to: 'now' },
    timezone: 'browser',
    links: [{ ...others, title: 'migrate', type: 'dashboards' }],
    annotations: { list: [stageChanges()] },
    templating: { list: [datasource(), variable('migration'), ...(byTable === true ? [variable('table')] : [])] },
    panels: layOut(rows),
  };
  return `${JSON.stringify(dashboard, null, 2)}\n`;
}

/** A line wherever a stage began. */
function stageChanges(): object {
  return {
    name: 'stages',
    datasource: DATASOURCE,
    enable: true,
    iconColor: 'blue',
    expr: `(migrate_stage${RUN} == 1) * on (migration, instance) group_left () migrate_stage_start_timestamp_seconds${RUN} * 1000`,
    titleFormat: '{{stage}}',
    useValueForTime: 'on',
  };
}

function datasource(): object {
  return { name: 'datasource', label: 'Prometheus', type: 'datasource', query: 'prometheus', refresh: 1, hide: 0 };
}

function variable(name: 'migration' | 'table'): object {
  const query =
    name === 'table'
      ? `label_values(migrate_snapshot_expected_rows${RUN}, table)`
      : 'label_values(migrate_build_info, migration)';
  const many = { multi: true, includeAll: true, allValue: '.*', current: { text: ['All'], value: ['$__all'] } };
  return {
    name,
    label: name,
    type: 'query',
    datasource: DATASOURCE,
    definition: query,
    query: { query, refId: name },
    refresh: 2,
    sort: 1,
    hide: 0,
    ...(name === 'table' ? many : { multi: false, includeAll: false }),
  };
}
