// The source's side of its log: exact pairs, markers and the log's end. The server keeps its log by time and can be told nothing:
// the run leaves a table of markers, and nothing else.

import { failpoint } from '../../lib/failpoint.ts';
import type { Position } from '../../model/position.ts';
import type { Table, TableId } from '../../model/table.ts';
import type { SourceLog } from '../source.ts';
import { refuseUnloggedCascades } from './cascades.ts';
import type { MysqlSession } from './connection.ts';
import { serverErrno } from './errors.ts';
import { logEnd } from './log/head.ts';
import { CREATE_MARKER_TABLE, MARKER_SCHEMA, MARKER_TABLE, WRITE_MARKER } from './log/marker.ts';
import { formatPosition } from './log/position.ts';
import { type MysqlStart, openStart, type SnapshotOptions } from './snapshot.ts';
import { quoteLiteral, quoteName } from './sql.ts';

export interface MysqlLogOptions extends Omit<SnapshotOptions, 'commit'> {
  /** Whose markers are written. */
  readonly run: string;
  /** Proves, inside a transaction, that this runner may still write. */
  readonly prove: (session: MysqlSession) => Promise<void>;
  /** The tables of the run so far; none before it began. */
  readonly tables: readonly Table[];
}

const MARKERS = `${quoteName(MARKER_SCHEMA)}.${quoteName(MARKER_TABLE)}`;
const GONE = new Set([1049, 1146]);
const LOCK_DENIED = 1044;

export class MysqlLog implements SourceLog {
  readonly #options: MysqlLogOptions;
  /** Nobody may write to these while a pair is made. */
  readonly #tables: Map<TableId, Table>;

  constructor(options: MysqlLogOptions) {
    this.#options = options;
    this.#tables = new Map(options.tables.map((table) => [table.id, table]));
  }

  async pin(tables: readonly Table[]): Promise<MysqlStart> {
    await failpoint('log.before_pin');
    await this.#options.server.use(async (session) => {
      await session.query(`CREATE DATABASE IF NOT EXISTS ${quoteName(MARKER_SCHEMA)}`);
      await session.query(CREATE_MARKER_TABLE);
      await session.query(markerOf(this.#options.run, ''));
      await refuseUnloggedCascades(session, tables);
    });
    this.#add(tables);
    const start = await this.#start(tables);
    await failpoint('log.pinned');
    return start;
  }

  pair(): Promise<MysqlStart> {
    return this.#start([...this.#tables.values()]);
  }

  #start(tables: readonly Table[]): Promise<MysqlStart> {
    return openStart({ ...this.#options, commit: () => this.mark('') }, tables);
  }

  async mark(content: string): Promise<void> {
    await this.#options.server.use((session) => session.query(markerOf(this.#options.run, content)));
  }

  /** Asked every second, and compared with others only by its place: when its file was begun is not looked up. */
  async head(): Promise<Position> {
    const { file, at, gtids } = await this.#options.server.use((session) => logEnd(session.connection));
    return formatPosition(file, at, gtids);
  }

  /** The log has every table; nobody has to be told. */
  async publish(tables: readonly Table[]): Promise<void> {
    await failpoint('table.publishing');
    await this.#options.server.use((session) => refuseUnloggedCascades(session, tables));
    this.#add(tables);
    await failpoint('table.published');
  }

  async release(): Promise<void> {
    await this.#options.server.use(async (session) => {
      try {
        await session.transaction(async () => {
          await this.#options.prove(session);
          await session.query(`DELETE FROM ${MARKERS} WHERE run = ${quoteLiteral(this.#options.run)}`);
        });
        // Nobody may begin with the table while it is dropped. Who may not lock leaves it there.
        await session.query(`LOCK TABLES ${MARKERS} WRITE`);
        const [others] = await session.query(`SELECT 1 FROM ${MARKERS} LIMIT 1`);
        if (others === undefined) await session.query(`DROP TABLE ${MARKERS}`);
        await session.query('UNLOCK TABLES');
      } catch (error) {
        if (!GONE.has(serverErrno(error) ?? 0) && serverErrno(error) !== LOCK_DENIED) throw error;
      }
    });
  }

  #add(tables: readonly Table[]): void {
    for (const table of tables) this.#tables.set(table.id, table);
  }
}

function markerOf(run: string, content: string): string {
  const values = [run, content].map(quoteLiteral);
  return WRITE_MARKER.replaceAll('?', () => values.shift() ?? '');
}
