// migrate demo

import { loadPlan } from '../plan/load.ts';
import { defineCommand, type Wiring } from './command.ts';
import { sayFindings } from './findings.ts';
import { print, printJson, say } from './io.ts';
import { showProgress } from './progress.ts';

export const demoCommand = (wiring: Wiring) =>
  defineCommand<object>(
    {
      name: 'demo',
      summary: 'bring up two PostgreSQL servers, fill a shop, keep writing to it and migrate it live',
      examples: ['migrate demo', 'migrate demo --json | tail -1'],
      takesPlan: false,
      action: async ({ app, io, options, log }) => {
        const result = await app.demo({
          json: options.json === true,
          signal: io.signal,
          say: (line) => {
            if (options.quiet !== true) say(io, line);
          },
          run: async (planPath, env) => {
            const progress = showProgress(io, options.quiet === true);
            try {
              return await app.run({
                plan: await loadPlan(planPath, { ...io.env, ...env }, io.secrets),
                takeover: false,
                signal: io.signal,
                log: progress.wrap(log),
                scrub: (text) => io.secrets.scrub(text),
                onStatus: progress.follow,
                onFindings: (findings) => sayFindings(io, findings, options.quiet === true),
              });
            } finally {
              progress.stop();
            }
          },
        });
        if (options.json === true) printJson(io, result);
        else for (const line of demoLines(result)) print(io, line);
        return 0;
      },
    },
    wiring,
  );

function demoLines(result: Readonly<Record<string, unknown>>): readonly string[] {
  const part = (section: string, field: string): string => {
    const value = (result[section] as Readonly<Record<string, unknown>> | undefined)?.[field];
    return typeof value === 'number' ? Math.round(value).toLocaleString('en-US') : 'unknown';
  };
  return [
    `rows copied          ${part('snapshot', 'rows')}`,
    `changes applied      ${part('stream', 'changes')}`,
    `rows compared        ${part('verify', 'rowsCompared')} (${part('verify', 'differences')} differences)`,
    `write pause          ${part('cutover', 'writePauseMs')} ms`,
    `writes acknowledged  ${part('clients', 'acknowledged')}`,
    `writes lost          ${part('clients', 'lost')}`,
    `writes duplicated    ${part('clients', 'duplicated')}`,
    'way back             no way back (reverse: off)',
  ];
}
