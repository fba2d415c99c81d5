// migrate check

import { CODES } from '../lib/codes.ts';
import { preflightPage, preflightReport } from '../report/preflight.ts';
import { defineCommand, type Wiring } from './command.ts';
import { countFindings, printFindings } from './findings.ts';
import { print, printJson } from './io.ts';
import { formOf, writeReport } from './report-file.ts';

interface CheckOptions {
  readonly report?: string;
}

export const checkCommand = (wiring: Wiring) =>
  defineCommand<CheckOptions>(
    {
      name: 'check',
      summary: 'run every preflight check and print all findings with their cures; writes nothing to the databases',
      examples: [
        'migrate check plans/postgres-to-postgres.yaml',
        'migrate check --json | tail -1',
        'migrate check --report check.html',
      ],
      takesPlan: true,
      configure: (command) =>
        command.option('--report <file>', 'also write what moves and what does not, as .html, .md or .json'),
      action: async ({ app, io, options, loadPlan }) => {
        const form = options.report === undefined ? undefined : formOf(options.report, ['.html', '.md', '.json']);
        const plan = await loadPlan();
        const { catalog, findings } = await app.check(plan);
        if (options.report !== undefined && form !== undefined) {
          const body = preflightReport({ run: plan.name, catalog, findings });
          await writeReport(io, options.report, form, { page: preflightPage(body), body });
        }
        const failed = findings.some((finding) => finding.level === 'error');
        if (options.json === true) {
          const next = failed
            ? [{ command: 'migrate check', why: 'after the cures were run' }]
            : [{ command: 'migrate run', why: 'nothing stands in the way' }];
          printJson(io, { result: failed ? 'failed' : 'ok', findings, next });
        } else {
          printFindings(io, findings);
          print(io, countFindings(findings));
          print(io, failed ? 'Next: run the cures, then migrate check again' : 'Next: migrate run');
        }
        return failed ? CODES['PREFLIGHT.FAILED'].exit : 0;
      },
    },
    wiring,
  );
