// Whether both databases are the same when a storm between engines is over. Shares no code with the product.

import { openClient, type TextClient } from '../../fleet/text-client.ts';
import { KNOCK, type Told } from '../writers.ts';
import { canonical, reading } from './kinds.ts';
import { ACCOUNTS, COMMON, nameIn, OPENING, type StormColumn, type StormSchema, type StormTable } from './schema.ts';

/** How many of each row there are; what knocked at the target is none of the source's. */
async function multiset(
  client: TextClient,
  table: string,
  columns: readonly StormColumn[],
): Promise<ReadonlyMap<string, number>> {
  const list = columns.map(({ name, holds }) => reading(client.kind, nameIn(client.kind, name), holds));
  const { rows } = await client.query(`SELECT ${list.join(', ')} FROM ${table}`);
  const counts = new Map<string, number>();
  for (const row of rows) {
    const text = JSON.stringify(row.map((value, place) => canonical(value, columns[place]?.holds ?? 'text')));
    if (text !== JSON.stringify([KNOCK])) counts.set(text, (counts.get(text) ?? 0) + 1);
  }
  return counts;
}

function differences(
  table: string,
  here: ReadonlyMap<string, number>,
  there: ReadonlyMap<string, number>,
): readonly string[] {
  const found: string[] = [];
  for (const row of new Set([...here.keys(), ...there.keys()])) {
    const [wanted, seen] = [here.get(row) ?? 0, there.get(row) ?? 0];
    if (wanted !== seen) found.push(`${table}: ${wanted} on the source, ${seen} on the target: ${row.slice(0, 300)}`);
  }
  return found.slice(0, 6);
}

export interface Verdict {
  readonly rows: number;
  readonly faults: readonly string[];
}

/** Both sides row by row, the sum of the bank, constraints by kind, and whether the target counts on. */
export async function compare(sourceUrl: string, targetUrl: string, schema: StormSchema): Promise<Verdict> {
  const source = await openClient(sourceUrl);
  const target = await openClient(targetUrl);
  const faults: string[] = [];
  let rows = 0;
  try {
    const own = schema.tables.map(({ name, key, columns, others }) => ({
      name,
      columns: [...key, ...columns, ...others],
    }));
    for (const { name, columns } of [...COMMON, ...own]) {
      const place = schema.onTarget(name);
      const mine = await multiset(source, `storm.${nameIn(source.kind, name)}`, columns);
      const theirs = await multiset(target, place, columns);
      rows += [...mine.values()].reduce((sum, count) => sum + count, 0);
      faults.push(...differences(place, mine, theirs));
    }
    const sum = await target.query(`SELECT sum(balance) FROM ${schema.onTarget('accounts')}`);
    if (Number(sum.rows[0]?.[0]) !== ACCOUNTS * OPENING) faults.push(`the accounts hold ${sum.rows[0]?.[0]}`);
    for (const { name } of [...COMMON, ...schema.tables]) {
      const [wanted, built] = [
        await constraints(source, 'storm', name),
        await constraints(target, ...onTarget(schema, name)),
      ];
      if (wanted !== built) faults.push(`${name} has ${built} on the target instead of ${wanted}`);
    }
    for (const table of schema.tables) faults.push(...(await countsOn(target, table, schema)));
    return { rows, faults };
  } finally {
    await source.close();
    await target.close();
  }
}

function onTarget(schema: StormSchema, name: string): readonly [database: string, table: string] {
  const place = schema.onTarget(name);
  const dot = place.indexOf('.');
  const quote = place[dot + 1] ?? '';
  return [place.slice(0, dot), place.slice(dot + 2, -1).replaceAll(quote + quote, quote)];
}

/** How many of each kind. */
async function constraints(client: TextClient, database: string, table: string): Promise<string> {
  const { rows } = await client.query(`SELECT constraint_type, count(*) FROM information_schema.table_constraints
    WHERE table_schema = '${database}' AND table_name = ${client.quote(table)}
      AND constraint_type IN ('PRIMARY KEY', 'UNIQUE', 'FOREIGN KEY') GROUP BY 1 ORDER BY 1`);
  return rows.map((row) => row.join(' ')).join(', ');
}

/** A row whose key the server makes gets one that none had. */
async function countsOn(target: TextClient, table: StormTable, schema: StormSchema): Promise<readonly string[]> {
  if (table.kind?.made !== true) return [];
  const place = schema.onTarget(table.name);
  const largest = `SELECT max(k0) FROM ${place}`;
  const before = (await target.query(largest)).rows[0]?.[0] ?? '0';
  try {
    await target.query(`INSERT INTO ${place} (n) VALUES (NULL)`);
  } catch (error) {
    return [`${place} takes no row: ${error instanceof Error ? error.message : String(error)}`];
  }
  const after = (await target.query(largest)).rows[0]?.[0] ?? '0';
  return BigInt(after) > BigInt(before) ? [] : [`${place} counts from ${after}, after ${before}`];
}

/** What the writers were told against the ledger of the source: a fault here is one of the storm itself. */
export async function misses(told: readonly Told[], sourceUrl: string): Promise<readonly string[]> {
  const source = await openClient(sourceUrl);
  const { rows } = await source.query('SELECT token FROM storm.ledger').finally(() => source.close());
  const there = new Set(rows.map(([token]) => token));
  return told
    .filter(({ token, outcome }) => (outcome === 'ok' && !there.has(token)) || (outcome === 'fail' && there.has(token)))
    .map(({ token, outcome }) => `told and not so: ${token} ${outcome}`);
}
