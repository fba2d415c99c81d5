// Questions before a command is given.

import { byId, element } from './dom.ts';

const NAME_KEY = 'migrate-name';

/** What is asked for besides the name. */
export interface Field {
  readonly name: string;
  readonly label: string;
  readonly value?: string;
  /** Chosen from, the first by default; each with what is shown. */
  readonly choices?: readonly (readonly [value: string, shown: string])[];
  /** It is a number above 0, or empty. */
  readonly number?: boolean;
  /** Given the values of all fields. */
  readonly required?: (values: Values) => boolean;
}

export type Values = Readonly<Record<string, string>>;

export interface Question {
  readonly title: string;
  readonly text: string;
  readonly yes: string;
  /** What has to be typed first, for what cannot be taken back. */
  readonly word?: string;
  readonly fields?: readonly Field[];
}

export interface Confirmed {
  readonly by: string;
  /** Of the fields, by name. */
  readonly values: Values;
}

type Input = HTMLInputElement | HTMLSelectElement;

/** Resolves with who has confirmed, undefined when nobody did. */
export function confirmed({ title, text, yes, word, fields = [] }: Question): Promise<Confirmed | undefined> {
  const dialog = byId('confirm', HTMLDialogElement);
  const [button, typed] = [byId('confirm-yes', HTMLButtonElement), byId('confirm-typed', HTMLInputElement)];
  const name = byId('confirm-name', HTMLInputElement);
  byId('confirm-title', HTMLElement).textContent = title;
  byId('confirm-text', HTMLElement).textContent = text;
  byId('confirm-word', HTMLElement).textContent = word ?? '';
  byId('confirm-type', HTMLElement).hidden = word === undefined;
  const inputs = fields.map((field): readonly [Field, Input] => [field, inputOf(field)]);
  byId('confirm-fields', HTMLElement).replaceChildren(
    ...inputs.map(([{ label }, input]) => element('label', {}, label, input)),
  );
  button.textContent = yes;
  typed.value = '';
  name.value = localStorage.getItem(NAME_KEY) ?? '';
  const check = (): void => {
    const values = valuesOf(inputs);
    const missing = inputs.some(([{ name: of, required }]) => values[of] === '' && required?.(values) === true);
    button.disabled = missing || (word !== undefined && typed.value.trim() !== word);
  };
  check();
  dialog.oninput = check;
  byId('confirm-no', HTMLButtonElement).onclick = () => dialog.close();
  return new Promise((resolve) => {
    // Not when it has closed, which is told of later: another question may be open then.
    byId('confirm-form', HTMLFormElement).onsubmit = () => {
      if (button.disabled) return;
      localStorage.setItem(NAME_KEY, name.value.trim());
      const by = name.value.trim() === '' ? 'status page' : `${name.value.trim()} (status page)`;
      resolve({ by, values: valuesOf(inputs) });
    };
    dialog.onclose = () => {
      if (!dialog.open) resolve(undefined);
    };
    dialog.showModal();
    (word !== undefined ? typed : (inputs[0]?.[1] ?? button)).focus();
  });
}

function valuesOf(inputs: readonly (readonly [Field, Input])[]): Values {
  return Object.fromEntries(inputs.map(([{ name }, { value }]) => [name, value.trim()]));
}

function inputOf({ name, value = '', choices, number }: Field): Input {
  const shared = { id: `field-${name}` };
  if (choices !== undefined) {
    const select = element('select', shared, ...choices.map(([of, shown]) => element('option', { value: of }, shown)));
    // As in every other field.
    select.addEventListener('keydown', (event) => {
      if (event.key === 'Enter' && !byId('confirm-yes', HTMLButtonElement).disabled)
        byId('confirm-form', HTMLFormElement).requestSubmit();
    });
    return select as HTMLSelectElement;
  }
  const kind =
    number === true ? { type: 'number', min: '0.1', step: 'any', inputmode: 'decimal' } : { maxlength: 2_000 };
  return element('input', { ...shared, ...kind, value, autocomplete: 'off' }) as HTMLInputElement;
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
