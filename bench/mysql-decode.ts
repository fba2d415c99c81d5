// How fast the log of a MySQL server becomes changes: rows of six columns that were inserted and then updated, in one
// transaction for each 1,000 rows and for each row, plain and compressed; against the package that others read the log with,
// which makes values of them too, and cannot read a compressed log. Needs what the tests of MySQL need, and npm's registry.
// Run: npx tsx bench/mysql-decode.ts [rows] [rounds]

import mysql, { type Connection } from 'mysql2';
import { type LogEnd, logEnd, positionOf } from '../src/databases/mysql/log/head.ts';
import { MysqlStream } from '../src/databases/mysql/log/stream.ts';
import type { Position } from '../src/model/position.ts';
import { type Table, tableId } from '../src/model/table.ts';
import { startMysql } from '../test/fleet/mysql.ts';
import { median, report, thousands } from './lib/results.ts';
import { installZongji, ZONGJI } from './lib/zongji.ts';

const ROWS = Number(process.argv[2] ?? 200_000);
const ROUNDS = Number(process.argv[3] ?? 5);
const TYPES = ['int', 'bigint', 'varchar(12)', 'decimal(12,2)', 'datetime(6)', 'varchar(80)'];
const COLUMNS = ['id', 'customer', 'state', 'total', 'created', 'note'].map((name, index) => ({
  name,
  type: TYPES[index] ?? '',
  castType: '',
}));
const TABLE: Table = {
  id: tableId('shop', 'orders'),
  schema: 'shop',
  name: 'orders',
  columns: COLUMNS,
  key: [0],
  rowEstimate: ROWS,
  byteEstimate: 0,
  identity: 'key',
  spread: true,
};

interface Took {
  readonly clock: number;
  /** Of this process alone: on a machine that is shared it says more. */
  readonly cpu: number;
}

async function timed(work: () => Promise<unknown>): Promise<Took> {
  const began = performance.now();
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return { clock: (performance.now() - began) / 1_000, cpu: (user + system) / 1e6 };
}

const zongji = await installZongji();
const server = await startMysql();
try {
  const connect = async (): Promise<Connection> => {
    const connection = mysql.createConnection({
      host: '127.0.0.1',
      port: server.port,
      user: 'root',
      charset: 'utf8mb4',
      multipleStatements: true,
    });
    await connection.promise().connect();
    return connection;
  };
  const db = await connect();
  db.on('error', () => undefined);
  const run = (sql: string): Promise<unknown> => db.promise().query(sql);
  const write = async (perTransaction: number, settings: string): Promise<{ end: LogEnd; position: Position }> => {
    await run(`DROP DATABASE IF EXISTS shop; CREATE DATABASE shop; USE shop; ${settings};
      CREATE TABLE orders (${COLUMNS.map(({ name, type }) => `${name} ${type} NOT NULL`).join(', ')}, PRIMARY KEY (id))`);
    const end = await logEnd(db);
    const position = await positionOf(end, connect);
    for (let id = 0; id < ROWS; id += 1_000) {
      const rows = Array.from({ length: 1_000 }, (_, index) => {
        const note = index % 10 === 0 ? 'größer als ASCII, und länger' : 'a note of some thirty characters';
        return `(${id + index}, ${(id + index) * 7}, 'new', 1234.50, '2024-05-06 07:08:09.123456', '${note}')`;
      });
      await run(
        perTransaction > 1
          ? `INSERT INTO orders VALUES ${rows.join(', ')}`
          : rows.map((row) => `INSERT INTO orders VALUES ${row}`).join('; '),
      );
    }
    for (let id = 0; id < ROWS; id += 1_000) {
      const update = `UPDATE orders SET state = 'paid', total = total + 1 WHERE id`;
      await run(
        perTransaction > 1
          ? `${update} BETWEEN ${id} AND ${id + 999}`
          : Array.from({ length: 1_000 }, (_, index) => `${update} = ${id + index}`).join('; '),
      );
    }
    return { end, position };
  };

  const read = async (from: Position): Promise<void> => {
    const abort = new AbortController();
    const stream = new MysqlStream({ connect, run: 'bench', tables: [TABLE] });
    let changes = 0;
    for await (const shard of stream.open(async () => from, abort.signal)) {
      for await (const transactions of shard.changes) {
        for (const transaction of transactions) changes += transaction.changes.length;
        if (changes >= 2 * ROWS) break;
      }
      break;
    }
    await stream.close();
  };

  const rate = (of: readonly Took[]): string =>
    `${thousands((2 * ROWS) / median(of.map(({ clock }) => clock)))} changes/s`;
  const rows: string[][] = [];
  for (const [title, perTransaction, isCompressed] of [
    ['transactions of 1,000', 1_000, false],
    ['transactions of 1,000, compressed', 1_000, true],
    ['transactions of 1', 1, false],
    ['transactions of 1, compressed', 1, true],
  ] as const) {
    const from = await write(perTransaction, `SET binlog_transaction_compression = ${isCompressed ? 'ON' : 'OFF'}`);
    const took: { ours: Took[]; theirs: Took[] } = { ours: [], theirs: [] };
    // The first round is not counted.
    for (let round = 0; round <= ROUNDS; round++) {
      const ours = await timed(() => read(from.position));
      const theirs = isCompressed
        ? undefined
        : await timed(() => zongji.read({ port: server.port, ...from.end }, 2 * ROWS));
      if (round === 0) continue;
      took.ours.push(ours);
      if (theirs !== undefined) took.theirs.push(theirs);
    }
    const ratio = (what: keyof Took): string =>
      isCompressed
        ? ''
        : median(took.theirs.map((each, round) => each[what] / (took.ours[round]?.[what] ?? 0))).toFixed(2);
    rows.push([title, isCompressed ? '' : rate(took.theirs), rate(took.ours), ratio('clock'), ratio('cpu')]);
  }
  await report({
    title: `Reading the log of MySQL, median of ${ROUNDS}`,
    header: ['', ZONGJI, 'migrate', 'ratio', 'CPU ratio'],
    rows,
  });
  db.destroy();
} finally {
  await server.close();
  await zongji.remove();
}
