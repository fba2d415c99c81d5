// Reads chunks inside an exported snapshot: COPY … TO STDOUT, in the binary form where both sides read it alike.

import { Transform } from 'node:stream';
import { to as copyTo } from 'pg-copy-streams';
import { MigrateError, toMigrateError } from '../../lib/errors.ts';
import type { Key, Row } from '../../model/change.ts';
import type { KeyRange } from '../../model/chunk.ts';
import type { Table } from '../../model/table.ts';
import type { ChunkBytes, ChunkReader } from '../source.ts';
import type { PostgresServer, Session } from './connection.ts';
import { sqlState, translateError } from './errors.ts';
import { keyCastTypes, keyColumns, rangeCondition } from './range.ts';
import { quoteLiteral, quoteName, quoteTable, valueText } from './sql.ts';
import { isCopiedAsText } from './types.ts';

const BUFFER_BYTES = 1 << 20;

// row_security=off turns a policy that would hide rows into an error.
// enable_seqscan=off: with stale statistics each chunk could otherwise scan the whole table.
const SETTINGS: Readonly<Record<string, string>> = {
  row_security: 'off',
  enable_seqscan: 'off',
  max_parallel_workers_per_gather: '0',
};

export type CopyFormat = 'binary' | 'text';

/** The form in which a table's rows are read for PostgreSQL. */
export function copyFormat(table: Table): CopyFormat {
  return table.columns.some(isCopiedAsText) ? 'text' : 'binary';
}

/** For other engines, which know the text form only. */
export function alwaysText(): CopyFormat {
  return 'text';
}

/** The column list of a COPY: `"id","name"`. */
export function columnList(table: Table): string {
  return table.columns.map((column) => quoteName(column.name)).join(',');
}

/** Opens a reader that sees what the exporting transaction sees. Rejects with SNAPSHOT.LOST when the snapshot is gone. */
export async function openChunkReader(
  server: PostgresServer,
  snapshotName: string,
  formatOf: (table: Table) => CopyFormat = copyFormat,
): Promise<ChunkReader> {
  const session = await server.session({ purpose: 'snapshot', settings: SETTINGS });
  const reader = new SnapshotReader(session, snapshotName, formatOf);
  try {
    await reader.probe();
  } catch (error) {
    await session.close();
    throw error;
  }
  return reader;
}

// One transaction per read, each in the same snapshot: the lock on the table ends with it. Held until the copy is done,
// it would make a TRUNCATE or ALTER TABLE of the application wait for hours, and everyone else queue behind that.
class SnapshotReader implements ChunkReader {
  readonly #session: Session;
  readonly #begin: string;
  readonly #formatOf: (table: Table) => CopyFormat;

  constructor(session: Session, snapshotName: string, formatOf: (table: Table) => CopyFormat) {
    this.#session = session;
    this.#formatOf = formatOf;
    this.#begin = `BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET TRANSACTION SNAPSHOT ${quoteLiteral(snapshotName)}`;
  }

  /** Rejects when the snapshot is gone. */
  async probe(): Promise<void> {
    await this.#enter();
    await this.#session.run('COMMIT', []);
  }

  read(table: Table, range: KeyRange, progress?: (bytes: number) => void): ChunkBytes {
    const { client } = this.#session;
    const format = this.#formatOf(table);
    const copy = copyTo(copyOut(table, range, format), { highWaterMark: BUFFER_BYTES });
    // Sent before the COPY. Should it fail, the COPY fails, too: it stands in a transaction that has failed.
    const entered = this.#enter();
    // The data's end is not yet success, and the row count comes after it. Idle again = the server confirmed it all.
    const confirmed = new Promise<void>((resolve) => client.once('drain', resolve));
    const bytes = new Transform({
      readableHighWaterMark: BUFFER_BYTES,
      transform(block: Buffer, _encoding, done) {
        progress?.(block.length);
        done(null, block);
      },
      flush: (done) => {
        confirmed.then(() => this.#leave(table)).then(() => done(), done);
      },
    });
    entered.catch((error: unknown) => bytes.destroy(toMigrateError(error)));
    copy.on('error', (error) =>
      entered.then(
        () => bytes.destroy(translateError('source', error)),
        () => undefined,
      ),
    );
    client.query(copy);
    copy.pipe(bytes);
    return { format, bytes, rows: () => copy.rowCount };
  }

  async readRow(table: Table, key: Key): Promise<Row | undefined> {
    const types = keyCastTypes(table);
    const condition = keyColumns(table).map((column, index) => `${column} = $${index + 1}::text::${types[index]}`);
    await this.#enter();
    const row = await this.#session.one(
      `SELECT ${columnList(table)} FROM ONLY ${quoteTable(table)} WHERE ${condition.join(' AND ')}`,
      key.map(valueText),
    );
    await this.#leave(table);
    return row && table.columns.map((column) => row[column.name] ?? null);
  }

  async #enter(): Promise<void> {
    try {
      await this.#session.run(this.#begin, []);
    } catch (error) {
      // Undefined object, or invalid parameter on older servers: the exporting transaction has ended.
      if (!['42704', '22023'].includes(sqlState(error) ?? '')) throw error;
      throw new MigrateError('SNAPSHOT.LOST', 'the exported snapshot no longer exists', { cause: error });
    }
  }

  /**
   * Ends the transaction of a read. TRUNCATE does not respect snapshots: in one that is older, the table looks empty
   * instead of as it was. It gives the table another file, though; the read's lock keeps the file from changing now.
   */
  async #leave(table: Table): Promise<void> {
    const name = quoteTable(table);
    const row = await this.#session.one(
      `SELECT pg_relation_filenode($1) IS NOT DISTINCT FROM (
         SELECT relfilenode FROM pg_class WHERE oid = $1::regclass) AS same`,
      [name],
    );
    await this.#session.run('COMMIT', []);
    if (row?.same === 't') return;
    throw new MigrateError('SNAPSHOT.LOST', `${table.id} was emptied or rewritten after the snapshot was made`);
  }

  /** Cuts the connection when a read is under way: nothing else stops a COPY that nobody reads. */
  close(): Promise<void> {
    return this.#session.close();
  }
}

function copyOut(table: Table, range: KeyRange, format: CopyFormat): string {
  const condition = rangeCondition(table, range);
  const name = quoteTable(table);
  // COPY of a table by name spares the executor; like ONLY, it leaves out what inherits from it.
  const rows =
    condition === 'TRUE'
      ? `${name} (${columnList(table)})`
      : `(SELECT ${columnList(table)} FROM ONLY ${name} WHERE ${condition})`;
  return `COPY ${rows} TO STDOUT (FORMAT ${format})`;
}
