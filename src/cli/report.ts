// migrate report

import { noRun } from '../journal/no-run.ts';
import { certificate, fingerprintOf } from '../report/certificate.ts';
import { certificatePage } from '../report/certificate-page.ts';
import { markdownPage } from '../report/markdown.ts';
import { defineCommand, type Wiring } from './command.ts';
import { print, printJson } from './io.ts';
import { formOf, writeReport } from './report-file.ts';

interface ReportOptions {
  readonly html?: string;
}

export const reportCommand = (wiring: Wiring) =>
  defineCommand<ReportOptions>(
    {
      name: 'report',
      summary: 'print what a run did, from its journal: the certificate of a finished run, or how far it has come',
      examples: ['migrate report', 'migrate report --html orders.html', 'migrate report --json > orders.json'],
      takesPlan: true,
      configure: (command) => command.option('--html <file>', 'write it as one HTML file that needs no network'),
      action: async ({ app, io, options, loadPlan }) => {
        const form = options.html === undefined ? undefined : formOf(options.html, ['.html']);
        const plan = await loadPlan();
        const view = await app.inspect(plan);
        if (view === undefined) throw noRun(plan.name);
        const body = certificate(view);
        const sha256 = fingerprintOf(body);
        const page = certificatePage(body, sha256);
        if (options.html !== undefined && form !== undefined) await writeReport(io, options.html, form, { page, body });
        const written = options.html === undefined ? {} : { html: options.html };
        if (options.json === true) printJson(io, { result: 'ok', certificate: body, sha256, ...written, next: [] });
        else if (options.html !== undefined) print(io, `wrote ${options.html}: ${page.verdict}`);
        else print(io, markdownPage(page).trimEnd());
        return 0;
      },
    },
    wiring,
  );
