// Check of a source: dates that are no days. Only reading a table tells, so that the search has a limit in time.

import type { Catalog } from '../../../model/catalog.ts';
import type { Finding } from '../../../model/finding.ts';
import type { Column, Table } from '../../../model/table.ts';
import { errorFinding, infoFinding, warningFinding } from '../../findings.ts';
import { DEFAULT_SEARCH_MS, unsearchedText } from '../../searches.ts';
import { quoteName, quoteTable } from '../sql.ts';
import { type Search, searched } from './search.ts';
import type { SourceCheck } from './source-subject.ts';

export const zeroDates: SourceCheck = async ({ session, facts, catalog, context }) => {
  const { zeroDates = 'carried', searchMs = DEFAULT_SEARCH_MS } = context;
  if (zeroDates === 'carried') return [];
  const findings: Finding[] = [];
  const unsearched: string[] = [];
  const deadline = performance.now() + searchMs;
  // The small ones first: a large one may take all of the time.
  const dated = datedTables(catalog).toSorted((one, other) => one.table.byteEstimate - other.table.byteEstimate);
  for (const { table, columns } of dated) {
    const limitMs = Math.floor(deadline - performance.now());
    const bad = await search({ session, facts, limitMs }, { table, columns });
    if (bad === undefined) unsearched.push(table.id);
    for (const column of bad ?? []) findings.push(found(`${table.id}.${column}`, zeroDates));
  }
  if (unsearched.length > 0) {
    const message = unsearchedText('dates that are no days', unsearched);
    findings.push(infoFinding({ code: 'ZERO_DATE', subject: 'search', message }));
  }
  return findings;
};

function found(subject: string, zeroDates: 'refused' | 'nulled'): Finding {
  const message = 'there are dates that are no days, such as 0000-00-00';
  if (zeroDates === 'nulled') {
    return warningFinding({ code: 'ZERO_DATE', subject, message: `${message}: they become NULL` });
  }
  return errorFinding({
    code: 'ZERO_DATE',
    subject,
    message: `${message}: the target cannot hold them`,
    cure: 'convert: { zeroDates: setNull }  # in the plan, or correct the rows on the source',
  });
}

interface DatedTable {
  readonly table: Table;
  readonly columns: readonly string[];
}

/** With the columns that are dates on both sides: a text can hold any. */
function datedTables({ tables, onTarget }: Catalog): readonly DatedTable[] {
  const isDate = ({ type }: Column): boolean => /^(date|datetime|timestamp(tz)?)\b/i.test(type);
  return tables
    .map(({ table }, index) => {
      const there = onTarget?.tables[index]?.table.columns;
      const dates = table.columns.filter((column, place) => isDate(column) && isDate(there?.[place] ?? column));
      return { table, columns: dates.map(({ name }) => name) };
    })
    .filter(({ columns }) => columns.length > 0);
}

/** The columns that have such a date; undefined when it was not searched. Reads the table to its end where there is none. */
async function search(options: Search, { table, columns }: DatedTable): Promise<readonly string[] | undefined> {
  const conditions = columns.map((column) => {
    const name = quoteName(column);
    const [year, month, day] = [`YEAR(${name})`, `MONTH(${name})`, `DAYOFMONTH(${name})`];
    return `(${year} = 0 OR ${month} = 0 OR ${day} = 0 OR ${day} > DAYOFMONTH(LAST_DAY(${name})))`;
  });
  const maxima = conditions.map((condition) => `MAX(${condition})`).join(', ');
  const rows = await searched(options, `${maxima} FROM ${quoteTable(table)}`);
  return rows && columns.filter((_, index) => rows[0]?.[index] === '1');
}
