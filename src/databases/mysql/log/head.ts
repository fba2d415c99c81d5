// Where the log ends now, as a position.

import type { Connection } from 'mysql2';
import { MigrateError } from '../../../lib/errors.ts';
import type { Position } from '../../../model/position.ts';
import { serverErrno } from '../errors.ts';
import { BinlogDump } from './dump.ts';
import { BinlogParser } from './parser.ts';
import { filePrefix, formatPosition, type Origin } from './position.ts';
import { askTexts } from './source-facts.ts';

/** Where a session saw the log end. */
export interface LogEnd {
  readonly file: string;
  readonly at: number;
  /** In the server's own form, without line breaks. */
  readonly gtids: string;
}

const SYNTAX_ERROR = 1064;

/** Asks in the session that is given, so that it can be done under its locks. */
export async function logEnd(session: Connection): Promise<LogEnd> {
  const [version] = await askTexts(session, 'SELECT VERSION()');
  const isMariadb = /mariadb/i.test(version?.[0] ?? '');
  const statement = 'SHOW BINARY LOG STATUS';
  // Before MySQL 8.2, and in MariaDB, under its old name.
  const rows = isMariadb
    ? await askTexts(session, 'SHOW MASTER STATUS')
    : await askTexts(session, statement).catch((error: unknown) => {
        if (serverErrno(error) !== SYNTAX_ERROR) throw error;
        return askTexts(session, 'SHOW MASTER STATUS');
      });
  const [file, at, , , executed] = rows[0] ?? [];
  if (file === undefined || file === null)
    throw new MigrateError('SOURCE.REFUSED', 'the source writes no log (log_bin)');
  const gtids = isMariadb ? (await askTexts(session, 'SELECT @@gtid_binlog_pos'))[0]?.[0] : executed;
  return { file, at: Number(at), gtids: (gtids ?? '').replaceAll(/\s/g, '') };
}

/** The position of that place. `connect` gives a connection of its own, which reads when the file was begun. */
export async function positionOf({ file, at, gtids }: LogEnd, connect: () => Promise<Connection>): Promise<Position> {
  return formatPosition(filePrefix(file, await originOf(file, connect)), at, gtids);
}

async function originOf(file: string, connect: () => Promise<Connection>): Promise<Origin> {
  const connection = await connect();
  const parser = new BinlogParser();
  return new Promise((resolve, reject) => {
    const dump = new BinlogDump({
      connection,
      networkTimeoutMs: 60_000,
      handler: {
        event: (bytes, start, end) => {
          const event = parser.parse(bytes, start, end);
          if (event.kind !== 'format') return;
          resolve(event);
          dump.stop();
        },
        payload: () => {
          throw new MigrateError('STREAM.UNKNOWN', 'a log file does not begin with what describes it');
        },
        failed: reject,
      },
    });
    dump.start(file, 4).catch(reject);
  });
}
