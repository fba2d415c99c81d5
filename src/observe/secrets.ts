// What must never be printed. Known from the moment the plan is read; asked by everything that writes text.

/** Shorter texts are parts of ordinary words; hiding them would make the output unreadable. */
const SHORTEST = 4;
const MASK = '***';

export class Secrets {
  readonly #forms = new Set<string>();
  #pattern: RegExp | undefined;

  /** Remembers a text. Below four characters only passwords count, and they are hidden as whole words only. */
  add(text: string, options: { readonly password?: boolean } = {}): void {
    if (text === '' || (text.length < SHORTEST && options.password !== true)) return;
    const encoded = encodeURIComponent(Buffer.from(text).toString());
    // The forms a text takes in a url and in JSON. The round trip through bytes: half a surrogate pair cannot be encoded.
    for (const form of [text, encoded, encoded.replace(/%[0-9A-F]{2}/g, (hex) => hex.toLowerCase()), json(text)]) {
      this.#forms.add(form);
    }
    // Longest first: a secret that contains another is hidden as a whole.
    const forms = [...this.#forms].toSorted((a, b) => b.length - a.length);
    this.#pattern = new RegExp(forms.map(expression).join('|'), 'g');
  }

  /** The text with every secret replaced. */
  scrub(text: string): string {
    return this.#pattern === undefined ? text : text.replace(this.#pattern, MASK);
  }
}

function json(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}

function expression(form: string): string {
  const escaped = form.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return form.length < SHORTEST ? `(?<![A-Za-z0-9])${escaped}(?![A-Za-z0-9])` : escaped;
}
