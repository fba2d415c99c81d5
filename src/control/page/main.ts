// The status page: follows the run's events and draws them; gives commands after they were confirmed.

import type { StatusSnapshot } from '../../observe/status.ts';
import type { Sample } from '../history.ts';
import { drawHealth, drawWorkers } from './beside.ts';
import { drawChart } from './chart.ts';
import { type Answer, command, follow, setToken, takeToken } from './connection.ts';
import { askedToken, confirmed, type Question } from './dialogs.ts';
import { byId, element, setText } from './dom.ts';
import type { ServerEvent } from './events.ts';
import { clock, count, duration, lagText, short } from './format.ts';
import { drawNumbers } from './numbers.ts';
import { Paces, Samples } from './series.ts';
import { drawTables } from './tables.ts';
import { drawTimeline, isOver, stageTitle } from './timeline.ts';

const TOAST_MS = 6_000;

const ids = {
  stages: byId('stages', HTMLElement),
  numbers: byId('numbers', HTMLElement),
  lag: byId('lag', HTMLElement),
  rates: byId('rates', HTMLElement),
  lost: byId('lost', HTMLElement),
  wait: byId('wait', HTMLElement),
  error: byId('error', HTMLElement),
  toast: byId('toast', HTMLElement),
  pause: byId('pause', HTMLButtonElement),
  cutover: byId('cutover', HTMLButtonElement),
  filter: byId('filter', HTMLInputElement),
  tables: { rows: byId('rows', HTMLElement), more: byId('more', HTMLElement) },
};
const samples = new Samples();
const paces = new Paces();
let status: StatusSnapshot | undefined;
/** By the runner's clock, which all times of a status are of. */
let now = 0;
/** Since when nothing was heard; undefined while the line is there. */
let lostAt: number | undefined;
let toastTimer: ReturnType<typeof setTimeout> | undefined;

interface News extends StatusSnapshot {
  readonly at: number;
  readonly history?: readonly Sample[];
}

function receive({ name, data }: ServerEvent): void {
  const news = JSON.parse(data) as News;
  lostAt = undefined;
  if (name === 'status' || status === undefined) {
    status = news;
    samples.replace(news.history ?? []);
  } else {
    const tables = { ...status.tables, ...news.tables };
    status = { ...news, tables, conditions: { ...status.conditions, ...news.conditions } };
  }
  const { stream, snapshot } = status;
  now = news.at;
  samples.add({ at: now, lagSeconds: stream.lagSeconds, rows: snapshot.rows, changes: stream.changes });
  // A page in the background keeps its numbers and draws them when it is looked at.
  if (!document.hidden) draw();
}

function draw(): void {
  drawLink();
  if (status === undefined) return;
  const { lag, copied, applied } = samples.series;
  document.title = `${stageTitle(status.stage)} · ${status.run}`;
  setText(byId('run', HTMLElement), status.run);
  setText(byId('writable', HTMLElement), writableText(status));
  setText(byId('stage', HTMLElement), `Stage: ${stageTitle(status.stage)}`);
  drawNotes(status);
  drawButtons(status);
  drawTimeline(ids.stages, status, now);
  drawNumbers(ids.numbers, status, { copied, applied });
  drawChart(ids.lag, [{ name: 'Lag', points: lag }], lagText);
  const lines = [
    { name: 'Copied', points: copied },
    { name: 'Applied', points: applied },
  ];
  drawChart(ids.rates, lines, (value) => `${short(value)} rows/s`);
  drawTables(ids.tables, status, ids.filter.value, paces, now);
  drawHealth(status);
  drawWorkers(status);
  const restarts = status.restarts === 0 ? '' : ` · tried again ${count(status.restarts)} times`;
  setText(byId('foot', HTMLElement), `${count(Object.keys(status.tables).length)} tables${restarts}`);
}

function drawLink(): void {
  const over = status !== undefined && isOver(status);
  const link = lostAt === undefined ? (status === undefined ? 'connecting' : 'live') : over ? 'over' : 'lost';
  document.body.dataset.link = link;
  setText(byId('link', HTMLElement), link === 'over' ? 'ended' : link === 'lost' ? 'disconnected' : link);
  const isLost = lostAt !== undefined && !over;
  ids.lost.hidden = !isLost;
  if (isLost)
    setText(ids.lost, `Disconnected since ${clock(lostAt ?? 0)}. The page goes on by itself once the run does.`);
  if (lostAt !== undefined) for (const button of [ids.pause, ids.cutover]) button.disabled = true;
}

