// The list of tables: what moves first, the others below, and never more rows than a person reads.

import type { StatusSnapshot, TableCondition, TableStatus } from '../../observe/status.ts';
import { element, progress, setProgress, setText } from './dom.ts';
import { count, duration, percent, short } from './format.ts';
import type { Paces } from './series.ts';

const MOST = 100;

const ORDER: readonly TableCondition[] = ['copying', 'catching up', 'waiting', 'skipped', 'copied', 'following'];

interface Entry {
  readonly id: string;
  readonly table: TableStatus;
  readonly condition: TableCondition;
}

export interface TableList {
  readonly rows: HTMLElement;
  readonly more: HTMLElement;
}

/** `now`: by the runner's clock. */
export function drawTables(list: TableList, status: StatusSnapshot, filter: string, paces: Paces, now: number): void {
  const wanted = filter.trim().toLowerCase();
  const all = Object.entries(status.tables).map(([id, table]): Entry => {
    return { id, table, condition: status.conditions[id] ?? 'copying' };
  });
  const found = all.filter(({ id }) => id.toLowerCase().includes(wanted)).toSorted(compared);
  const shown = found.slice(0, MOST);
  place(
    list.rows,
    shown.map((entry) => row(list.rows, entry, paces, now)),
  );
  setText(list.more, moreText(all.length, found.length, shown.length));
}

/** Tables that are half way come before those that have not begun. */
function compared(a: Entry, b: Entry): number {
  const begun = ({ table: { rowsCopied, chunks, chunksDone } }: Entry): number =>
    rowsCopied > 0 && (chunks === 0 || chunksDone < chunks) ? 0 : 1;
  return (
    ORDER.indexOf(a.condition) - ORDER.indexOf(b.condition) ||
    begun(a) - begun(b) ||
    b.table.rowsExpected - a.table.rowsExpected ||
    a.id.localeCompare(b.id)
  );
}

function moreText(all: number, found: number, shown: number): string {
  if (all === 0) return 'The run has not begun to copy.';
  if (found === 0) return 'No table has this in its name.';
  if (shown < found) return `${count(shown)} of ${count(found)} tables are shown; filter by name to see the others.`;
  return found < all ? `${count(found)} of ${count(all)} tables` : '';
}

/** Rows stay where they are, so that one can be clicked while numbers move; what is not shown any more goes. */
function place(list: HTMLElement, rows: readonly HTMLElement[]): void {
  const kept = new Set<Element>(rows);
  for (const row of [...list.children]) if (!kept.has(row)) row.remove();
  for (const [index, row] of rows.entries()) {
    const there = list.children[index];
    if (there !== row) list.insertBefore(row, there ?? null);
  }
}

/** The row of a table, made when it is shown for the first time. */
function row(list: HTMLElement, { id, table, condition }: Entry, paces: Paces, now: number): HTMLElement {
  const { rowsCopied, rowsExpected, chunks, chunksDone } = table;
  const isDone = chunks > 0 ? chunksDone >= chunks : condition !== 'copying' && condition !== 'waiting';
  const done = isDone ? 100 : Math.min(99, percent(rowsCopied, rowsExpected));
  const state = condition === 'copying' && rowsCopied === 0 && chunksDone === 0 ? 'to come' : condition;
  const pace = paces.of(id, rowsCopied, now);
  const left = isDone || pace === null || pace <= 0 ? null : (rowsExpected - rowsCopied) / pace;
  const there = [...list.children].find((each) => each instanceof HTMLElement && each.dataset.table === id);
  const made = there instanceof HTMLElement ? there : newRow(id);
  const [, states, bars, rows, rest] = [...made.children];
  if (states?.firstChild instanceof HTMLElement) {
    setText(states.firstChild, state);
    states.firstChild.className = `state ${state.split(' ')[0]}`;
  }
  if (bars?.firstChild instanceof HTMLElement) {
    bars.firstChild.hidden = condition === 'skipped';
    setProgress(bars.firstChild, done);
  }
  const said = isDone ? short(rowsCopied) : `${short(rowsCopied)} of ${short(rowsExpected)}`;
  if (rows instanceof HTMLElement) setText(rows, said);
  if (rest instanceof HTMLElement)
    setText(rest, isDone ? 'done' : left === null || left <= 0 ? '' : duration(Math.max(1, left)));
  return made;
}

function newRow(id: string): HTMLElement {
  const cell = (attributes: Readonly<Record<string, string>>, ...children: readonly (Node | string)[]): HTMLElement =>
    element('td', { role: 'cell', ...attributes }, ...children);
  return element(
    'tr',
    { role: 'row', 'data-table': id },
    element('th', { scope: 'row', role: 'rowheader' }, id),
    cell({}, element('span', { class: 'state' })),
    cell({}, progress(`${id} copied`, 0)),
    cell({ class: 'number' }),
    cell({ class: 'number' }),
    cell(
      { class: 'act' },
      element('button', { type: 'button', class: 'small', 'aria-label': `Commands for ${id}` }, '…'),
    ),
  );
}
