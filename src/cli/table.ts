// migrate table: single tables of a run.

import { askFor } from '../control/client.ts';
import type { TableAnswer, TableRequest } from '../control/controls.ts';
import { socketPath } from '../control/socket.ts';
import { noRun } from '../journal/no-run.ts';
import { MigrateError } from '../lib/errors.ts';
import { person } from '../lib/person.ts';
import type { Plan } from '../plan/plan.ts';
import { conditionsOf } from '../report/conditions.ts';
import { defineCommand, type Invocation, type Wiring } from './command.ts';
import { sayFindings } from './findings.ts';
import { print, printJson } from './io.ts';

const VERBS = ['list', 'add', 'skip', 'copy', 'retry'] as const;
type Verb = (typeof VERBS)[number];

const RESULTS: Readonly<Record<Exclude<Verb, 'list'>, string>> = {
  add: 'added, to be copied',
  skip: 'skipped',
  copy: 'to be copied again',
  retry: 'taken back, to be copied',
};
const ADDED_BEFORE = 'part of the run already';

interface TableOptions {
  readonly reason?: string;
}

export const tableCommand = (wiring: Wiring) =>
  defineCommand<TableOptions>(
    {
      name: 'table',
      summary:
        'list the tables of the run; add one, leave one out, take it back or copy it again while the others go on',
      examples: [
        'migrate table list',
        "migrate table skip app.audit --reason 'kept on the old server'",
        'migrate table retry app.audit',
        'migrate table add app.invoices',
        'migrate table copy app.orders --json',
      ],
      takesPlan: 'option',
      configure: (command) =>
        command
          .addArgument(command.createArgument('<verb>', 'what to do').choices([...VERBS]))
          .argument(
            '[table]',
            'its name on the source, as `migrate table list` has it; a partitioned one stands for its parts',
          )
          .option('--reason <text>', 'with skip: why the run may end without this table; kept in the report'),
      action: async (invocation) => {
        const [word, table = ''] = invocation.words;
        const verb = VERBS.find((each) => each === word) ?? 'list';
        const { reason } = invocation.options;
        if ((verb === 'list') !== (table === '')) {
          throw new MigrateError('USAGE.ARGUMENT', verb === 'list' ? 'list takes no table' : `${verb} takes a table`);
        }
        if ((verb === 'skip') !== (reason !== undefined && reason.trim() !== '')) {
          throw new MigrateError('USAGE.ARGUMENT', verb === 'skip' ? 'skip takes --reason' : '--reason goes with skip');
        }
        const plan = await invocation.loadPlan();
        if (verb === 'list') return list(invocation, plan);
        const by = person();
        return request(
          invocation,
          plan,
          verb === 'skip' ? { verb, table, by, reason: reason ?? '' } : { verb, table, by },
        );
      },
    },
    wiring,
  );

async function request(
  { app, io, options }: Invocation<TableOptions>,
  plan: Plan,
  asked: TableRequest,
): Promise<number> {
  const live = (await askFor(socketPath(plan), '/table', asked)) as TableAnswer | undefined;
  const { changed, findings } = live ?? (await app.requestTable(plan, asked));
  const process = live === undefined ? 'none' : 'alive';
  const result = asked.verb === 'add' && !changed ? ADDED_BEFORE : RESULTS[asked.verb];
  if (options.json === true) {
    const more = asked.verb === 'add' ? { findings } : {};
    printJson(io, { result, run: plan.name, table: asked.table, process, ...more });
    return 0;
  }
  sayFindings(io, findings, options.quiet === true);
  const recorded = live === undefined && changed ? ' (recorded; no process is working on the run)' : '';
  print(io, `${asked.table}: ${result}${recorded}`);
  return 0;
}

async function list({ app, io, options }: Invocation<TableOptions>, plan: Plan): Promise<number> {
  const view = await app.inspect(plan);
  if (view === undefined) throw noRun(plan.name);
  const snapshot = view.stages.find(({ stage }) => stage === 'snapshot');
  const done = snapshot !== undefined && snapshot.finishedAt !== null;
  const conditions = conditionsOf(view.tables, view.states, done);
  const waivers = new Map(view.states.map(({ table, waiver }) => [table, waiver]));
  const tables = [
    ...view.tables.map(({ id, chunks }) => ({
      table: id,
      condition: conditions[id] ?? 'copying',
      rowsCopied: chunks.reduce((sum, { rows }) => sum + rows, 0),
      waiver: waivers.get(id) ?? null,
    })),
    ...view.record.joining.map(({ id }) => ({ table: id, condition: 'waiting', rowsCopied: 0, waiver: null })),
  ];
  if (options.json === true) {
    printJson(io, { result: 'ok', run: plan.name, tables });
    return 0;
  }
  for (const { table, condition, rowsCopied, waiver } of tables) {
    const why = waiver === null ? '' : `: ${waiver.reason} (${waiver.by}, ${waiver.at})`;
    print(io, `${condition.padEnd(12)} ${table}, ${rowsCopied.toLocaleString('en-US')} rows copied${why}`);
  }
  return 0;
}
