// Dead letters: which changes the target refused and why, and what can be done about them. Values only when they are asked for.

import type { DeadLetter } from '../../journal/dead-letters.ts';
import type { StatusSnapshot } from '../../observe/status.ts';
import { askRetry, askValues, askWaive } from './commands.ts';
import { read } from './connection.ts';
import { byId, element, setText } from './dom.ts';
import { count } from './format.ts';

const MOST = 50;

type Letter = Omit<DeadLetter, 'key' | 'newKey'>;

let shown = '';

/** Asks for the list when the numbers have changed. */
export function drawLetters({ deadLetters: { open, waived, total } }: StatusSnapshot): void {
  byId('letters', HTMLElement).hidden = total === 0;
  byId('retry-all', HTMLButtonElement).disabled = open === 0;
  const now = `${open} ${waived} ${total}`;
  if (now === shown) return;
  shown = now;
  if (total > 0) void load();
}

async function load(): Promise<void> {
  const listed = (await read('/letters')) as
    | { readonly total: number; readonly letters: readonly Letter[] }
    | undefined;
  if (listed === undefined) {
    shown = '';
    return;
  }
  const letters = listed.letters.slice(0, MOST);
  byId('letter-list', HTMLElement).replaceChildren(...letters.map(item));
  const more = listed.total > MOST ? `${MOST} of ${count(listed.total)} are shown: migrate dead-letters list` : '';
  setText(byId('letters-more', HTMLElement), more);
}

function item({ id, table, op, state, refusal, by, reason }: Letter): HTMLElement {
  const why =
    refusal === null
      ? 'follows a refused change of its row'
      : [refusal.sqlState, refusal.constraint ?? refusal.column].filter((part) => part !== null).join(' ');
  const settled = [by, reason].filter((part) => part !== null).join(': ');
  const values = element('pre', { hidden: true });
  const button = (text: string, act: () => void): HTMLElement => {
    const made = element('button', { type: 'button', class: 'small', 'aria-label': `${text} dead letter ${id}` }, text);
    made.addEventListener('click', act);
    return made;
  };
  const show = async (): Promise<void> => {
    const letter = await askValues(id);
    if (letter === undefined) return;
    values.textContent = JSON.stringify(letter, null, 2);
    values.hidden = false;
  };
  return element(
    'li',
    {},
    element('span', { class: `state ${state === 'open' ? 'unwell' : ''}` }, state),
    element('b', {}, `${id}: ${op} ${table}`),
    element('span', { class: 'sub' }, settled === '' ? why : `${why}; ${settled}`),
    element(
      'span',
      { class: 'acts' },
      button('Values…', () => void show()),
      ...(state === 'open' ? [button('Waive…', () => void askWaive([id]))] : []),
      ...(state === 'open' || state === 'waived' ? [button('Replay…', () => void askRetry([id]))] : []),
    ),
    values,
  );
}
