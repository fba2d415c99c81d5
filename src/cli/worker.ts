// migrate worker

import { MigrateError } from '../lib/errors.ts';
import type { WorkResult } from '../runner/worker.ts';
import { defineCommand, type Wiring } from './command.ts';
import { print, printJson } from './io.ts';

export const workerCommand = (wiring: Wiring) =>
  defineCommand<object>(
    {
      name: 'worker',
      summary: 'help a run that another process leads: copy chunks, and write lanes while it is far behind',
      examples: [
        'migrate worker plans/mysql-to-postgres-debezium.yaml   # on as many machines as you like',
        'migrate worker --json   # the last line says what it did',
      ],
      takesPlan: true,
      action: async ({ app, io, options, log, loadPlan }) => {
        const plan = await loadPlan();
        try {
          const result = await app.work({ plan, signal: io.signal, log });
          if (options.json === true) printJson(io, result);
          else for (const line of workLines(result)) print(io, line);
          return 0;
        } catch (error) {
          throw io.signal.aborted && io.signal.reason instanceof MigrateError ? io.signal.reason : error;
        }
      },
    },
    wiring,
  );

function workLines({ run, outcome, chunks, rows, changes }: WorkResult): readonly string[] {
  const count = (value: number): string => value.toLocaleString('en-US');
  return [
    `run       ${run}: ${outcome}`,
    `copied    ${count(chunks)} chunks, ${count(rows)} rows`,
    `applied   ${count(changes)} changes`,
  ];
}