function writableText({ writable }: StatusSnapshot): string {
  if (writable === 'unknown') return '';
  return writable === 'none' ? 'both sides are closed to writes' : `applications write to the ${writable}`;
}

function drawNotes(shown: StatusSnapshot): void {
  const isGood = isOver(shown) || shown.permission.ready;
  const ended = shown.stage === 'complete' ? 'Complete: the applications write to the target.' : '';
  const wait = shown.waiting === null ? ended : `${isGood ? '' : 'Waiting: '}${shown.waiting}`;
  ids.wait.classList.toggle('good', isGood);
  ids.wait.hidden = wait === '';
  setText(ids.wait, wait);
  const error = shown.lastError;
  ids.error.hidden = error === null;
  const text = error === null ? '' : `${error.code}: ${error.message}`;
  if (error !== null && ids.error.firstChild?.textContent !== text) {
    ids.error.replaceChildren(element('strong', {}, text), element('p', {}, error.fix));
  }
}

function drawButtons(shown: StatusSnapshot): void {
  const over = isOver(shown);
  const { when, granted } = shown.permission;
  ids.pause.disabled = over || lostAt !== undefined;
  setText(ids.pause, shown.paused.length > 0 ? 'Resume' : 'Pause');
  ids.cutover.hidden = when === 'never';
  ids.cutover.classList.toggle('primary', shown.permission.ready && !granted);
  ids.cutover.disabled = over || lostAt !== undefined || when === 'auto';
  setText(ids.cutover, when === 'auto' ? 'Cuts over by itself' : granted ? 'Cancel cutover…' : 'Cut over…');
}

async function give(path: string, question: Question): Promise<void> {
  const by = await confirmed(question);
  if (by !== undefined) tell(await command(path, { by }));
}

function tell({ ok, said, message, fix }: Answer): void {
  clearTimeout(toastTimer);
  setText(ids.toast, ok ? (said ?? 'done') : `${message ?? 'refused'}${fix === undefined ? '' : ` ${fix}`}`);
  toastTimer = setTimeout(() => setText(ids.toast, ''), TOAST_MS);
}

function pauseQuestion(): Promise<void> {
  if (status !== undefined && status.paused.length > 0) {
    return give('/resume', { title: 'Resume?', text: 'Copy and apply go on where they stopped.', yes: 'Resume' });
  }
  const text = 'Copy and apply hold after the work in hand. Meanwhile the source keeps its log for the run.';
  return give('/pause', { title: 'Pause the run?', text, yes: 'Pause' });
}

function cutoverQuestion(): Promise<void> {
  if (status === undefined) return Promise.resolve();
  const { run, permission, stream, verify } = status;
  if (permission.granted) {
    const text = 'The permission to cut over is taken back. That is possible until the freeze has begun.';
    return give('/cutover/cancel', { title: 'Cancel the cutover?', text, yes: 'Cancel the cutover' });
  }
  const lag = stream.lagSeconds === null ? 'the lag is not known yet' : `the lag is ${lagText(stream.lagSeconds)}`;
  const text =
    `The source is closed to writes for at most ${duration(permission.budgetMs / 1_000)}; then the applications write to ` +
    `the target, and there is no way back. Now ${lag}, and ${count(verify.pendingKeys)} keys have to be compared in the freeze.`;
  return give('/cutover', { title: 'Cut over to the target?', text, yes: 'Cut over', word: run });
}

async function start(): Promise<void> {
  takeToken();
  for (;;) {
    await follow({
      event: receive,
      lost: () => {
        lostAt ??= Date.now();
        draw();
      },
      refused: () => undefined,
    });
    setToken(await askedToken());
  }
}

ids.pause.addEventListener('click', () => void pauseQuestion());
ids.cutover.addEventListener('click', () => void cutoverQuestion());
ids.filter.addEventListener('input', draw);
document.addEventListener('visibilitychange', draw);
addEventListener('resize', draw);
addEventListener('hashchange', () => location.reload());
void start();
