// What a conversion has to say, gathered while it is made.

import { FINDING_PREFIX, type FindingCode } from '../lib/finding-codes.ts';
import type { Catalog } from '../model/catalog.ts';
import type { Finding, FindingLevel } from '../model/finding.ts';
import type { TableName } from '../model/table.ts';
import { splitName } from '../plan/names.ts';
import type { ConvertOptions } from './pair.ts';

export class Findings {
  readonly list: Finding[] = [];
  /** Objects that stay behind, as `Catalog.notCarried` has them: `check positive on shop.orders`. */
  readonly behind: string[] = [];

  add(level: FindingLevel, code: FindingCode, subject: string, message: string, cure?: string): void {
    this.list.push({
      level,
      code: `${FINDING_PREFIX}${code}`,
      subject,
      message,
      ...(cure === undefined ? {} : { cure }),
    });
  }

  stays(kind: string, name: string, { id }: Pick<TableName, 'id'>): undefined {
    this.behind.push(`${kind} ${name} on ${id}`);
  }
}

/** The types that a plan gives to single columns. */
export class ChosenTypes {
  readonly #types: ReadonlyMap<string, string>;
  readonly #written: ReadonlyMap<string, string>;

  constructor({ columns }: ConvertOptions) {
    const entries = Object.entries(columns).map(([written, type]) => [
      placeOf(splitName(written) ?? []),
      written,
      type,
    ]);
    this.#types = new Map(entries.map(([place = '', , type = '']) => [place, type]));
    this.#written = new Map(entries.map(([place = '', written = '']) => [place, written]));
  }

  of({ schema, name }: TableName, column: string): string | undefined {
    return this.#types.get(placeOf([schema, name, column]));
  }

  /** Names what a plan says of columns that are not there. */
  check({ tables }: Catalog, findings: Findings): void {
    const known = new Set(
      tables.flatMap(({ table, columns }) => columns.map(({ name }) => placeOf([table.schema, table.name, name]))),
    );
    for (const [place, written] of this.#written) {
      if (known.has(place)) continue;
      const message = 'convert.columns names it, and no selected table has such a column';
      findings.add('error', 'CONVERT_COLUMN', written, message, 'Correct or remove it in convert.columns of the plan.');
    }
  }
}

function placeOf(parts: readonly string[]): string {
  return JSON.stringify(parts);
}

/** As a plan writes it in convert.columns. */
export function columnPath({ schema, name }: TableName, column: string): string {
  return [schema, name, column].map((part) => part.replace(/[.\\]/g, '\\$&')).join('.');
}

/** What leaves tables out of a plan. */
export function exclusion(pattern: string): string {
  return `tables.exclude: [${JSON.stringify(pattern)}]`;
}
