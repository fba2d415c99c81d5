// The few shapes the generated pages are made of.

import stringWidth from 'string-width';

/** The first lines of every generated page. */
export function heading(title: string, source: string): string {
  return `# ${title}\n\n<!-- Generated from ${source} by \`npm run docs\`. Do not edit. -->\n`;
}

/** Columns are padded, as the formatter of this project would do it. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = [head, ...rows].map((row) => row.map(cell));
  const widths = head.map((_, column) => Math.max(3, ...cells.map((row) => stringWidth(row[column] ?? ''))));
  const line = (row: readonly string[]): string =>
    `| ${widths.map((width, column) => padded(row[column] ?? '', width)).join(' | ')} |`;
  const [first = [], ...others] = cells;
  return `${[line(first), line(widths.map((width) => '-'.repeat(width))), ...others.map(line)].join('\n')}\n`;
}

function padded(text: string, width: number): string {
  return text + ' '.repeat(width - stringWidth(text));
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}
