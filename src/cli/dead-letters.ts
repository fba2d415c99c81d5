// migrate dead-letters: row changes that the target refused. Values of cells are shown by `show` and written by `export`,
// and nowhere else.

import { chmodSync, writeFileSync } from 'node:fs';
import { askFor } from '../control/client.ts';
import type { LetterRequest } from '../control/controls.ts';
import { withoutKey, withValues } from '../control/letter-view.ts';
import { socketPath } from '../control/socket.ts';
import type { DeadLetter } from '../journal/dead-letters.ts';
import { MigrateError } from '../lib/errors.ts';
import { person } from '../lib/person.ts';
import type { Plan } from '../plan/plan.ts';
import type { LettersAnswer } from '../runner/letters.ts';
import { defineCommand, type Invocation, type Wiring } from './command.ts';
import { print, printJson } from './io.ts';

const VERBS = ['list', 'show', 'retry', 'waive', 'export'] as const;
type Verb = (typeof VERBS)[number];

interface LetterOptions {
  readonly table?: string;
  readonly all?: boolean;
  readonly reason?: string;
}

type Letters = Invocation<LetterOptions>;

export const deadLettersCommand = (wiring: Wiring) =>
  defineCommand<LetterOptions>(
    {
      name: 'dead-letters',
      summary: 'list row changes that the target refused, show their values, replay or waive them',
      examples: [
        'migrate dead-letters list',
        'migrate dead-letters show 7 --json',
        'migrate dead-letters retry --all',
        "migrate dead-letters waive 7 8 --reason 'test orders, agreed with sales'",
        'migrate dead-letters export letters.jsonl',
      ],
      takesPlan: 'option',
      configure: (command) =>
        command
          .addArgument(command.createArgument('<verb>', 'what to do').choices([...VERBS]))
          .argument('[words...]', 'ids as `list` has them; with export a new file, which only its owner can read')
          .option('--table <name>', 'with retry: those of one table, as `list` names it')
          .option('--all', 'with retry: all that are open')
          .option('--reason <text>', 'with waive: why the run may end without these changes; kept in the report'),
      action: async (invocation) => {
        const [word, ...words] = invocation.words;
        const verb = VERBS.find((each) => each === word) ?? 'list';
        const work = WORK[verb](invocation, words);
        return work(await invocation.loadPlan());
      },
    },
    wiring,
  );

/** Each refuses wrong words before the plan is read. */
const WORK: Readonly<Record<Verb, (invocation: Letters, words: readonly string[]) => (plan: Plan) => Promise<number>>> =
  {
    list: (invocation, words) => {
      if (words.length > 0) throw usage('list takes no ids');
      return (plan) => list(invocation, plan);
    },
    show: (invocation, words) => {
      const ids = idsOf(words);
      if (ids.length === 0) throw usage('show takes ids');
      return (plan) => show(invocation, plan, ids);
    },
    retry: (invocation, words) => {
      const { all, table } = invocation.options;
      const ids = idsOf(words);
      const given = [ids.length > 0, table !== undefined, all === true].filter(Boolean).length;
      if (given !== 1) throw usage('retry takes ids, --table or --all');
      return (plan) =>
        settle(invocation, plan, { verb: 'retry', by: person(), ids: ids.length > 0 ? ids : undefined, table });
    },
    waive: (invocation, words) => {
      const reason = invocation.options.reason?.trim() ?? '';
      const ids = idsOf(words);
      if (ids.length === 0 || reason === '') throw usage('waive takes ids and --reason');
      return (plan) => settle(invocation, plan, { verb: 'waive', by: person(), ids, reason });
    },
    export: (invocation, words) => {
      const [file] = words;
      if (file === undefined || words.length > 1) throw usage('export takes a file');
      return (plan) => exportTo(invocation, plan, file);
    },
  };

async function list({ app, io, options }: Letters, plan: Plan): Promise<number> {
  const { letters } = await app.letters(plan, () => false);
  const open = letters.filter(({ state }) => state === 'open').length;
  if (options.json === true) {
    printJson(io, { result: 'ok', run: plan.name, open, total: letters.length, letters: letters.map(withoutKey) });
    return 0;
  }
  for (const letter of letters) print(io, lineOf(letter));
  print(io, `${plan.name}: ${letters.length} dead letters, ${open} open`);
  return 0;
}

async function show({ app, io, options }: Letters, plan: Plan, ids: readonly number[]): Promise<number> {
  const view = await app.letters(plan, ({ id }) => ids.includes(id));
  const shown = view.letters.filter(({ id }) => ids.includes(id)).map((letter) => withValues(letter, view));
  const missing = ids.filter((id) => !shown.some((letter) => letter.id === id));
  if (missing.length > 0) throw usage(`there is no dead letter ${missing.join(', ')}`);
  if (options.json === true) printJson(io, { result: 'ok', run: plan.name, letters: shown });
  else for (const letter of shown) print(io, JSON.stringify(letter, null, 2));
  return 0;
}

async function exportTo({ app, io, options }: Letters, plan: Plan, file: string): Promise<number> {
  const view = await app.letters(plan, () => true);
  const text = view.letters.map((letter) => `${JSON.stringify(withValues(letter, view))}\n`).join('');
  try {
    writeFileSync(file, text, { mode: 0o600, flag: 'wx' });
    chmodSync(file, 0o600);
  } catch (error) {
    throw usage(`${file} cannot be written: ${error instanceof Error ? error.message : ''}`);
  }
  if (options.json === true) printJson(io, { result: 'ok', run: plan.name, file, letters: view.letters.length });
  else print(io, `${view.letters.length} dead letters, with the values of their rows, are in ${file}`);
  return 0;
}

/** Exits with 2 when the target still refuses some. */
async function settle({ app, io, options }: Letters, plan: Plan, request: LetterRequest): Promise<number> {
  const live = (await askFor(socketPath(plan), '/letters', request)) as LettersAnswer | undefined;
  const { replayed, refused, waived } = live ?? (await app.settleLetters(plan, request));
  const result = refused.length > 0 ? 'refused' : request.verb === 'retry' ? 'replayed' : 'waived';
  if (options.json === true) printJson(io, { result, run: plan.name, replayed, refused, waived });
  else {
    if (waived.length > 0) print(io, `waived    ${waived.join(', ')}`);
    if (request.verb === 'retry') print(io, `replayed  ${replayed.length === 0 ? 'none' : replayed.join(', ')}`);
    for (const { ids, code, message } of refused) print(io, `refused   ${ids.join(', ')}: ${code} ${message}`);
  }
  return refused.length > 0 ? 2 : 0;
}

function lineOf({ id, table, op, state, refusal, by, reason }: DeadLetter): string {
  const why =
    refusal === null
      ? 'follows a refused change of its row'
      : [refusal.sqlState, refusal.constraint ?? refusal.column].filter((part) => part !== null).join(' ');
  const settled = state === 'open' ? '' : ` (${[by, reason].filter((part) => part !== null).join(': ')})`;
  return `${String(id).padStart(6)}  ${state.padEnd(10)} ${op} ${table}: ${why}${settled}`;
}

function idsOf(words: readonly string[]): readonly number[] {
  const wrong = words.find((word) => !/^[1-9]\d{0,14}$/.test(word));
  if (wrong !== undefined) throw usage(`${wrong} is not the id of a dead letter`);
  return [...new Set(words.map(Number))];
}

function usage(message: string): MigrateError {
  return new MigrateError('USAGE.ARGUMENT', message);
}
