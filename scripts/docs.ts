// Writes the generated pages: each has one source of truth in src. With --check it writes nothing, names the pages
// that are out of date and ends with 1.

import { readFileSync, writeFileSync } from 'node:fs';
import { cliPage } from './cli-page.ts';
import { errorsPage } from './errors-page.ts';
import { DASHBOARD_FILES } from './grafana/dashboards.ts';
import { metricsPage } from './metrics-page.ts';
import { openApiFile } from './openapi-file.ts';
import { planPage, planSchemaFile } from './plan-page.ts';
import { typesPage } from './types-page.ts';

// Another generated page is one more line here.
const PAGES: readonly { readonly path: string; readonly text: () => string }[] = [
  { path: 'schema/plan.schema.json', text: planSchemaFile },
  { path: 'schema/openapi.json', text: openApiFile },
  { path: 'docs/plan.md', text: planPage },
  { path: 'docs/errors.md', text: errorsPage },
  { path: 'docs/metrics.md', text: metricsPage },
  { path: 'docs/cli.md', text: cliPage },
  { path: 'docs/types.md', text: typesPage },
  ...DASHBOARD_FILES,
];

function main(check: boolean): void {
  const stale = PAGES.filter(({ path, text }) => current(path) !== text());
  for (const { path, text } of check ? [] : stale) writeFileSync(file(path), text());
  for (const { path } of stale) console.log(check ? `out of date: ${path} (npm run docs)` : `wrote ${path}`);
  if (check && stale.length > 0) process.exitCode = 1;
}

function current(path: string): string | undefined {
  try {
    return readFileSync(file(path), 'utf8');
  } catch {
    return undefined;
  }
}

function file(path: string): URL {
  return new URL(`../${path}`, import.meta.url);
}

main(process.argv.includes('--check'));
