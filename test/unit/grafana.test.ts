// Dashboards and rules are well made and ask only for metrics and labels that there are. That `npm run docs` writes the
// dashboards as they lie there is checked with the other generated pages; that they have data, by a real run.

import { describe, expect, it } from 'vitest';
import { METRICS } from '../../src/observe/metric-table.ts';
import { type Asked, annotationQueries, dashboards, panelQueries, rules } from '../fleet/grafana.ts';

describe('dashboards', () => {
  it('are four with names of their own, and belong to no installation', () => {
    const all = dashboards();
    expect(all.map(({ uid }) => uid).toSorted()).toEqual([
      ...['migrate-health', 'migrate-lag-and-freeze', 'migrate-overview', 'migrate-tables'],
    ]);
    expect(new Set(all.map(({ id }) => id))).toEqual(new Set([null]));
  });

  it.each(dashboards())('$uid has panels that do not meet, each with a number of its own', ({ panels }) => {
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    const taken = new Map<string, string>();
    for (const { title, gridPos } of panels) {
      expect(gridPos.x + gridPos.w, title).toBeLessThanOrEqual(24);
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          expect(taken.get(`${x} ${y}`), `under ${title}`).toBeUndefined();
          taken.set(`${x} ${y}`, title);
        }
      }
    }
  });

  it.each(dashboards())('$uid asks the chosen data source only', ({ panels }) => {
    for (const { title, datasource, targets } of panels) {
      const asked = [datasource, ...targets.map((target) => target.datasource)];
      for (const one of asked) expect(one, title).toEqual({ type: 'prometheus', uid: '$datasource' });
      expect(new Set(targets.map(({ refId }) => refId)).size, title).toBe(targets.length);
    }
  });

  it.each(dashboards())('$uid uses no variable that it does not have', ({ panels, templating }) => {
    const own = [...templating.list.map(({ name }) => name), '__rate_interval'];
    const text = JSON.stringify(panels);
    for (const [, name] of text.matchAll(/\$(\w+)/g)) expect(own).toContain(name);
  });
});

describe('queries', () => {
  const asked: readonly Asked[] = [
    ...panelQueries(),
    ...annotationQueries(),
    ...rules().map(({ record, alert, expr }) => ({ name: record ?? alert ?? '', expr })),
    ...dashboards().flatMap(({ uid, templating }) =>
      templating.list.map(({ name, definition = '' }) => ({ name: `${uid}: $${name}`, expr: definition })),
    ),
  ];

  it.each(asked)('$name asks for metrics and labels that there are', ({ expr }) => {
    expect(metricsIn(expr).filter((name) => !KNOWN.has(name))).toEqual([]);
    for (const { metric, labels } of selectorsIn(expr)) {
      for (const label of labels) expect(KNOWN.get(metric), `${metric} has ${label}`).toContain(label);
    }
  });

  it('together ask for every metric', () => {
    const used = new Set(asked.flatMap(({ expr }) => metricsIn(expr)));
    expect(METRICS.map(({ name }) => name).filter((name) => !used.has(name))).toEqual([]);
  });

  it('of a metric that does not exist are found', () => {
    expect(metricsIn('sum by (table) (rate(migrate_rows{table=~"a"}[5m])) > 0 and on (x) up')).toEqual([
      'migrate_rows',
      'up',
    ]);
    expect(selectorsIn('up{job="a", y!~"b"}')).toEqual([{ metric: 'up', labels: ['job', 'y'] }]);
  });
});

const SCRAPED = ['job', 'instance'];
/** Labels by metric: ours, and the one that Prometheus itself makes. */
const KNOWN = new Map<string, readonly string[]>([
  ['up', SCRAPED],
  ...METRICS.map(({ name, labels }) => [name, ['migration', ...labels, ...SCRAPED]] as const),
]);

const WORDS = new Set(['and', 'or', 'unless', 'by', 'on', 'group_left', 'bool']);

/** Names in an expression that are neither functions, nor words of the language, nor labels. */
function metricsIn(expr: string): readonly string[] {
  const bare = expr
    .replace(/\{[^}]*\}|\[[^\]]*\]|"[^"]*"/g, ' ')
    .replace(/\b(by|on|group_left)\s*\([^)]*\)/g, ' ')
    // `label_values(metric, label)` of a variable.
    .replace(/,\s*(migration|table)\)/g, ')');
  return [...bare.matchAll(/(?<![\w$])[a-z_][a-z_:]*(?!\w|\s*\()/g)]
    .map(([name]) => name)
    .filter((name) => !WORDS.has(name));
}

function selectorsIn(expr: string): readonly { readonly metric: string; readonly labels: readonly string[] }[] {
  return [...expr.matchAll(/([a-z_]+)\{([^}]*)\}/g)].map(([, metric = '', inner = '']) => ({
    metric,
    labels: [...inner.matchAll(/(\w+)\s*(?:=|!)/g)].map(([, label = '']) => label),
  }));
}
