// The dashboards and rules as they lie in grafana/, and what they ask of Prometheus.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';

export const GRAFANA = fileURLToPath(new URL('../../grafana', import.meta.url));

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly gridPos: { readonly h: number; readonly w: number; readonly x: number; readonly y: number };
  readonly datasource: unknown;
  readonly targets: readonly {
    readonly refId: string;
    readonly expr: string;
    readonly legendFormat: string;
    readonly datasource: unknown;
  }[];
}

interface Dashboard {
  readonly id: unknown;
  readonly uid: string;
  readonly schemaVersion: number;
  readonly annotations: {
    readonly list: readonly { readonly name: string; readonly expr: string; readonly titleFormat: string }[];
  };
  readonly templating: { readonly list: readonly { readonly name: string; readonly definition?: string }[] };
  readonly panels: readonly Panel[];
}

export interface Rule {
  readonly record?: string;
  readonly alert?: string;
  readonly expr: string;
}

/** Something that asks, by a name for messages. */
export interface Asked {
  readonly name: string;
  readonly expr: string;
  /** How a series is called: text with `{{label}}`. */
  readonly legend?: string;
}

export function dashboards(): readonly Dashboard[] {
  const folder = join(GRAFANA, 'dashboards');
  return readdirSync(folder).map((file) => JSON.parse(readFileSync(join(folder, file), 'utf8')) as Dashboard);
}

export function rules(): readonly Rule[] {
  const text = readFileSync(join(GRAFANA, 'prometheus/rules.yml'), 'utf8');
  return (parse(text) as { groups: { rules: Rule[] }[] }).groups.flatMap((group) => group.rules);
}

/** Every query of every panel. */
export function panelQueries(): readonly Asked[] {
  return dashboards().flatMap(({ uid, panels }) =>
    panels.flatMap(({ title, targets }) =>
      targets.map(({ refId, expr, legendFormat }) => ({
        name: `${uid}: ${title} ${refId}`,
        expr,
        legend: legendFormat,
      })),
    ),
  );
}

/** What dashboards ask besides. */
export function annotationQueries(): readonly Asked[] {
  return dashboards().flatMap(({ uid, annotations }) =>
    annotations.list.map(({ name, expr, titleFormat }) => ({ name: `${uid}: ${name}`, expr, legend: titleFormat })),
  );
}
