// migrate status: from the running process if there is one, from the journal and the fences if not.

import { type Access, accessPath, pageAddress, pageUrl, readAccess } from '../control/access.ts';
import { ask } from '../control/client.ts';
import { socketPath } from '../control/socket.ts';
import { noRun } from '../journal/no-run.ts';
import type { NextStep } from '../observe/next.ts';
import type { StatusSnapshot } from '../observe/status.ts';
import { emptyValuesOf } from '../report/empty-values.ts';
import type { RunView } from '../runner/inspect.ts';
import { type CommonOptions, defineCommand, type Wiring } from './command.ts';
import { type Io, print, printJson } from './io.ts';
import { emptyLines, errorLines, errorText, lettersLine, statusLine, statusLines, workerLines } from './status-text.ts';
import { watchStatus } from './watch.ts';

interface StatusOptions {
  readonly short?: boolean;
  readonly watch?: boolean;
}

export const statusCommand = (wiring: Wiring) =>
  defineCommand<StatusOptions>(
    {
      name: 'status',
      summary: 'say what the run is doing, why it waits and which side is writable',
      examples: ['migrate status', 'migrate status --watch', 'migrate status --short', 'migrate status --json'],
      takesPlan: true,
      configure: (command) => command.option('--short', 'one line').option('--watch', 'go on until the process ends'),
      action: async ({ app, io, options, loadPlan }) => {
        const plan = await loadPlan();
        const live = await ask(socketPath(plan), 'GET', '/status');
        if (live !== undefined) {
          await showLive(io, options, socketPath(plan), live);
          return 0;
        }
        const view = await app.inspect(plan);
        if (view === undefined) throw noRun(plan.name);
        const stage = stageOf(view);
        if (options.json === true)
          printJson(io, {
            process: 'none',
            ...offline(view, stage),
            next: nextOf(view, stage),
          });
        else
          for (const line of options.short === true ? [offlineLine(view, stage)] : offlineLines(view, stage))
            print(io, line);
        return 0;
      },
    },
    wiring,
  );

async function showLive(
  io: Io,
  { json, short, watch }: StatusOptions & CommonOptions,
  socket: string,
  live: StatusSnapshot,
): Promise<void> {
  const access = readAccess(accessPath(socket));
  const asJson = (status: StatusSnapshot): void => printJson(io, liveJson(status, socket, access));
  if (json === true) asJson(live);
  else if (short === true) print(io, statusLine(live));
  else for (const line of liveLines(live, access)) print(io, line);
  if (watch !== true) return;
  const again = () => ask(socket, 'GET', '/status');
  await watchStatus(io, live, { ask: again, ...(json === true ? { told: asJson } : {}) });
}

function liveLines(live: StatusSnapshot, access: Access | undefined): readonly string[] {
  return [
    ...statusLines(live),
    ...(access === undefined ? [] : [`page      ${pageUrl(access)}`]),
    ...nextLines(live.next),
  ];
}

/** With the place of the token instead of the token: what is printed as JSON is often kept. */
function liveJson(live: StatusSnapshot, socket: string, access: Access | undefined): Readonly<Record<string, unknown>> {
  const page = access === undefined ? null : { url: pageAddress(access), tokenFile: accessPath(socket) };
  const { next, ...status } = live;
  return { process: 'alive', ...status, page, next };
}

function stageOf(view: RunView): StatusSnapshot['stage'] {
  if (view.record.outcome !== 'running') return view.record.outcome;
  return view.stages.findLast((stage) => stage.finishedAt === null)?.stage ?? view.stages.at(-1)?.stage ?? 'starting';
}

function offline(view: RunView, stage: StatusSnapshot['stage']): Readonly<Record<string, unknown>> {
  return {
    run: view.record.name,
    stage,
    writable: view.writable,
    paused: view.record.paused,
    throttling: view.record.throttling,
    endedAt: view.record.ended?.at ?? null,
    lastError: lastErrorOf(view),
    snapshot: { rows: view.rowsCopied },
    stream: {
      changes: view.changesApplied,
      splitTransactions: view.splitTransactions,
      lagSeconds: null,
      lagBytes: null,
    },
    verify: { emptyValues: emptyValuesOf(view.stages) },
    deadLetters: lettersOf(view),
    workers: view.workers,
    cutover: {
      attempt: view.cutover?.attempt ?? 0,
      phase: view.cutover?.phase ?? null,
      writePauseMs: view.cutover?.writePauseMs ?? null,
    },
  };
}

function lettersOf({ letters }: RunView): StatusSnapshot['deadLetters'] {
  const count = (state: string): number => letters.filter((letter) => letter.state === state).length;
  return { open: count('open'), waived: count('waived'), total: letters.length };
}

function offlineLine(view: RunView, stage: StatusSnapshot['stage']): string {
  const facts = view.record.outcome === 'running' ? ['no process is working on it'] : [];
  if (view.record.paused.length > 0) facts.push('paused');
  const error = lastErrorOf(view);
  if (error !== null) facts.push(`last error: ${errorText(error)}`);
  return `${view.record.name}: ${[stage, ...facts, `writable: ${view.writable}`].join(' · ')}`;
}

function offlineLines(view: RunView, stage: StatusSnapshot['stage']): readonly string[] {
  const ended = view.record.outcome !== 'running';
  return [
    `run       ${view.record.name}`,
    `stage     ${stage}${ended ? '' : ' (no process is working on it)'}`,
    `writable  ${view.writable}${view.writable === 'none' ? ': both sides are closed' : ''}`,
    ...view.record.paused.map((part) => `paused    ${part}`),
    ...(Object.keys(view.record.throttling).length === 0
      ? []
      : ['throttle  set by the operator: see migrate throttle']),
    ...(ended ? [] : endLines(view)),
    `copied    ${view.rowsCopied.toLocaleString('en-US')} rows`,
    `applied   ${view.changesApplied.toLocaleString('en-US')} changes`,
    ...emptyLines(emptyValuesOf(view.stages)),
    ...(view.letters.length === 0 ? [] : [lettersLine(lettersOf(view))]),
    ...workerLines(view.workers),
    ...(view.cutover === undefined ? [] : [cutoverLine(view.cutover)]),
    ...nextLines(nextOf(view, stage)),
  ];
}

/** What stopped a run that is not over. */
function lastErrorOf({ record }: RunView): StatusSnapshot['lastError'] {
  const { ended, outcome } = record;
  return outcome !== 'running' || ended === null || ended.error === null ? null : { ...ended.error, at: ended.at };
}

function endLines(view: RunView): readonly string[] {
  const error = lastErrorOf(view);
  if (error !== null) return errorLines(error);
  const { ended } = view.record;
  if (ended !== null) return [`ended     ${ended.at}, where it was asked to stop`];
  return ['ended     not recorded: it was killed, or it is at work on another machine'];
}

function cutoverLine({ attempt, phase, reason }: NonNullable<RunView['cutover']>): string {
  return `cutover   attempt ${attempt}: ${phase}${reason === null ? '' : ` (${reason})`}`;
}

/** What can be done about a run that no process is working on. */
function nextOf(view: RunView, stage: StatusSnapshot['stage']): readonly NextStep[] {
  if (stage === 'complete' || stage === 'copied') return [];
  if (stage === 'aborted') return [{ command: 'migrate abort --drop', why: 'removes what the run left on the target' }];
  const cure = lastErrorOf(view) === null ? '' : ', after the cure';
  return [{ command: 'migrate run', why: `goes on where it stopped${cure}` }];
}

function nextLines(steps: readonly NextStep[]): readonly string[] {
  return steps.map(({ command, why }) => `Next: ${command} (${why})`);
}
