// Making and finding elements. Texts are only ever set as text.

type Attributes = Readonly<Record<string, string | number | boolean | undefined>>;

export function byId<T extends HTMLElement>(id: string, type: new () => T): T {
  const found = document.getElementById(id);
  if (!(found instanceof type)) throw new Error(`no element ${id}`);
  return found;
}

export function element(
  name: string,
  attributes: Attributes = {},
  ...children: readonly (Node | string)[]
): HTMLElement {
  return filled(document.createElement(name), attributes, children);
}

export function svg(name: string, attributes: Attributes = {}, ...children: readonly (Node | string)[]): SVGElement {
  return filled(document.createElementNS('http://www.w3.org/2000/svg', name), attributes, children);
}

function filled<T extends Element>(made: T, attributes: Attributes, children: readonly (Node | string)[]): T {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== false) made.setAttribute(name, value === true ? '' : String(value));
  }
  made.append(...children);
  return made;
}

/** Only when it differs: a live region speaks at every change. */
export function setText(target: HTMLElement, text: string): void {
  if (target.textContent !== text) target.textContent = text;
}

/** A bar of 0 to 100 percent, with what it says for those who do not see it. */
export function progress(label: string, value: number): HTMLElement {
  const bar = { role: 'progressbar', 'aria-label': label, 'aria-valuemin': 0, 'aria-valuemax': 100 };
  const made = element('span', { class: 'track', ...bar }, element('span', { class: 'fill' }));
  setProgress(made, value);
  return made;
}

export function setProgress(bar: HTMLElement, value: number): void {
  bar.setAttribute('aria-valuenow', String(value));
  const fill = bar.firstElementChild;
  if (!(fill instanceof HTMLElement)) return;
  fill.style.width = `${value}%`;
  fill.classList.toggle('done', value >= 100);
}
