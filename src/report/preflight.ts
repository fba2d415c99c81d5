// What a plan would move and what stands in its way, before anything is written: the report of `migrate check`.

import type { Catalog } from '../model/catalog.ts';
import type { Finding } from '../model/finding.ts';
import { tableId } from '../model/table.ts';
import { type Block, bytes, count, type Page, type Section, table } from './page.ts';

/** Raised when a field changes its meaning or goes. */
export const PREFLIGHT_FORMAT = 1;

export interface CheckedTable {
  readonly table: string;
  /** What the target calls it. */
  readonly onTarget: string;
  /** The source's own estimate. */
  readonly rows: number;
  readonly bytes: number;
  /** The columns that its rows are found by; empty when they are found by all their values. */
  readonly key: readonly string[];
  /** True when several lanes may write it. */
  readonly spread: boolean;
  /** Codes of what was found about it or one of its columns, worst first. */
  readonly findings: readonly string[];
}

export interface PreflightReport {
  readonly format: number;
  readonly run: string;
  readonly passed: boolean;
  readonly tables: readonly CheckedTable[];
  readonly findings: readonly Finding[];
  /** What a finding of code PREFLIGHT.NOT_CARRIED says how to bring. */
  readonly notCarried: readonly string[];
}

export interface PreflightInput {
  readonly run: string;
  readonly catalog: Catalog;
  readonly findings: readonly Finding[];
}

const NOT_CARRIED = 'PREFLIGHT.NOT_CARRIED';
const LEVELS = ['error', 'warning', 'info'] as const;

export function preflightReport({ run, catalog, findings }: PreflightInput): PreflightReport {
  const sorted = findings.toSorted((a, b) => LEVELS.indexOf(a.level) - LEVELS.indexOf(b.level));
  return {
    format: PREFLIGHT_FORMAT,
    run,
    passed: findings.every(({ level }) => level !== 'error'),
    tables: catalog.tables.map(({ table: each }, index) => {
      const there = catalog.onTarget?.tables[index]?.table ?? each;
      const about = sorted.filter(({ subject }) => subject === each.id || subject.startsWith(`${each.id}.`));
      return {
        table: each.id,
        onTarget: tableId(there.schema, there.name),
        rows: each.rowEstimate,
        bytes: each.byteEstimate,
        key: each.identity === 'key' ? each.key.map((column) => each.columns[column]?.name ?? '') : [],
        spread: each.spread,
        findings: [...new Set(about.map(({ code }) => code))],
      };
    }),
    findings: sorted,
    notCarried: catalog.notCarried,
  };
}

export function preflightPage(report: PreflightReport): Page {
  const errors = report.findings.filter(({ level }) => level === 'error').length;
  return {
    title: `Preflight of ${report.run}`,
    verdict: report.passed
      ? `Nothing stands in the way of ${count(report.tables.length)} tables.`
      : `${count(errors)} ${errors === 1 ? 'error has' : 'errors have'} to be cured before the run can begin.`,
    good: report.passed,
    sections: [tables(report), findings(report), notCarried(report)],
  };
}

function tables({ tables: all }: PreflightReport): Section {
  return {
    heading: 'Tables',
    blocks: [
      { kind: 'text', text: 'Rows and sizes are the estimates of the source. Indexes are not counted.' },
      table(
        ['table', 'on the target', 'rows', 'size', 'found by', 'lanes', 'notes'],
        all.map(({ table: name, onTarget, rows, bytes: size, key, spread, findings: codes }) => [
          name,
          onTarget === name ? 'the same' : onTarget,
          count(rows),
          bytes(size),
          key.length === 0 ? 'all values' : key.join(', '),
          spread ? 'several' : 'one',
          codes.join(', '),
        ]),
        'The plan selects none that could be read.',
      ),
    ],
  };
}

function findings({ findings: all }: PreflightReport): Section {
  const found = all.filter(({ code }) => code !== NOT_CARRIED);
  return {
    heading: 'Findings',
    blocks: found.length === 0 ? [none('Nothing was found.')] : found.flatMap(findingBlocks),
  };
}

function notCarried({ findings: all }: PreflightReport): Section {
  const found = all.filter(({ code }) => code === NOT_CARRIED);
  const everything = none('Everything in the selected schemas is carried.');
  return { heading: 'Not carried', blocks: found.length === 0 ? [everything] : found.flatMap(findingBlocks) };
}

function findingBlocks({ level, side, code, subject, message, cure }: Finding): readonly Block[] {
  const where = side === undefined ? '' : `${side}, `;
  const said: Block = { kind: 'text', text: `${level} ${code}, ${where}${subject}: ${message}` };
  return cure === undefined ? [said] : [said, { kind: 'code', text: cure }];
}

function none(text: string): Block {
  return { kind: 'text', text };
}
