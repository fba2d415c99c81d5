// How fast the log of a MySQL server becomes changes: rows of six columns that were inserted and then updated, in one
// transaction for each 1,000 rows and for each row, plain and compressed. Needs what the tests of MySQL need.
// Run: npx tsx bench/mysql-decode.ts [rows]

import mysql, { type Connection } from 'mysql2';
import { logEnd, positionOf } from '../src/databases/mysql/log/head.ts';
import { MysqlStream } from '../src/databases/mysql/log/stream.ts';
import type { Position } from '../src/model/position.ts';
import { type Table, tableId } from '../src/model/table.ts';
import { startMysql } from '../test/fleet/mysql.ts';
import { report, thousands } from './lib/results.ts';

const ROWS = Number(process.argv[2] ?? 200_000);
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
  const run = (sql: string): Promise<unknown> => db.promise().query(sql);
  const head = async (): Promise<Position> => positionOf(await logEnd(db), connect);

  const write = async (perTransaction: number, settings: string): Promise<Position> => {
    await run(`DROP DATABASE IF EXISTS shop; CREATE DATABASE shop; USE shop; ${settings};
      CREATE TABLE orders (${COLUMNS.map(({ name, type }) => `${name} ${type} NOT NULL`).join(', ')}, PRIMARY KEY (id))`);
    const from = await head();
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
    return from;
  };

  const read = async (from: Position): Promise<string> => {
    const abort = new AbortController();
    const stream = new MysqlStream({ connect, run: 'bench', tables: [TABLE] });
    let changes = 0;
    let started = 0;
    for await (const shard of stream.open(async () => from, abort.signal)) {
      started = performance.now();
      for await (const transactions of shard.changes) {
        for (const transaction of transactions) changes += transaction.changes.length;
        if (changes >= 2 * ROWS) break;
      }
      break;
    }
    const seconds = (performance.now() - started) / 1_000;
    await stream.close();
    return `${thousands(changes / seconds)} changes/s`;
  };

  const rows: string[][] = [];
  for (const [title, perTransaction, settings] of [
    ['transactions of 1,000', 1_000, 'SET binlog_transaction_compression = OFF'],
    ['transactions of 1,000, compressed', 1_000, 'SET binlog_transaction_compression = ON'],
    ['transactions of 1', 1, 'SET binlog_transaction_compression = OFF'],
    ['transactions of 1, compressed', 1, 'SET binlog_transaction_compression = ON'],
  ] as const) {
    const from = await write(perTransaction, settings);
    await read(from);
    rows.push([title, await read(from)]);
  }
  await report({ title: 'Reading the log of MySQL', header: ['', 'decoded'], rows });
  db.destroy();
} finally {
  await server.close();
}
