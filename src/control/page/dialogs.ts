// Questions before a command is given.

import { byId } from './dom.ts';

const NAME_KEY = 'migrate-name';

export interface Question {
  readonly title: string;
  readonly text: string;
  readonly yes: string;
  /** What has to be typed first, for what cannot be taken back. */
  readonly word?: string;
}

/** Resolves with who has confirmed, undefined when nobody did. */
export function confirmed({ title, text, yes, word }: Question): Promise<string | undefined> {
  const dialog = byId('confirm', HTMLDialogElement);
  const [button, typed] = [byId('confirm-yes', HTMLButtonElement), byId('confirm-typed', HTMLInputElement)];
  const name = byId('confirm-name', HTMLInputElement);
  byId('confirm-title', HTMLElement).textContent = title;
  byId('confirm-text', HTMLElement).textContent = text;
  byId('confirm-word', HTMLElement).textContent = word ?? '';
  byId('confirm-type', HTMLElement).hidden = word === undefined;
  button.textContent = yes;
  typed.value = '';
  name.value = localStorage.getItem(NAME_KEY) ?? '';
  const check = (): void => {
    button.disabled = word !== undefined && typed.value.trim() !== word;
  };
  check();
  typed.oninput = check;
  byId('confirm-no', HTMLButtonElement).onclick = () => dialog.close();
  dialog.returnValue = '';
  return new Promise((resolve) => {
    dialog.onclose = () => {
      // Of the question before, which was closed a moment ago: it is told of later.
      if (dialog.open) return;
      if (dialog.returnValue !== 'yes' || button.disabled) return resolve(undefined);
      localStorage.setItem(NAME_KEY, name.value.trim());
      resolve(name.value.trim() === '' ? 'status page' : `${name.value.trim()} (status page)`);
    };
    dialog.showModal();
    (word === undefined ? button : typed).focus();
  });
}

/** Resolves with the token. It cannot be closed without one: there is nothing to see. */
export function askedToken(): Promise<string> {
  const dialog = byId('ask', HTMLDialogElement);
  const token = byId('ask-token', HTMLInputElement);
  return new Promise((resolve) => {
    dialog.oncancel = (event) => event.preventDefault();
    dialog.onclose = () => resolve(token.value);
    dialog.showModal();
  });
}
