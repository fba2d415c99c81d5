// migrate audit: who has asked what of the run.

import type { AuditRecord } from '../journal/audit.ts';
import { MigrateError } from '../lib/errors.ts';
import { defineCommand, type Wiring } from './command.ts';
import { print, printJson } from './io.ts';

const MOST = '50';

interface AuditOptions {
  readonly last: string;
}

export const auditCommand = (wiring: Wiring) =>
  defineCommand<AuditOptions>(
    {
      name: 'audit',
      summary: 'tell who has asked what of the run, when, and what came of it; with a running process and without',
      examples: ['migrate audit', 'migrate audit --last 500', 'migrate audit --json'],
      takesPlan: true,
      configure: (command) => command.option('--last <n>', 'how many of the latest entries are told', MOST),
      action: async ({ app, io, options, loadPlan }) => {
        const most = /^[1-9]\d{0,5}$/.test(options.last) ? Number(options.last) : undefined;
        if (most === undefined) throw new MigrateError('USAGE.ARGUMENT', '--last takes a whole number from 1 on');
        const plan = await loadPlan();
        const entries = (await app.audit(plan, most)).toReversed();
        if (options.json === true) printJson(io, { result: 'ok', run: plan.name, entries });
        else {
          for (const entry of entries) print(io, lineOf(entry));
          print(io, `${plan.name}: ${entries.length === most ? `the last ${most}` : entries.length} entries`);
        }
        return 0;
      },
    },
    wiring,
  );

function lineOf({ at, by, command, result }: AuditRecord): string {
  return `${at}  ${by}  ${command}: ${result}`;
}
