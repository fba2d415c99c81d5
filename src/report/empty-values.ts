// What verification has counted of empty values that are something else on the target.

import type { StageRecord } from '../journal/journal.ts';
import type { EmptyValues } from '../model/empty-values.ts';

/** As the journal has it of the verification that ended last; nothing while none did. */
export function emptyValuesOf(stages: readonly StageRecord[]): readonly EmptyValues[] {
  const found = stages.find(({ stage }) => stage === 'verify')?.result.emptyValues;
  return Array.isArray(found) ? (found as readonly EmptyValues[]) : [];
}

/** For people: a line for each table. */
export function emptyValueLines(found: readonly EmptyValues[]): readonly string[] {
  const tables = groups(found, ({ table }) => table);
  return [...tables].map(([table, values]) => {
    const kinds = groups(values, ({ became }) => (became === null ? 'NULL' : JSON.stringify(became)));
    const parts = [...kinds].map(([became, columns]) => becameText(columns, became));
    return `${table}: ${parts.join(', ')}, as convert.emptyText says`;
  });
}

function becameText(columns: readonly EmptyValues[], became: string): string {
  const all = columns.reduce((sum, { values }) => sum + values, 0);
  const what = `${counted(all)} empty ${all === 1 ? 'value' : 'values'}`;
  const [only] = columns;
  if (columns.length === 1) return `${what} of ${only?.column} became ${became}`;
  return `${what} became ${became} (${columns.map(({ column, values }) => `${counted(values)} of ${column}`).join(', ')})`;
}

function counted(values: number): string {
  return values.toLocaleString('en-US');
}

function groups(found: readonly EmptyValues[], of: (one: EmptyValues) => string): ReadonlyMap<string, EmptyValues[]> {
  const all = new Map<string, EmptyValues[]>();
  for (const one of found) all.set(of(one), [...(all.get(of(one)) ?? []), one]);
  return all;
}
