// The parts that dashboards are made of, as few as are needed, and how Grafana's classic JSON writes them.

/** What is asked, by the name of the series: text, and labels as `{{label}}`. */
export type Queries = Readonly<Record<string, string>>;

interface PanelText {
  readonly title: string;
  /** What an operator should know about it. */
  readonly help: string;
  readonly queries: Queries;
  /** A unit of Grafana: `s`, `bytes`, `Bps`. */
  readonly unit?: string;
  /** In columns of 24; default an equal share of the row. */
  readonly width?: number;
}

/** The newest value, large. What is absent now is shown as `unknown`. */
export interface Stat extends PanelText {
  readonly kind: 'stat';
  /** Shows the name of the series, not its value. */
  readonly shows?: 'name';
  readonly absent?: string;
  /** From the first on orange, from the second on red. */
  readonly limits?: readonly [warning: number, critical: number];
}

export interface Graph extends PanelText {
  readonly kind: 'graph';
  readonly stacked?: true;
}

/** A band for each series, coloured while it has a value. */
export interface Bands extends PanelText {
  readonly kind: 'bands';
}

/** One line for each `table`, a column for each query in their order, headed by its name; one without a name is hidden. */
export interface Listing extends PanelText {
  readonly kind: 'listing';
  /** Units of columns, by their heads. */
  readonly units: Readonly<Record<string, string>>;
  /** Labels that are columns of their own. */
  readonly labels: readonly string[];
}

export type Panel = Stat | Graph | Bands | Listing;

type Options<P extends Panel> = Omit<P, 'kind' | 'title' | 'help' | 'queries'>;

export const stat = (title: string, help: string, queries: Queries, options: Options<Stat> = {}): Stat => {
  return { kind: 'stat', title, help, queries, ...options };
};

export const graph = (title: string, help: string, queries: Queries, options: Options<Graph> = {}): Graph => {
  return { kind: 'graph', title, help, queries, ...options };
};

export const bands = (title: string, help: string, queries: Queries): Bands => {
  return { kind: 'bands', title, help, queries };
};

export const listing = (title: string, help: string, queries: Queries, options: Options<Listing>): Listing => {
  return { kind: 'listing', title, help, queries, ...options };
};

export interface PanelRow {
  readonly height: number;
  readonly panels: readonly Panel[];
}

interface Place {
  readonly id: number;
  readonly gridPos: { readonly h: number; readonly w: number; readonly x: number; readonly y: number };
}

const COLUMNS = 24;
export const DATASOURCE = { type: 'prometheus', uid: '$datasource' };

/** Rows below each other, panels beside each other. */
export function layOut(rows: readonly PanelRow[]): readonly object[] {
  let id = 0;
  let y = 0;
  return rows.flatMap(({ height, panels }) => {
    let x = 0;
    const written = panels.map((panel) => {
      const w = panel.width ?? Math.floor(COLUMNS / panels.length);
      id++;
      const place = { id, gridPos: { h: height, w, x, y } };
      x += w;
      return panelJson(panel, place);
    });
    y += height;
    return written;
  });
}

function panelJson(panel: Panel, place: Place): object {
  const { title, help } = panel;
  const common = { ...place, title, description: help, datasource: DATASOURCE };
  switch (panel.kind) {
    case 'stat':
      return { ...common, type: 'stat', ...statJson(panel), targets: targets(panel, { instant: true }) };
    case 'graph':
      return { ...common, type: 'timeseries', ...graphJson(panel), targets: targets(panel, { range: true }) };
    case 'bands':
      return { ...common, type: 'state-timeline', ...bandsJson(), targets: targets(panel, { range: true }) };
    case 'listing':
      return {
        ...common,
        type: 'table',
        ...listingJson(panel),
        targets: targets(panel, { instant: true, format: 'table' }),
      };
  }
}

function targets({ queries }: PanelText, how: object): readonly object[] {
  return Object.entries(queries).map(([legend, expr], index) => ({
    refId: refId(index),
    datasource: DATASOURCE,
    expr,
    legendFormat: legend,
    ...how,
  }));
}

const refId = (index: number): string => String.fromCharCode(65 + index);

function statJson({ unit, shows, absent = 'unknown', limits }: Stat): object {
  const [warning, critical] = limits ?? [];
  const steps = [
    { color: limits === undefined ? 'text' : 'green', value: null },
    ...(warning === undefined ? [] : [{ color: 'orange', value: warning }]),
    ...(critical === undefined ? [] : [{ color: 'red', value: critical }]),
  ];
  return {
    fieldConfig: {
      defaults: {
        ...(unit === undefined ? {} : { unit }),
        noValue: absent,
        color: { mode: 'thresholds' },
        thresholds: { mode: 'absolute', steps },
        mappings: [],
      },
      overrides: [],
    },
    options: {
      colorMode: 'value',
      graphMode: 'none',
      justifyMode: 'auto',
      orientation: 'auto',
      reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false },
      textMode: shows ?? 'value',
    },
  };
}

const LEGEND = { displayMode: 'list', placement: 'bottom', showLegend: true, calcs: [] };

function graphJson({ unit = 'short', stacked }: Graph): object {
  return {
    fieldConfig: {
      defaults: {
        unit,
        min: 0,
        color: { mode: 'palette-classic' },
        custom: {
          drawStyle: 'line',
          lineWidth: 1,
          fillOpacity: 10,
          showPoints: 'never',
          // What is unknown is a gap.
          spanNulls: false,
          stacking: { mode: stacked === true ? 'normal' : 'none', group: 'A' },
        },
        mappings: [],
      },
      overrides: [],
    },
    options: { legend: LEGEND, tooltip: { mode: 'multi', sort: 'desc' } },
  };
}

function bandsJson(): object {
  return {
    fieldConfig: {
      defaults: {
        color: { mode: 'palette-classic' },
        custom: { fillOpacity: 70, lineWidth: 0 },
        mappings: [],
      },
      overrides: [],
    },
    options: {
      alignValue: 'left',
      legend: { ...LEGEND, showLegend: false },
      mergeValues: true,
      rowHeight: 0.9,
      showValue: 'never',
      tooltip: { mode: 'single', sort: 'none' },
    },
  };
}

function listingJson({ queries, units, labels }: Listing): object {
  const heads = Object.keys(queries).map((legend, index) => ({ column: `Value #${refId(index)}`, legend }));
  const times = heads.map((_, index) => (heads.length > 1 ? `Time ${index + 1}` : 'Time'));
  const hidden = [...times, ...heads.filter(({ legend }) => legend === '').map(({ column }) => column)];
  const shown = heads.filter(({ legend }) => legend !== '');
  const order = ['table', ...labels, ...shown.map(({ column }) => column)];
  return {
    fieldConfig: {
      defaults: { custom: { align: 'auto', filterable: true }, mappings: [] },
      overrides: Object.entries(units).map(([head, unit]) => ({
        matcher: { id: 'byName', options: head },
        properties: [{ id: 'unit', value: unit }],
      })),
    },
    options: { cellHeight: 'sm', showHeader: true, sortBy: [] },
    transformations: [
      { id: 'joinByField', options: { byField: 'table', mode: 'outer' } },
      {
        id: 'organize',
        options: {
          excludeByName: Object.fromEntries(hidden.map((name) => [name, true])),
          indexByName: Object.fromEntries(order.map((name, index) => [name, index])),
          renameByName: Object.fromEntries(shown.map(({ column, legend }) => [column, legend])),
        },
      },
    ],
  };
}
