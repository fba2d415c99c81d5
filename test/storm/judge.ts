// Whether both databases are the same when a storm is over. Shares no code with the product.

import pg from 'pg';
import { withClient } from '../fleet/databases.ts';
import type { MigrateResult } from '../fleet/runner.ts';
import { decodingFault } from '../fleet/undecodable.ts';
import { INCREMENT, type StormSchema } from './schema.ts';
import { KNOCK, type StormWriters, type Told } from './writers.ts';

const SETTINGS = `SET datestyle = 'ISO, YMD'; SET intervalstyle = 'postgres'; SET timezone = 'UTC';
  SET extra_float_digits = 3; SET bytea_output = 'hex'; SET search_path = pg_catalog`;
const quote = pg.escapeIdentifier;

interface Relation {
  readonly schema: string;
  readonly name: string;
  readonly columns: readonly string[];
}

const RELATIONS = `
  SELECT nspname AS schema, relname AS name, array(SELECT attname::text FROM pg_attribute
    WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped ORDER BY attnum) AS columns
  FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
  WHERE relkind = $1 AND nspname !~ '^(pg_|information_schema$|migrate$)' ORDER BY 1, 2`;

async function relations(client: pg.Client, kind: 'r' | 'S'): Promise<readonly Relation[]> {
  return (await client.query(RELATIONS, [kind])).rows as Relation[];
}

/** How many of each row there are. The rows are texts; what knocked at the target is none of the source's. */
async function multiset(client: pg.Client, table: string, columns: readonly string[]): Promise<Map<string, number>> {
  const row = columns.map((name) => `${quote(name)}::text`).join(', ');
  const { rows } = await client.query({ text: `SELECT ${row} FROM ${table}`, rowMode: 'array' });
  const counts = new Map<string, number>();
  for (const values of rows as (string | null)[][]) {
    const text = JSON.stringify(values);
    if (text !== JSON.stringify([KNOCK])) counts.set(text, (counts.get(text) ?? 0) + 1);
  }
  return counts;
}

function differences(table: string, here: Map<string, number>, there: Map<string, number>): readonly string[] {
  const found: string[] = [];
  for (const row of new Set([...here.keys(), ...there.keys()])) {
    const [wanted, seen] = [here.get(row) ?? 0, there.get(row) ?? 0];
    if (wanted !== seen) found.push(`${table}: ${wanted} on the source, ${seen} on the target: ${row.slice(0, 300)}`);
  }
  return found.slice(0, 6);
}

export interface Verdict {
  readonly rows: number;
  /** Rows, tables, columns, sequences and constraints that are not as on the source. */
  readonly differences: readonly string[];
}

/** After a crash a server passes over so many values of a sequence that it has not handed out. */
const PASSED_OVER = 32n;

export interface Sides {
  readonly sourceUrl: string;
  readonly targetUrl: string;
  readonly sourceCrashed: boolean;
}

export async function compare({ sourceUrl, targetUrl, sourceCrashed }: Sides, schema: StormSchema): Promise<Verdict> {
  return withClient(sourceUrl, (source) =>
    withClient(targetUrl, async (target) => {
      await Promise.all([source.query(SETTINGS), target.query(SETTINGS)]);
      const found: string[] = [];
      let rows = 0;
      for (const { schema: place, name, columns } of await relations(source, 'r')) {
        const there = schema.onTarget(place, name);
        const renamed = columns.map((column) => schema.columnOnTarget(name, column));
        const [mine, theirs] = await Promise.all([
          multiset(source, `${quote(place)}.${quote(name)}`, columns),
          multiset(target, there, renamed),
        ]);
        rows += [...mine.values()].reduce((sum, count) => sum + count, 0);
        found.push(...differences(there, mine, theirs));
      }
      for (const { schema: place, name } of await relations(source, 'S')) {
        const value = 'SELECT CASE WHEN is_called THEN last_value ELSE last_value - 1 END::text AS value FROM ';
        const here = (await source.query(`${value}${quote(place)}.${quote(name)}`)).rows[0]?.value as string;
        const there = (await target.query(`${value}${schema.onTarget(place, name)}`)).rows[0]?.value as string;
        const least = BigInt(here) - (sourceCrashed ? PASSED_OVER * INCREMENT : 0n);
        if (BigInt(there) < least) found.push(`sequence ${name}: ${here} on the source, ${there} on the target`);
      }
      const [built, wanted] = await Promise.all([objects(target), objects(source)]);
      if (built !== wanted) found.push(`constraints and indexes: ${wanted} on the source, ${built} on the target`);
      return { rows, differences: found };
    }),
  );
}

