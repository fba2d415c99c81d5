// Check of a source: values that stop the run because its target holds an empty text for NULL. Empty ones where the plan refuses
// them, or where rows are found by them; and texts that are the one which stands for an empty one.

import type { Catalog } from '../model/catalog.ts';
import type { Finding } from '../model/finding.ts';
import type { Column, Table } from '../model/table.ts';
import { columnPath } from '../plan/names.ts';
import { emptyOf } from './conversion.ts';
import { errorFinding, infoFinding } from './findings.ts';
import { DEFAULT_SEARCH_MS, unsearchedText } from './searches.ts';

/** Asks the source. Conditions are of the columns of the table `t`. */
export interface RowSearch {
  isEmpty(column: Column): string;
  /** Just this text, whatever a collation holds to be equal. */
  isText(column: Column, text: string): string;
  /**
   * Of the first row in which one of the conditions holds, which do; none where there is no such row. Undefined when it took too
   * long, or without the right to read the table, which another check tells.
   */
  first(table: Table, conditions: readonly string[], limitMs: number): Promise<readonly boolean[] | undefined>;
}

interface Refusing {
  readonly condition: string;
  readonly finding: Finding;
}

export async function refusedEmpties(
  { tables }: Catalog,
  search: RowSearch,
  searchMs = DEFAULT_SEARCH_MS,
): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  const unsearched: string[] = [];
  const deadline = performance.now() + searchMs;
  // The small ones first: a large one may take all of the time.
  const bySize = tables.map(({ table }) => table).toSorted((one, other) => one.byteEstimate - other.byteEstimate);
  for (const table of bySize) {
    let left = refusingColumns(table, search);
    while (left.length > 0) {
      const conditions = left.map(({ condition }) => condition);
      const met = await search.first(table, conditions, Math.floor(deadline - performance.now()));
      if (met === undefined) unsearched.push(table.id);
      if (met?.includes(true) !== true) break;
      findings.push(...left.filter((_, index) => met[index]).map(({ finding }) => finding));
      left = left.filter((_, index) => !met[index]);
    }
  }
  if (unsearched.length > 0) {
    const message = unsearchedText('values that the plan refuses because an empty text is NULL to Oracle', unsearched);
    findings.push(infoFinding({ code: 'ORACLE_EMPTY', subject: 'search', message }));
  }
  return findings;
}

function refusingColumns(table: Table, search: RowSearch): readonly Refusing[] {
  return table.columns.flatMap((column) => {
    const empty = emptyOf(column);
    if (empty === undefined || empty === 'null') return [];
    const subject = `${table.id}.${column.name}`;
    if (empty === 'refused') {
      const finding = errorFinding({
        code: 'ORACLE_EMPTY',
        subject,
        message: 'there are empty values, which stop the run: to Oracle they are NULL',
        cure: `convert: { emptyColumns: { ${JSON.stringify(columnPath(table, column.name))}: sentinel } }  # in the plan, or correct the rows on the source`,
      });
      return [{ condition: search.isEmpty(column), finding }];
    }
    const finding = errorFinding({
      code: 'ORACLE_EMPTY',
      subject,
      message: `there are values that are ${JSON.stringify(empty.sentinel)}, the text that stands for an empty one: they stop the run`,
      cure: 'convert: { emptySentinel: "…" }  # in the plan, with a text that no row has, or correct the rows on the source',
    });
    return [{ condition: search.isText(column, empty.sentinel), finding }];
  });
}
