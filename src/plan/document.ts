// A plan's YAML as plain values, with the place of every key and value kept for messages.

import {
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  type ParsedNode,
  parseDocument,
} from 'yaml';

export type Path = readonly PropertyKey[];

export interface Fault {
  readonly line: number;
  readonly column: number;
  readonly message: string;
}

/** Is given every text in the plan; answers with what stands in its place. */
type Resolve = (text: string) => { readonly text: string; readonly faults: readonly string[] };

export class PlanDocument {
  readonly faults: Fault[] = [];
  readonly value: unknown;
  /** True when nothing in `value` can be relied on. */
  readonly broken: boolean;
  readonly #lines = new LineCounter();
  readonly #keys = new Map<string, number>();
  readonly #values = new Map<string, number>();
  readonly #faulty = new Set<string>();
  readonly #replaced = new Set<string>();
  readonly #resolve: Resolve;

  constructor(text: string, resolve: Resolve) {
    this.#resolve = resolve;
    // Without prettyErrors: they quote the plan's lines, and with them a password.
    const document = parseDocument(text, { lineCounter: this.#lines, prettyErrors: false });
    this.broken = this.#syntax(document);
    this.value = this.#convert(document.contents, []);
  }

  /** Adds a fault at a value; where there is none, at its key or that of the deepest part of the path that is in the file. */
  fault(path: Path, message: string): void {
    const value = this.#values.get(keyOf(path));
    if (value === undefined) this.faultAtKey(path, message);
    else this.#faultAt(value, message);
  }

  faultAtKey(path: Path, message: string): void {
    const key = path
      .map((_, index) => this.#keys.get(keyOf(path.slice(0, path.length - index))))
      .find((offset) => offset !== undefined);
    this.#faultAt(key ?? 0, message);
  }

  /** True when this value already has a fault, which makes whatever else is said about it noise. */
  isFaulty(path: Path): boolean {
    return path.some((_, index) => this.#faulty.has(keyOf(path.slice(0, index + 1))));
  }

  /** True for an unquoted value that came from a variable: it is text, but may be meant as a number. */
  isReplaced(path: Path): boolean {
    return this.#replaced.has(keyOf(path));
  }

  #faultAt(offset: number, message: string): void {
    const { line, col } = this.#lines.linePos(offset);
    this.faults.push({ line: Math.max(line, 1), column: Math.max(col, 1), message });
  }

  #syntax(document: Document.Parsed): boolean {
    for (const error of [...document.errors, ...document.warnings]) {
      // Some messages end with the offending text.
      this.#faultAt(error.pos[0], error.message.replace(/:? ".*$/s, ''));
    }
    return document.errors.some((error) => error.code !== 'DUPLICATE_KEY');
  }

  #convert(node: ParsedNode | null, path: Path): unknown {
    const key = keyOf(path);
    if (node === null) return undefined;
    if (!isScalar(node) || node.value !== null) this.#values.set(key, node.range[0]);
    if (isAlias(node) || node.anchor !== undefined) {
      this.#faulty.add(key);
      this.#faultAt(node.range[0], `${pathText(path)} uses a YAML anchor or alias; write the value out`);
      return undefined;
    }
    if (isMap(node)) return this.#convertMap(node.items, path);
    if (isSeq(node)) {
      return node.items.map((item, index) =>
        this.#convert(isNode(item) ? (item as ParsedNode) : null, [...path, index]),
      );
    }
    if (!isScalar(node)) return undefined;
    return typeof node.value === 'string' ? this.#text(node.value, path, node.type === 'PLAIN') : node.value;
  }

  #convertMap(items: readonly { key: unknown; value: unknown }[], path: Path): Record<string, unknown> {
    const result = new Map<string, unknown>();
    for (const { key, value } of items) {
      if (!isScalar(key)) {
        this.fault(path, `${pathText(path)} has a key that is not text`);
        continue;
      }
      const name = String(key.value);
      const inner = [...path, name];
      this.#keys.set(keyOf(inner), key.range?.[0] ?? 0);
      const converted = this.#convert(isNode(value) ? (value as ParsedNode) : null, inner);
      // A key with nothing behind it, such as a section whose lines are all comments, means the defaults.
      if (converted !== null && converted !== undefined && !result.has(name)) result.set(name, converted);
    }
    return Object.fromEntries(result);
  }

  #text(text: string, path: Path, plain: boolean): string {
    const resolved = this.#resolve(text);
    if (resolved.faults.length > 0) this.#faulty.add(keyOf(path));
    for (const message of resolved.faults) this.fault(path, `${pathText(path)} ${message}`);
    if (plain && resolved.text !== text) this.#replaced.add(keyOf(path));
    return resolved.text;
  }
}

/** `cutover.switch[0].run`; the plan itself is `the plan`. */
export function pathText(path: Path): string {
  if (path.length === 0) return 'the plan';
  return path
    .map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`))
    .join('')
    .replace(/^\./, '');
}

function keyOf(path: Path): string {
  return JSON.stringify(path);
}
