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
  readonly notCarried: readonly { readonly object: string; readonly command: string }[];
}

export interface PreflightInput {
  readonly run: string;
  readonly catalog: Catalog;
  readonly findings: readonly Finding[];
}

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
    notCarried: catalog.notCarried.map((object) => ({ object, command: commandFor(object) })),
  };
}

/** How an object gets to the target by hand. */
function commandFor(object: string): string {
  const [, relation] = /^(?:materialized view|view|foreign table) (.*)$/s.exec(object) ?? [];
  const pick =
    relation === undefined
      ? '> rest.sql  # and pick it from there'
      : `--table ${shellQuoted(relation)} | psql "$TARGET_URL"`;
  return `pg_dump --schema-only "$SOURCE_URL" ${pick}`;
}

function shellQuoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

export function preflightPage(report: PreflightReport): Page {
  const errors = report.findings.filter(({ level }) => level === 'error').length;
  return {
    title: `Preflight of ${report.run}`,
    verdict: report.passed
      ? `Nothing stands in the way of ${count(report.tables.length)} tables.`
      : `${count(errors)} errors have to be cured before the run can begin.`,
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
  const none: readonly Block[] = [{ kind: 'text', text: 'Nothing was found.' }];
  const blocks = all.flatMap(({ level, code, subject, message, cure }): readonly Block[] => [
    { kind: 'text', text: `${level} ${code}, ${subject}: ${message}` },
    ...(cure === undefined ? [] : [{ kind: 'code', text: cure } as const]),
  ]);
  return { heading: 'Findings', blocks: blocks.length === 0 ? none : blocks };
}

function notCarried({ notCarried: all }: PreflightReport): Section {
  return {
    heading: 'Not carried',
    blocks: [
      table(
        ['object', 'how to bring it'],
        all.map(({ object, command }) => [object, command]),
        'Everything in the selected schemas is carried.',
      ),
    ],
  };
}
