// Which fields a run keeps from its first start to its end, and how a changed one is named.

import { createHash } from 'node:crypto';
import { literalOf } from './names.ts';
import { type Plan, planSchema } from './plan.ts';
import type { NameMap } from './tables.ts';

/** What may be different when the same command is run again. Everything else decides which rows move where. */
export const RESUMABLE_FIELDS = [
  'source.url',
  'target.url',
  'schema.changes',
  'stream.debezium',
  'snapshot',
  'apply',
  'verify',
  'cutover',
  'health',
  'limits',
  'control',
  'notify',
] as const;

/** The fields that decide which rows move where. No urls: a server may move while the run is on, its identity may not. */
export function planFields(plan: Plan): Record<string, string> {
  return {
    'source.kind': plan.source.kind,
    'target.kind': plan.target.kind,
    'tables.include': patterns(plan.tables.include),
    'tables.exclude': patterns(plan.tables.exclude),
    'tables.map': names(plan.tables.map),
    'schema.target': plan.schema.target,
    ...conversions(plan.convert),
    'stream.via': plan.stream.via,
  };
}

const SELECTION = ['tables.include', 'tables.exclude'] as const;

/** What is not converted by default: a run of before has none of these fields. */
function conversions({ columns, emptyColumns, ...fields }: Plan['convert']): Record<string, string> {
  const chosen = Object.entries(fields).filter(([name, value]) => value !== UNCONVERTED[name as keyof typeof fields]);
  const byColumn = Object.entries({ columns, emptyColumns }).filter(([, each]) => Object.keys(each).length > 0);
  return {
    ...Object.fromEntries(chosen.map(([name, value]) => [`convert.${name}`, String(value)])),
    ...Object.fromEntries(byColumn.map(([name, each]) => [`convert.${name}`, JSON.stringify(sorted(each))])),
  };
}

const UNCONVERTED = planSchema.shape.convert.parse({});

/** The patterns among recorded `planFields`. */
export function patternsOf(fields: Readonly<Record<string, string>>): Pick<Plan['tables'], 'include' | 'exclude'> {
  const [include = [], exclude = []] = SELECTION.map((field) => JSON.parse(fields[field] ?? '[]') as string[]);
  return { include, exclude };
}

/** `planFields` as if no pattern named one of these tables: they belong to the run whatever the plan says. */
export function fieldsWithout(
  fields: Readonly<Record<string, string>>,
  tables: readonly { readonly schema: string; readonly name: string }[],
): Readonly<Record<string, string>> {
  const names = new Set(tables.map(({ schema, name }) => `${schema}.${name}`));
  const { include, exclude } = patternsOf(fields);
  const rest = (list: readonly string[]): string =>
    JSON.stringify(list.filter((pattern) => !names.has(literalOf(pattern) ?? '')));
  return { ...fields, 'tables.include': rest(include), 'tables.exclude': rest(exclude) };
}

/** sha256 over `planFields`, in hex. */
export function planHash(plan: Plan): string {
  const fields = Object.entries(planFields(plan)).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return createHash('sha256').update(JSON.stringify(fields)).digest('hex');
}

/** The names of fields that differ between two results of `planFields`, sorted. */
export function changedFields(
  before: Readonly<Record<string, string>>,
  after: Readonly<Record<string, string>>,
): readonly string[] {
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...names].filter((name) => before[name] !== after[name]).toSorted();
}

/** Order and repetition do not change what a list of patterns selects. */
function patterns(list: readonly string[]): string {
  return JSON.stringify([...new Set(list)].toSorted());
}

/** Nor does the order of a map. */
function names(map: NameMap): string {
  return JSON.stringify(sorted(map).map(([from, { to, columns }]) => [from, to, sorted(columns)]));
}

function sorted<T>(record: Readonly<Record<string, T>>): [string, T][] {
  return Object.entries(record).toSorted(([one], [other]) => (one < other ? -1 : 1));
}
