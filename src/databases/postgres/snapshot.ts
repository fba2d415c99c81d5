// Reads chunks inside an exported snapshot: COPY … TO STDOUT, in the binary form where both sides read it alike.

import { Transform } from 'node:stream';
import { to as copyTo } from 'pg-copy-streams';
import { MigrateError } from '../../lib/errors.ts';
import type { Key, Row } from '../../model/change.ts';
import type { KeyRange } from '../../model/chunk.ts';
import type { Table } from '../../model/table.ts';
import type { ChunkBytes, ChunkReader } from '../source.ts';
import type { PostgresServer, Session } from './connection.ts';
import { sqlState, translateError } from './errors.ts';
import { keyCastTypes, keyColumns, rangeCondition } from './range.ts';
import { quoteLiteral, quoteName, quoteTable, valueText } from './sql.ts';

const BUFFER_BYTES = 1 << 20;

// row_security=off turns a policy that would hide rows into an error.
// enable_seqscan=off: with stale statistics each chunk could otherwise scan the whole table.
const SETTINGS: Readonly<Record<string, string>> = {
  row_security: 'off',
  enable_seqscan: 'off',
  max_parallel_workers_per_gather: '0',
  jit: 'off',
};

/** The form in which a table's rows travel; both sides of a copy must agree on it. */
export function copyFormat(table: Table): 'binary' | 'text' {
  return table.columns.every((column) => column.binaryPortable) ? 'binary' : 'text';
}

/** The column list of a COPY: `"id","name"`. */
export function columnList(table: Table): string {
  return table.columns.map((column) => quoteName(column.name)).join(',');
}

/** Opens a reader that sees what the exporting transaction sees. Rejects with SNAPSHOT.LOST when the snapshot is gone. */
export async function openChunkReader(server: PostgresServer, snapshotName: string): Promise<ChunkReader> {
  const session = await server.session({ purpose: 'snapshot', settings: SETTINGS });
  try {
    await session.run('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY', []);
    await session.run(`SET TRANSACTION SNAPSHOT ${quoteLiteral(snapshotName)}`, []);
  } catch (error) {
    await session.close();
    // Undefined object, or invalid parameter on older servers: the exporting transaction has ended.
    if (!['42704', '22023'].includes(sqlState(error) ?? '')) throw error;
    throw new MigrateError('SNAPSHOT.LOST', 'the exported snapshot no longer exists', { cause: error });
  }
  return new SnapshotReader(session);
}

class SnapshotReader implements ChunkReader {
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  read(table: Table, range: KeyRange, progress?: (bytes: number) => void): ChunkBytes {
    const { client } = this.#session;
    const copy = copyTo(copyOut(table, range), { highWaterMark: BUFFER_BYTES });
    // The data's end is not yet success, and the row count comes after it. Idle again = the server confirmed it all.
    const confirmed = new Promise<void>((resolve) => client.once('drain', resolve));
    const bytes = new Transform({
      readableHighWaterMark: BUFFER_BYTES,
      transform(block: Buffer, _encoding, done) {
        progress?.(block.length);
        done(null, block);
      },
      flush(done) {
        void confirmed.then(() => done());
      },
    });
    copy.on('error', (error) => bytes.destroy(translateError('source', error)));
    client.query(copy);
    copy.pipe(bytes);
    return { bytes, rows: () => copy.rowCount };
  }

  async readRow(table: Table, key: Key): Promise<Row | undefined> {
    const types = keyCastTypes(table);
    const condition = keyColumns(table).map((column, index) => `${column} = $${index + 1}::text::${types[index]}`);
    const row = await this.#session.one(
      `SELECT ${columnList(table)} FROM ONLY ${quoteTable(table)} WHERE ${condition.join(' AND ')}`,
      key.map(valueText),
    );
    return row && table.columns.map((column) => row[column.name] ?? null);
  }

  /** Cuts the connection when a read is under way: nothing else stops a COPY that nobody reads. */
  close(): Promise<void> {
    return this.#session.close();
  }
}

function copyOut(table: Table, range: KeyRange): string {
  const condition = rangeCondition(table, range);
  const name = quoteTable(table);
  // COPY of a table by name spares the executor; like ONLY, it leaves out what inherits from it.
  const rows =
    condition === 'TRUE'
      ? `${name} (${columnList(table)})`
      : `(SELECT ${columnList(table)} FROM ONLY ${name} WHERE ${condition})`;
  return `COPY ${rows} TO STDOUT (FORMAT ${copyFormat(table)})`;
}
