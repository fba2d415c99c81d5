// What `migrate run --only verify` prints.

import { emptyValueLines } from '../report/empty-values.ts';
import type { VerifyReport } from '../runner/verify.ts';
import type { ComparedTable } from '../verify/standalone.ts';

const EXITS: Readonly<Record<VerifyReport['result'], number>> = { equal: 0, different: 4, undecided: 2 };

export function verifyExit({ result }: VerifyReport): number {
  return EXITS[result];
}

/** Keys may be personal data: they are only told when they were asked for. */
export function withoutKeys(report: VerifyReport): object {
  return { ...report, tables: report.tables.map(({ keys: _, ...table }) => table) };
}

export function verifyLines(report: VerifyReport, keys: boolean): readonly string[] {
  const count = (value: number): string => value.toLocaleString('en-US');
  return [
    `${report.result}: ${count(report.rowsCompared)} rows of ${count(report.tables.length)} tables are equal`,
    ...report.tables.flatMap((table) => tableLines(table, keys)),
    ...emptyValueLines(report.tables.flatMap(({ emptyValues }) => emptyValues)).map((line) => `  ${line}`),
    ...(report.result === 'undecided' ? ['Next: compare again when fewer writes go on'] : []),
  ];
}

function tableLines({ table, rows, differences, more, unstable, keys, refused }: ComparedTable, all: boolean) {
  if (refused !== null) return [`  ${table}  cannot be compared: ${refused}`];
  if (differences + unstable === 0) return [];
  const facts = [
    `${rows.toLocaleString('en-US')} rows equal`,
    ...(differences > 0 ? [`${differences}${more ? ' or more' : ''} differ`] : []),
    ...(unstable > 0 ? [`${unstable} kept changing`] : []),
  ];
  return [`  ${table}  ${facts.join(', ')}`, ...(all ? keys.map((key) => `    ${key}`) : [])];
}
