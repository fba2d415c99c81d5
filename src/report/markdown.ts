// A page as Markdown.

import type { Block, Page } from './page.ts';

export function markdownPage({ title, verdict, sections }: Page): string {
  return [
    `# ${plain(title)}`,
    `**${plain(verdict)}**`,
    ...sections.flatMap(({ heading, blocks }) => [`## ${plain(heading)}`, ...blocks.map(blockText)]),
  ]
    .join('\n\n')
    .concat('\n');
}

function blockText(block: Block): string {
  switch (block.kind) {
    case 'text':
      return plain(block.text);
    case 'code':
      return fenced(block.text);
    case 'facts':
      return tableText(['', ''], block.rows);
    case 'table':
      return tableText(block.head, block.rows);
  }
}

function tableText(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.map(plain).join(' | ')} |`;
  return [line(head), `|${' --- |'.repeat(head.length)}`, ...rows.map(line)].join('\n');
}

/** A fence that is longer than any in the text. */
function fenced(text: string): string {
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = '`'.repeat(longest + 1);
  return `${fence}sql\n${text}\n${fence}`;
}

/** Names of tables may be anything, also what Markdown or HTML would read as its own. */
function plain(text: string): string {
  return text.replace(/[\\`*_[\]<>|#&]/g, '\\$&').replace(/\s*[\r\n]+\s*/g, ' ');
}
