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

/** What a plan says of single columns, in `field`. */
export class ColumnChoices {
  readonly #chosen: ReadonlyMap<string, string>;
  readonly #written: ReadonlyMap<string, string>;
  readonly #field: string;

  constructor(columns: Readonly<Record<string, string>>, field: string) {
    const entries = Object.entries(columns).map(([written, chosen]) => [
      placeOf(splitName(written) ?? []),
      written,
      chosen,
    ]);
    this.#chosen = new Map(entries.map(([place = '', , chosen = '']) => [place, chosen]));
    this.#written = new Map(entries.map(([place = '', written = '']) => [place, written]));
    this.#field = field;
  }

  of({ schema, name }: TableName, column: string): string | undefined {
    return this.#chosen.get(placeOf([schema, name, column]));
  }

  /** Names what a plan says of columns that are not there. */
  check({ tables }: Catalog, findings: Findings): void {
    const known = new Set(
      tables.flatMap(({ table, columns }) => columns.map(({ name }) => placeOf([table.schema, table.name, name]))),
    );
    for (const [place, written] of this.#written) {
      if (known.has(place)) continue;
      const message = `${this.#field} names it, and no selected table has such a column`;
      findings.add('error', 'CONVERT_COLUMN', written, message, `Correct or remove it in ${this.#field} of the plan.`);
    }
  }
}

/** The types that a plan gives to single columns. */
export class ChosenTypes extends ColumnChoices {
  constructor({ columns }: Pick<ConvertOptions, 'columns'>) {
    super(columns, 'convert.columns');
  }
}

function placeOf(parts: readonly string[]): string {
  return JSON.stringify(parts);
}

/** What leaves tables out of a plan. */
export function exclusion(pattern: string): string {
  return `tables.exclude: [${JSON.stringify(pattern)}]`;
}
