// The source's side of its log: exact pairs, markers and the log's end.

import type { Position } from '../../model/position.ts';
import type { Table } from '../../model/table.ts';
import type { SourceLog } from '../source.ts';
import { refuseUnloggedCascades } from './cascades.ts';
import { logEnd, positionOf } from './log/head.ts';
import { CREATE_MARKER_TABLE, MARKER_SCHEMA, WRITE_MARKER } from './log/marker.ts';
import { type MysqlStart, openStart, type SnapshotOptions } from './snapshot.ts';
import { quoteLiteral, quoteName } from './sql.ts';

export interface MysqlLogOptions extends SnapshotOptions {
  /** Whose markers are written. */
  readonly run: string;
  readonly tables: () => readonly Table[];
}

export class MysqlLog implements Pick<SourceLog, 'pin' | 'pair' | 'mark' | 'head'> {
  readonly #options: MysqlLogOptions;

  constructor(options: MysqlLogOptions) {
    this.#options = options;
  }

  /** The server keeps its log by time and can be told nothing; only the table of markers is made. */
  async pin(tables: readonly Table[]): Promise<MysqlStart> {
    await this.#options.server.use(async (session) => {
      await session.query(`CREATE DATABASE IF NOT EXISTS ${quoteName(MARKER_SCHEMA)}`);
      await session.query(CREATE_MARKER_TABLE);
      await refuseUnloggedCascades(session, tables);
    });
    return openStart(this.#options, tables);
  }

  pair(): Promise<MysqlStart> {
    return openStart(this.#options, this.#options.tables());
  }

  async mark(content: string): Promise<void> {
    const values = [this.#options.run, content].map(quoteLiteral);
    await this.#options.server.use((session) =>
      session.query(WRITE_MARKER.replaceAll('?', () => values.shift() ?? '')),
    );
  }

  async head(): Promise<Position> {
    const { server } = this.#options;
    const end = await server.use((session) => logEnd(session.connection));
    return positionOf(end, () => server.connect());
  }
}
