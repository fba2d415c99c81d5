// migrate init

import { writeFile } from 'node:fs/promises';
import { MigrateError, toMigrateError } from '../lib/errors.ts';
import type { Side } from '../model/side.ts';
import { type Draft, type DraftSurvey, type DraftUrl, draftName, draftPlan, draftUrl } from '../plan/draft.ts';
import { urlSecrets } from '../plan/interpolate.ts';
import type { Plan } from '../plan/plan.ts';
import { readPlan } from '../plan/read.ts';
import { bytes, count } from '../report/page.ts';
import { preflightReport } from '../report/preflight.ts';
import type { Application } from './application.ts';
import { defineCommand, type Wiring } from './command.ts';
import { type Io, say } from './io.ts';
import { fileError } from './report-file.ts';

interface InitOptions {
  readonly source?: string;
  readonly target?: string;
  readonly yes?: boolean;
}

const EXAMPLE = { source: 'old-server', target: 'new-server' } as const;
const VARIABLES = { source: 'SOURCE_PASSWORD', target: 'TARGET_PASSWORD' } as const;

export const initCommand = (wiring: Wiring) =>
  defineCommand<InitOptions>(
    {
      name: 'init',
      summary: 'write a commented plan for two databases, with the tables found; works without the databases, too',
      examples: [
        'migrate init --source postgres://migrator@old-server/shop --target postgres://migrator@new-server/shop migrate.yaml',
        'migrate init --source mysql://migrator@old-server/shop --target postgres://migrator@new-server/shop migrate.yaml',
        'migrate init > migrate.yaml',
      ],
      takesPlan: false,
      configure: (command) =>
        command
          .argument('[file]', 'where to write it (default: stdout)')
          .option('--source <url>', 'the database to migrate from; its password becomes a reference to SOURCE_PASSWORD')
          .option('--target <url>', 'the database to migrate to; its password becomes a reference to TARGET_PASSWORD')
          .option('--yes', 'replace the file if it exists'),
      action: async ({ app, io, options, argument }) => {
        const [source, target] = [endpoint(io, 'source', options), endpoint(io, 'target', options)];
        const env = { ...io.env, ...passwords(source), ...passwords(target) };
        const empty: Draft = { name: draftName(source.url, env), source, target, survey: nothing('') };
        const plan = readDraft(empty, env);
        const asked = options.source !== undefined && options.target !== undefined;
        const survey = asked && plan !== undefined ? await look(app, io, plan) : nothing('');
        const text = draftPlan({ ...empty, survey });
        if (argument !== '') await save(argument, text, options.yes === true);
        report(io, options, argument, text, {
          survey,
          variables: [source, target].flatMap(({ variable }) => variable?.name ?? []),
        });
        return 0;
      },
    },
    wiring,
  );

function endpoint(io: Io, side: Side, options: InitOptions): DraftUrl {
  const text = options[side] ?? `postgres://migrator:\${${VARIABLES[side]}}@${EXAMPLE[side]}:5432/database`;
  for (const secret of urlSecrets(text)) io.secrets.add(secret.text, secret);
  const url = draftUrl(text, VARIABLES[side]);
  if (url !== undefined) return url;
  throw new MigrateError('USAGE.ARGUMENT', `--${side} cannot be read as a url`, {
    fix: 'Write postgres://user:password@host:port/database or mysql://user:password@host:port, with special characters percent-encoded.',
  });
}

function passwords({ variable }: DraftUrl): Readonly<Record<string, string>> {
  return variable === undefined ? {} : { [variable.name]: variable.value };
}

/** Undefined when a reference of the caller's has no value yet, which is no fault of the plan. */
function readDraft(draft: Draft, env: Readonly<Record<string, string | undefined>>): Plan | undefined {
  const reading = readPlan(draftPlan(draft), 'migrate.yaml', env);
  if ('plan' in reading) return reading.plan;
  const faults = reading.faults.map(({ message }) => message);
  if (faults.every((message) => message.includes(' needs the '))) return undefined;
  throw new MigrateError('USAGE.ARGUMENT', faults.join('\n'), { fix: 'Correct --source and --target.' });
}

function nothing(remark: string): DraftSurvey {
  return { tables: [], refused: [], remark };
}

/** A plan is written whatever the databases say. */
async function look(app: Application, io: Io, plan: Plan): Promise<DraftSurvey> {
  try {
    const { tables, findings } = preflightReport({ run: plan.name, ...(await app.check(plan)) });
    const errors = findings.filter(({ level }) => level === 'error');
    return {
      tables: tables.map(({ table, rows, bytes: size }) => ({
        name: table,
        schema: table.replace(/\..*$/s, ''),
        note: `about ${count(rows)} rows, ${bytes(size)}`,
      })),
      refused: errors.map(({ code, subject, message }) => ({ name: subject, why: `${message} (${code})` })),
      remark: errors.length === 0 ? 'What was found:' : 'What was found; some of it is refused as it is, see below:',
    };
  } catch (thrown) {
    const error = toMigrateError(thrown);
    say(io, `the databases could not be looked at: ${error.code} ${error.message}`);
    return nothing(`The databases could not be looked at when this was written (${error.code}).`);
  }
}

async function save(path: string, text: string, replace: boolean): Promise<void> {
  try {
    await writeFile(path, text, { flag: replace ? 'w' : 'wx' });
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') {
      throw new MigrateError('USAGE.FILE', `${path} exists`, { fix: 'Name another file, or add --yes to replace it.' });
    }
    throw fileError(path, error);
  }
}

interface Written {
  readonly survey: DraftSurvey;
  readonly variables: readonly string[];
}

/** Not scrubbed: the text holds no secret, and a password that is an ordinary word would make holes in it. */
function report(
  io: Io,
  options: { readonly json?: boolean },
  path: string,
  text: string,
  { survey, variables }: Written,
): void {
  const next = [
    ...variables.map((name) => ({
      command: `export ${name}=…`,
      why: 'the plan has a reference in place of the password',
    })),
    { command: path === '' ? 'migrate check' : `migrate check ${path}`, why: 'says what is missing' },
  ];
  if (options.json === true) {
    const { tables, refused } = survey;
    const result = { result: 'ok', ...(path === '' ? { text } : { file: path }), tables: tables.length, refused, next };
    io.stdout.write(`${JSON.stringify(result)}\n`);
    return;
  }
  if (path === '') io.stdout.write(text);
  else
    io.stdout.write(
      `wrote ${path}: ${count(survey.tables.length)} tables found, ${count(survey.refused.length)} things refused\n`,
    );
  for (const { command, why } of next) io.stderr.write(`Next: ${command} (${why})\n`);
}
