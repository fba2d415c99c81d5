// What the program spends on each row that it writes to Oracle, without an Oracle: to a double of its protocol, in another process,
// that takes every row without looking at it. Against the least that the driver can do: executeMany with rows that are ready.
// Run: npx tsx bench/oracle-double.ts [rows] [rounds].

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { OracleServer } from '../src/databases/oracle/connection.ts';
import type { RowChange } from '../src/model/change.ts';
import { apply, bareInserts, blocks, CLAIM, copy, row, TABLE, update } from './lib/oracle-rows.ts';
import { median, report, seconds, thousands } from './lib/results.ts';

const ROWS = Number(process.argv[2] ?? 500_000);
const ROUNDS = Number(process.argv[3] ?? 3);
const CHUNK_ROWS = 50_000;
const READERS = 2;
const LANES = 2;

/** What one measurement took. */
interface Took {
  readonly clock: number;
  /** Of this process alone. */
  readonly cpu: number;
  /** The most that was in memory, in bytes. */
  readonly memory: number;
}

async function measure(work: () => Promise<void>): Promise<Took> {
  let memory = 0;
  const look = (): void => {
    memory = Math.max(memory, process.memoryUsage.rss());
  };
  const timer = setInterval(look, 50);
  const before = process.cpuUsage();
  const clock = await seconds(work);
  const { user, system } = process.cpuUsage(before);
  clearInterval(timer);
  look();
  return { clock, cpu: (user + system) / 1e6, memory };
}

/** Of one chunk: the double does not mind that all have the same. */
const CHUNK = blocks(0, CHUNK_ROWS);

/** Two updates to an insert and a delete. */
function change(number: number): RowChange {
  const kind = number % 4;
  if (kind === 0) return { op: 'insert', table: TABLE, row: row(ROWS + number) };
  if (kind === 1) return { op: 'delete', table: TABLE, key: [String(number)] };
  return update(number);
}

const double = fork(new URL('../test/fleet/oracle-double-process.ts', import.meta.url), {
  execArgv: ['--import', 'tsx'],
});
const [url] = (await once(double, 'message')) as [string];
const server = new OracleServer('target', url, CLAIM.run);
const rows: string[][] = [];
try {
  for (const [name, work] of [
    ['executeMany, rows ready', (server) => bareInserts(server, ROWS)],
    ['copy', (server) => copy(server, { rows: ROWS, chunkRows: CHUNK_ROWS, readers: READERS, chunk: () => CHUNK })],
    ['apply', (server) => apply(server, { changes: ROWS, change, lanes: LANES })],
  ] as readonly (readonly [string, (server: OracleServer) => Promise<void>])[]) {
    const took: Took[] = [];
    // The first round warms the compiler and is not counted.
    for (let round = 0; round <= ROUNDS; round++) {
      const one = await measure(() => work(server));
      if (round > 0) took.push(one);
    }
    const of = (what: keyof Took): number => median(took.map((each) => each[what]));
    rows.push([
      ...[name, `${thousands(ROWS / of('clock'))} rows/s`, `${thousands(ROWS / of('cpu'))} rows`],
      ...[`${((1e6 * of('cpu')) / ROWS).toFixed(1)} µs`, `${Math.round(of('memory') / 2 ** 20)} MB`],
    ]);
  }
} finally {
  await server.close();
  double.disconnect();
}
await report({
  title: `Writing ${thousands(ROWS)} rows of some 180 bytes to a double of Oracle, median of ${ROUNDS}`,
  header: ['path', 'by the clock', 'in a second of CPU', 'CPU for a row', 'memory'],
  rows,
});