/** Constraints and indexes by their kinds. Names and definitions change with the names of tables. */
async function objects(client: pg.Client): Promise<string> {
  const here = `connamespace::regnamespace::text !~ '^(pg_catalog|pg_toast|information_schema|migrate)$'`;
  const { rows } = await client.query(`
    SELECT 'constraint' AS what, contype::text AS kind, condeferrable AS a, condeferred AS b, convalidated AS c, count(*)::int AS n
      FROM pg_constraint WHERE conrelid <> 0 AND ${here} GROUP BY 2, 3, 4, 5
    UNION ALL SELECT 'index', indnatts::text, indisunique, indnullsnotdistinct, indpred IS NULL, count(*)::int
      FROM pg_index JOIN pg_class c ON c.oid = indrelid
      WHERE ${here.replace('connamespace', 'relnamespace')} AND indisvalid GROUP BY 2, 3, 4, 5
    ORDER BY 1, 2, 3, 4, 5`);
  return JSON.stringify(rows.map((row) => Object.values(row as Record<string, unknown>).join(' ')));
}

/** What the writers were told against the ledger of the source: a fault here is one of the storm itself. */
export async function misses(told: readonly Told[], url: string, ledger: string): Promise<readonly string[]> {
  const rows = await withClient(url, async (client) => (await client.query(`SELECT token FROM ${ledger}`)).rows);
  const there = new Set((rows as { token: string }[]).map(({ token }) => token));
  return told
    .filter(({ token, outcome }) => (outcome === 'ok' && !there.has(token)) || (outcome === 'fail' && there.has(token)))
    .map(({ token, outcome }) => `${token} ${outcome}`);
}

/** What a run borrows on the source and has to give back. The closed fence stays, in schema migrate. */
export async function borrowed(url: string): Promise<readonly string[]> {
  return withClient(url, async (client) => {
    const { rows } = await client.query(`
      SELECT 'slot ' || slot_name AS line FROM pg_replication_slots WHERE database = current_database()
      UNION ALL SELECT 'publication ' || pubname FROM pg_publication
      UNION ALL SELECT format('identity %s %s', oid::regclass, relreplident) FROM pg_class
        WHERE relkind IN ('r', 'p') AND relnamespace::regnamespace::text !~ '^(pg_catalog|pg_toast|information_schema|migrate)$'
      UNION ALL SELECT format('trigger %s %s', tgrelid::regclass, tgname) FROM pg_trigger t JOIN pg_proc p ON p.oid = tgfoid
        WHERE NOT tgisinternal AND pronamespace::regnamespace::text <> 'migrate'
      ORDER BY 1`);
    return (rows as { line: string }[]).map(({ line }) => line);
  });
}

/** The one known fault of a server that ends a run for good. */
const UNDECODABLE = /could not map filenumber/;

/** True when the run ended because of what it calls a fault of the source itself. */
export function isUndecodable({ code, json }: MigrateResult): boolean {
  return code === 2 && json?.code === 'STREAM.UNDECODABLE' && UNDECODABLE.test(String(json.message));
}

/**
 * What is wrong with an end that blames the source. It is right when the source says the same to anybody who asks for its
 * log, lets everybody write, and the run has claimed nothing: the target has let nobody in.
 */
export async function blamed(
  writers: StormWriters,
  { source, target }: Readonly<Record<'source' | 'target', string>>,
): Promise<readonly string[]> {
  const faults: string[] = [];
  const own = await decodingFault(source);
  if (own === undefined || !UNDECODABLE.test(own))
    faults.push(`the source decodes its log: ${own ?? 'without a fault'}`);
  // Ends with the storm's own time limit when the source was left closed.
  await writers.more(3);
  if (writers.letInAt !== undefined) faults.push('the target was opened');
  const outcome = await withClient(
    target,
    async (client) => (await client.query('SELECT outcome FROM migrate.run')).rows,
  );
  const [run] = outcome as { outcome: string }[];
  if (run?.outcome !== 'running') faults.push(`the journal calls the run ${run?.outcome}`);
  return faults;
}
