// Numbers of repeated measurements, and their table: printed, and kept for the page that `npm run bench` writes.

import { appendFile } from 'node:fs/promises';

/** The middle value; of an even number, the lower of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? Number.NaN;
}

/** The value that `share` of all values do not exceed. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}

/** `1234567` as `1,234,567`. */
export function thousands(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

/** Seconds that `work` takes. */
export async function seconds(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return (performance.now() - began) / 1_000;
}

export interface Table {
  readonly title: string;
  readonly header: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** Prints a result; with BENCH_RESULTS in the environment also appends it to that file, as Markdown. */
export async function report({ title, header, rows }: Table): Promise<void> {
  process.stdout.write(`${title}\n`);
  printTable(header, rows);
  const file = process.env.BENCH_RESULTS;
  if (file === undefined) return;
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const ruler = line(header.map((_, column) => (column === 0 ? '---' : '---:')));
  await appendFile(file, `\n## ${title}\n\n${[line(header), ruler, ...rows.map(line)].join('\n')}\n`);
}

/** Prints rows in columns: the first left-aligned, the others right-aligned. */
function printTable(header: readonly string[], rows: readonly (readonly string[])[]): void {
  const lines = [header, ...rows];
  const widths = header.map((_, column) => Math.max(...lines.map((line) => (line[column] ?? '').length)));
  for (const line of lines) {
    const cells = widths.map((width, column) => {
      const cell = line[column] ?? '';
      return column === 0 ? cell.padEnd(width) : cell.padStart(width);
    });
    process.stdout.write(`${cells.join('  ')}\n`);
  }
}
