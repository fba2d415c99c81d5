// A page as one HTML file: nothing is loaded from anywhere, it reads on paper, in light and in dark. Every text is escaped.

import type { Block, Page, Section } from './page.ts';

const STYLE = `
:root { color-scheme: light dark; --edge: #8885; --soft: #8881; --good: #1a7f37; --bad: #c0392b; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin-bottom: .25rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
.verdict { font-weight: 600; border-left: 4px solid var(--bad); padding: .25rem .75rem; } .verdict.good { border-color: var(--good); }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; vertical-align: top; padding: .25rem .6rem .25rem 0; border-bottom: 1px solid var(--edge); overflow-wrap: anywhere; }
th[scope=row] { font-weight: 400; white-space: nowrap; width: 1%; padding-right: 2rem; }
pre { background: var(--soft); padding: .6rem; white-space: pre-wrap; overflow-wrap: anywhere; }
@media print { body { margin: 0; max-width: none; font-size: 11px; } tr, pre { break-inside: avoid; } h2 { break-after: avoid; } }
`;

export function htmlPage({ title, verdict, good, sections }: Page): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${escaped(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<h1>${escaped(title)}</h1>
<p class="verdict${good ? ' good' : ''}">${escaped(verdict)}</p>
${sections.map(sectionHtml).join('\n')}
</body>
</html>
`;
}

function sectionHtml({ heading, blocks }: Section): string {
  return `<h2>${escaped(heading)}</h2>\n${blocks.map(blockHtml).join('\n')}`;
}

function blockHtml(block: Block): string {
  switch (block.kind) {
    case 'text':
      return `<p>${escaped(block.text)}</p>`;
    case 'code':
      return `<pre>${escaped(block.text)}</pre>`;
    case 'facts':
      return `<table>${block.rows
        .map(([name, value]) => `<tr><th scope="row">${escaped(name)}</th><td>${escaped(value)}</td></tr>`)
        .join('')}</table>`;
    case 'table':
      return `<table><thead>${row('th', block.head)}</thead><tbody>${block.rows.map((each) => row('td', each)).join('')}</tbody></table>`;
  }
}

function row(cell: 'th' | 'td', texts: readonly string[]): string {
  return `<tr>${texts.map((text) => `<${cell}>${escaped(text)}</${cell}>`).join('')}</tr>`;
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '');
}
