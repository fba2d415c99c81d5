// migrate check

import { CODES } from '../lib/codes.ts';
import { defineCommand, type Wiring } from './command.ts';
import { countFindings, printFindings } from './findings.ts';
import { print, printJson } from './io.ts';

export const checkCommand = (wiring: Wiring) =>
  defineCommand<object>(
    {
      name: 'check',
      summary: 'run every preflight check and print all findings with their cures; writes nothing',
      examples: ['migrate check plans/postgres-to-postgres.yaml', 'migrate check --json | tail -1'],
      takesPlan: true,
      action: async ({ app, io, options, loadPlan }) => {
        const findings = await app.check(await loadPlan());
        const failed = findings.some((finding) => finding.level === 'error');
        if (options.json === true) {
          const next = failed
            ? [{ command: 'migrate check', why: 'after the cures were run' }]
            : [{ command: 'migrate run', why: 'nothing stands in the way' }];
          printJson(io, { result: failed ? 'failed' : 'ok', findings, next });
        } else {
          printFindings(io, findings, 'stdout');
          print(io, countFindings(findings));
          print(io, failed ? 'Next: run the cures, then migrate check again' : 'Next: migrate run');
        }
        return failed ? CODES['PREFLIGHT.FAILED'].exit : 0;
      },
    },
    wiring,
  );
