// MySQL or MariaDB as a source: the parts, put behind the port. What a cutover and a preflight need is not here yet.

import type { Catalog } from '../../model/catalog.ts';
import type { Table } from '../../model/table.ts';
import type { ConversionOf } from '../conversion.ts';
import type { Digests } from '../digests.ts';
import type { Source, SourceChunks, TableSelection } from '../source.ts';
import { readCatalog } from './catalog.ts';
import { MysqlChunks } from './chunks.ts';
import type { MysqlServer } from './connection.ts';
import { MysqlDigests } from './digest.ts';
import { RowsOf } from './rows.ts';
import { MysqlLog } from './source-log.ts';

export interface MysqlSourceOptions {
  readonly server: MysqlServer;
  readonly run: string;
  /** How many readers a snapshot has. */
  readonly readers: number;
  /** What becomes of the values of a column, in rows and in keys. */
  readonly conversionOf: ConversionOf;
  /** The tables of the run, once they are known: of a later exact pair. */
  readonly tables: () => readonly Table[];
}

export class MysqlSource implements Pick<Source, 'describe' | 'chunks' | 'digests' | 'ping' | 'version' | 'close'> {
  readonly log: MysqlLog;
  readonly chunks: SourceChunks;
  readonly digests: Digests;
  readonly #server: MysqlServer;

  constructor(options: MysqlSourceOptions) {
    const rows = new RowsOf(options.conversionOf);
    this.#server = options.server;
    this.log = new MysqlLog({ ...options, rows });
    this.chunks = new MysqlChunks(options.server, rows);
    this.digests = new MysqlDigests(options.server, rows);
  }

  describe(selection: TableSelection): Promise<Catalog> {
    return this.#server.use((session) => readCatalog(session, selection));
  }

  async ping(): Promise<void> {
    await this.#server.use((session) => session.query('SELECT 1'));
  }

  async version(): Promise<string> {
    const [row] = await this.#server.use((session) => session.query('SELECT VERSION()'));
    return row?.[0] ?? '';
  }

  close(): Promise<void> {
    return this.#server.close();
  }
}
