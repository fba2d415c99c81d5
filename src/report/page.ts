// A report for people: what is in it, whatever it is written as.

export type Block =
  | { readonly kind: 'text'; readonly text: string }
  /** To be copied. */
  | { readonly kind: 'code'; readonly text: string }
  | { readonly kind: 'facts'; readonly rows: readonly (readonly [name: string, value: string])[] }
  | { readonly kind: 'table'; readonly head: readonly string[]; readonly rows: readonly (readonly string[])[] };

export interface Section {
  readonly heading: string;
  readonly blocks: readonly Block[];
}

export interface Page {
  readonly title: string;
  /** One sentence: how it stands. */
  readonly verdict: string;
  readonly good: boolean;
  readonly sections: readonly Section[];
}

export function facts(rows: readonly (readonly [name: string, value: string])[]): Block {
  return { kind: 'facts', rows };
}

/** With a sentence in its place when there are no rows. */
export function table(head: readonly string[], rows: readonly (readonly string[])[], none: string): Block {
  return rows.length === 0 ? { kind: 'text', text: none } : { kind: 'table', head, rows };
}

export function count(value: number): string {
  return value.toLocaleString('en-US');
}

export function bytes(value: number): string {
  const units = ['B', 'KB', 'MB', 'GB', 'TB'];
  let [size, unit] = [value, 0];
  while (size >= 1_024 && unit < units.length - 1) {
    size /= 1_024;
    unit++;
  }
  return `${size >= 100 || unit === 0 ? size.toFixed(0) : size.toFixed(1)} ${units[unit]}`;
}
