// A chart of one or two lines over the last minutes, as SVG. What it shows is also written below it.

import { element, svg } from './dom.ts';
import { clock, tick } from './format.ts';
import type { Point } from './series.ts';

export interface Line {
  readonly name: string;
  readonly points: readonly Point[];
}

const HEIGHT = 176;
const MARGIN = { top: 8, right: 4, bottom: 20, left: 44 };

/** Draws into the figure; lines without a value are left out. */
export function drawChart(figure: HTMLElement, lines: readonly Line[], read: (value: number) => string): void {
  const plot = figure.querySelector('.plot');
  const reading = figure.querySelector('.reading');
  const legend = figure.querySelector('.legend');
  if (!(plot instanceof HTMLElement) || reading === null || legend === null) return;
  const shown = lines.filter(({ points }) => points.some(({ value }) => value !== null && value > 0));
  const drawn = shown.length > 0 ? shown : lines.slice(0, 1);
  const known = drawn
    .flatMap(({ points }) => points)
    .flatMap(({ at, value }) => (value === null ? [] : [{ at, value }]));
  if (known.length < 2) return;
  legend.replaceChildren(
    ...(drawn.length < 2
      ? []
      : drawn.map(({ name }, index) =>
          element('span', {}, element('i', { class: index === 1 ? 'second' : '' }), name),
        )),
  );
  const width = Math.max(plot.clientWidth, 200);
  const frame = frameOf(known, width);
  const parts = [...axes(frame, width), ...drawn.flatMap(({ points }, index) => paths(points, frame, index === 1))];
  plot.replaceChildren(svg('svg', { viewBox: `0 0 ${width} ${HEIGHT}`, 'aria-hidden': 'true' }, ...parts));
  reading.textContent = drawn.map(({ name, points }) => sentence(name, points, read)).join('; ');
}

interface Frame {
  readonly x: (at: number) => number;
  readonly y: (value: number) => number;
  readonly from: number;
  readonly to: number;
  readonly top: number;
}

function frameOf(known: readonly { readonly at: number; readonly value: number }[], width: number): Frame {
  const to = Math.max(...known.map(({ at }) => at));
  // Never less than a minute: a curve that races to the left tells nothing.
  const from = Math.min(to - 60_000, ...known.map(({ at }) => at));
  const top = roundUp(Math.max(...known.map(({ value }) => value), 1e-3));
  const [inner, tall] = [width - MARGIN.left - MARGIN.right, HEIGHT - MARGIN.top - MARGIN.bottom];
  return {
    x: (at) => MARGIN.left + ((at - from) / (to - from)) * inner,
    y: (value) => MARGIN.top + (1 - value / top) * tall,
    ...{ from, to, top },
  };
}

/** The next of 1, 2 or 5 times a power of ten. */
function roundUp(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 5, 10].find((step) => step * power >= value) ?? 10) * power;
}

function axes({ x, y, from, to, top }: Frame, width: number): readonly SVGElement[] {
  const rows = [0, top / 2, top].flatMap((value) => [
    svg('line', { x1: MARGIN.left, x2: width - MARGIN.right, y1: y(value), y2: y(value) }),
    svg('text', { x: MARGIN.left - 8, y: y(value) + 4, 'text-anchor': 'end' }, tick(value)),
  ]);
  const ends: readonly (readonly [number, string])[] = [
    [from, 'start'],
    [to, 'end'],
  ];
  const times = ends.map(([at, anchor]) =>
    svg('text', { x: x(at), y: HEIGHT - 3, 'text-anchor': anchor }, clock(at).slice(0, 8)),
  );
  return [...rows, ...times];
}

/** One path for each stretch without a gap, and what is below the first line. */
function paths(points: readonly Point[], { x, y }: Frame, second: boolean): readonly SVGElement[] {
  const stretches: string[][] = [[]];
  for (const { at, value } of points) {
    if (value === null) stretches.push([]);
    else stretches.at(-1)?.push(`${x(at).toFixed(1)} ${y(value).toFixed(1)}`);
  }
  return stretches
    .filter((stretch) => stretch.length > 1)
    .flatMap((stretch) => {
      const line = svg('path', { class: second ? 'line second' : 'line', d: `M${stretch.join('L')}` });
      if (second) return [line];
      const [left, right] = [stretch[0]?.split(' ')[0], stretch.at(-1)?.split(' ')[0]];
      const floor = y(0).toFixed(1);
      return [svg('path', { class: 'area', d: `M${left} ${floor}L${stretch.join('L')}L${right} ${floor}Z` }), line];
    });
}

function sentence(name: string, points: readonly Point[], read: (value: number) => string): string {
  const values = points.flatMap(({ value }) => (value === null ? [] : [value]));
  const now = points.at(-1)?.value ?? null;
  return `${name} ${now === null ? 'unknown' : read(now)}, at most ${read(Math.max(0, ...values))}`;
}
