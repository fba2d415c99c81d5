// The status page: follows the run's events and draws them; gives commands after they were confirmed.

import type { StatusSnapshot } from '../../observe/status.ts';
import type { Sample } from '../history.ts';
import { drawHealth, drawWorkers } from './beside.ts';
import { drawChart } from './chart.ts';
import { askCutover, askPause, askResume, askRetry, askTable, askThrottle, whenAsked } from './commands.ts';
import { follow, setToken, takeToken } from './connection.ts';
import { askedToken } from './dialogs.ts';
import { byId, element, setText } from './dom.ts';
import type { ServerEvent } from './events.ts';
import { clock, count, lagText, short } from './format.ts';
import { drawLetters } from './letters.ts';
import { drawNumbers } from './numbers.ts';
import { Paces, Samples } from './series.ts';
import { drawSpeed } from './speed.ts';
import { drawTables } from './tables.ts';
import { drawTimeline, isOver, stageTitle } from './timeline.ts';
import { drawTrail, loadTrail } from './trail.ts';

const ids = {
  stages: byId('stages', HTMLElement),
  numbers: byId('numbers', HTMLElement),
  lag: byId('lag', HTMLElement),
  rates: byId('rates', HTMLElement),
  lost: byId('lost', HTMLElement),
  wait: byId('wait', HTMLElement),
  error: byId('error', HTMLElement),
  next: byId('next', HTMLElement),
  pause: byId('pause', HTMLButtonElement),
  resume: byId('resume', HTMLButtonElement),
  throttle: byId('throttle', HTMLButtonElement),
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
  drawNumbers(ids.numbers, status, { copied, applied, lag });
  drawChart(ids.lag, [{ name: 'Lag', points: lag }], lagText);
  const lines = [
    { name: 'Copied', points: copied },
    { name: 'Applied', points: applied },
  ];
  drawChart(ids.rates, lines, (value) => `${short(value)} rows/s`);
  drawTables(ids.tables, status, ids.filter.value, paces, now);
  drawLetters(status);
  drawSpeed(status);
  drawHealth(status);
  drawWorkers(status);
  if (lostAt === undefined) drawTrail();
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
  // What a process that is gone waited for says nothing any more.
  ids.wait.hidden = wait === '' || (lostAt !== undefined && !isOver(shown));
  setText(ids.wait, wait);
  const error = shown.lastError;
  ids.error.hidden = error === null;
  const text = error === null ? '' : `${error.code}: ${error.message}`;
  if (error !== null && ids.error.firstChild?.textContent !== text) {
    ids.error.replaceChildren(element('strong', {}, text), element('p', {}, error.fix));
  }
  drawNext(shown);
}

function drawNext({ next }: StatusSnapshot): void {
  ids.next.hidden = next.length === 0 || lostAt !== undefined;
  const text = next.map(({ command, why }) => `${command} ${why}`).join();
  if (ids.next.dataset.text === text) return;
  ids.next.dataset.text = text;
  ids.next.replaceChildren(
    ...next.map(({ command, why }) => element('div', {}, 'Next: ', element('code', {}, command), ` ${why}`)),
  );
}

function drawButtons(shown: StatusSnapshot): void {
  const over = isOver(shown);
  const { when, granted } = shown.permission;
  const off = over || lostAt !== undefined;
  // The keyboard stays where it was.
  const focused = document.activeElement;
  for (const button of [ids.pause, ids.resume, ids.throttle]) button.disabled = off;
  ids.pause.hidden = shown.paused.includes('run');
  ids.resume.hidden = shown.paused.length === 0;
  if (focused === ids.pause && ids.pause.hidden) ids.resume.focus();
  if (focused === ids.resume && ids.resume.hidden) ids.pause.focus();
  ids.cutover.hidden = when === 'never';
  ids.cutover.classList.toggle('primary', shown.permission.ready && !granted);
  ids.cutover.disabled = off || when === 'auto';
  setText(ids.cutover, when === 'auto' ? 'Cuts over by itself' : granted ? 'Cancel cutover…' : 'Cut over…');
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

function onClick(button: HTMLElement, ask: (shown: StatusSnapshot) => Promise<void>): void {
  button.addEventListener('click', () => {
    if (status !== undefined) void ask(status);
  });
}

onClick(ids.pause, askPause);
onClick(ids.resume, askResume);
onClick(ids.cutover, askCutover);
onClick(ids.throttle, askThrottle);
onClick(byId('retry-all', HTMLElement), () => askRetry(undefined));
ids.tables.rows.addEventListener('click', ({ target }) => {
  const row = target instanceof HTMLButtonElement ? target.closest('tr') : null;
  const table = row?.dataset.table;
  if (table !== undefined && lostAt === undefined) void askTable(table, status?.conditions[table]);
});
whenAsked(loadTrail);
ids.filter.addEventListener('input', draw);
document.addEventListener('visibilitychange', draw);
addEventListener('resize', draw);
addEventListener('hashchange', () => location.reload());
void start();
