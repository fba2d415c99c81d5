// Changes single fields of a plan file and leaves every other character of it as it is: order, comments, references to variables.

import { readFile, writeFile } from 'node:fs/promises';
import { isMap, isScalar, isSeq, type Pair, parseDocument, type YAMLMap } from 'yaml';
import { MigrateError } from '../lib/errors.ts';

/** By name; values that need no quotes. */
export type SectionFields = Readonly<Record<string, number>>;

/** Throws USAGE.FILE when the file cannot be read or written. */
export async function writePlanFields(path: string, section: string, fields: SectionFields): Promise<void> {
  try {
    await writeFile(path, withFields(await readFile(path, 'utf8'), section, fields));
  } catch (error) {
    if (!(error instanceof Error) || !('code' in error)) throw error;
    throw new MigrateError('USAGE.FILE', `the plan ${path} cannot be written (${String(error.code)})`, {
      cause: error,
    });
  }
}

/** The text of a valid plan with these fields of a section set. */
export function withFields(text: string, section: string, fields: SectionFields): string {
  return Object.entries(fields).reduce((before, [name, value]) => withField(before, section, name, `${value}`), text);
}

function withField(text: string, section: string, name: string, value: string): string {
  const { contents } = parseDocument(text);
  if (!isMap(contents)) throw new MigrateError('INTERNAL.BUG', 'the plan is no map');
  const found = itemOf(contents, section);
  const field = `${name}: ${value}`;
  if (found === undefined) {
    if (contents.flow === true) return withLast(text, contents, `${section}: { ${field} }`);
    return `${text}${text.endsWith('\n') ? '' : '\n'}\n${section}:\n  ${field}\n`;
  }
  const map = found.value;
  if (!isMap(map)) return afterLine(text, endOf(found.key), `  ${field}`);
  const item = itemOf(map, name);
  return item === undefined ? withLast(text, map, field) : withValue(text, item, value);
}

/** Behind the last item of a map. */
function withLast(text: string, map: YAMLMap, field: string): string {
  const last = map.items.at(-1);
  if (last === undefined) return `${text.slice(0, startOf(map) + 1)} ${field} ${text.slice(startOf(map) + 1)}`;
  const end = isScalar(last.value) && last.value.value === null ? endOf(last.key) : endOf(last.value);
  if (map.flow === true) return `${text.slice(0, end)}, ${field}${text.slice(end)}`;
  const indent = startOf(last.key) - (text.lastIndexOf('\n', startOf(last.key)) + 1);
  return afterLine(text, end, `${' '.repeat(indent)}${field}`);
}

/** In place of the value that is there, if there is one. */
function withValue(text: string, { key, value: node }: Pair, value: string): string {
  if (isScalar(node) && endOf(node) > startOf(node)) {
    return `${text.slice(0, startOf(node))}${value}${text.slice(endOf(node))}`;
  }
  const colon = text.indexOf(':', endOf(key)) + 1;
  return `${text.slice(0, colon)} ${value}${text.slice(colon)}`;
}

function afterLine(text: string, at: number, line: string): string {
  const end = text.indexOf('\n', at);
  return end === -1 ? `${text}\n${line}\n` : `${text.slice(0, end + 1)}${line}\n${text.slice(end + 1)}`;
}

function itemOf(map: YAMLMap, name: string): Pair | undefined {
  return map.items.find(({ key }) => isScalar(key) && key.value === name);
}

function startOf(node: unknown): number {
  return rangeOf(node)[0];
}

function endOf(node: unknown): number {
  return rangeOf(node)[1];
}

/** Where a node of a parsed text begins, and where its value ends. */
function rangeOf(node: unknown): readonly [number, number] {
  const range = (isScalar(node) || isMap(node) || isSeq(node) ? node.range : undefined) ?? undefined;
  if (range === undefined) throw new MigrateError('INTERNAL.BUG', 'a part of the plan has no place in its text');
  return [range[0], range[1]];
}
