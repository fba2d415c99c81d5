// migrate run

import { MigrateError } from '../lib/errors.ts';
import { resultLines } from '../report/result.ts';
import { defineCommand, type Wiring } from './command.ts';
import { printFindings } from './findings.ts';
import { print, printJson } from './io.ts';
import { showProgress } from './progress.ts';

interface RunOptions {
  readonly takeover?: boolean;
}

export const runCommand = (wiring: Wiring) =>
  defineCommand<RunOptions>(
    {
      name: 'run',
      summary: 'migrate from where the journal stands: copy, follow, verify, cut over',
      examples: [
        'migrate run plans/postgres-to-postgres.yaml',
        'migrate run --json > result.json',
        'migrate run --takeover   # the other runner is lost or hangs',
      ],
      takesPlan: true,
      configure: (command) =>
        command.option('--takeover', 'fence another runner of the same run and go on in its place'),
      action: async ({ app, io, options, log, loadPlan }) => {
        const plan = await loadPlan();
        const progress = showProgress(io, options.quiet === true);
        try {
          const result = await app.run({
            plan,
            takeover: options.takeover === true,
            signal: io.signal,
            log: progress.wrap(log),
            scrub: (text) => io.secrets.scrub(text),
            onStatus: progress.follow,
            onFindings: (findings) => printFindings(io, findings, 'stderr'),
          });
          progress.stop();
          if (options.json === true) printJson(io, result);
          else for (const line of resultLines(result)) print(io, line);
          return 0;
        } catch (error) {
          progress.stop();
          throw io.signal.aborted && io.signal.reason instanceof MigrateError ? io.signal.reason : error;
        }
      },
    },
    wiring,
  );
