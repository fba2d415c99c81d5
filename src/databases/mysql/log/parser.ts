// Reads events of MySQL's and MariaDB's binary log. Knows their bytes and nothing about transactions or tables. Anything it
// does not know stops it, unless the server marked it as something that may be passed over.

import { MigrateError } from '../../../lib/errors.ts';
import { checksumOf } from './checksum.ts';
import { inflated } from './compressed.ts';
import { Cursor } from './cursor.ts';
import type { BinlogEvent, Format, Gtid, Query, Rotate, Rows } from './events.ts';
import { mariadbGtid, taggedGtid, uuidText } from './gtid-events.ts';
import { unreadable } from './unreadable.ts';

const EVENT = {
  QUERY: 2,
  STOP: 3,
  ROTATE: 4,
  FORMAT_DESCRIPTION: 15,
  XID: 16,
  TABLE_MAP: 19,
  INCIDENT: 26,
  HEARTBEAT: 27,
  IGNORABLE: 28,
  ROWS_QUERY: 29,
  GTID: 33,
  ANONYMOUS_GTID: 34,
  PREVIOUS_GTIDS: 35,
  TRANSACTION_CONTEXT: 36,
  VIEW_CHANGE: 37,
  XA_PREPARE: 38,
  HEARTBEAT_V2: 41,
  GTID_TAGGED: 42,
  MARIADB_ANNOTATE: 160,
  MARIADB_CHECKPOINT: 161,
  MARIADB_GTID: 162,
  MARIADB_GTID_LIST: 163,
  MARIADB_START_ENCRYPTION: 164,
  MARIADB_QUERY_COMPRESSED: 165,
} as const;

const SILENT = new Set<number>([
  EVENT.STOP,
  EVENT.IGNORABLE,
  EVENT.ROWS_QUERY,
  EVENT.PREVIOUS_GTIDS,
  EVENT.TRANSACTION_CONTEXT,
  EVENT.VIEW_CHANGE,
  EVENT.MARIADB_ANNOTATE,
  EVENT.MARIADB_CHECKPOINT,
  EVENT.MARIADB_GTID_LIST,
  EVENT.MARIADB_START_ENCRYPTION,
]);

interface RowsKind {
  readonly op: Rows['op'];
  /** The second version has room for more between the head and the rows. */
  readonly version: 1 | 2;
  readonly compressed: boolean;
}

const ROWS = new Map<number, RowsKind>();
for (const [index, op] of (['insert', 'update', 'delete'] as const).entries()) {
  ROWS.set(23 + index, { op, version: 1, compressed: false });
  ROWS.set(30 + index, { op, version: 2, compressed: false });
  ROWS.set(166 + index, { op, version: 1, compressed: true });
}

const HEAD = 19;
const CHECKSUM = 4;
const IN_USE = 0x01;
const MADE_UP = 0x20;
const MAY_BE_PASSED_OVER = 0x80;
/** Version of the format, the server's own version, when it was started, and the length of heads. */
const FORMAT_HEAD = 2 + 50 + 4 + 1;

export class BinlogParser {
  readonly #cursor = new Cursor();
  /** Undefined until a file has told. */
  #checked: boolean | undefined;
  #uuid = Buffer.alloc(16);
  #uuidText = uuidText(this.#uuid, 0);

  /**
   * Reads the one event that lies from `start` to `end`. The event is valid until the buffer is reused. `isInner`: it stands in a
   * compressed transaction, where events have no checksums.
   */
  parse(bytes: Buffer, start: number, end: number, isInner = false): BinlogEvent {
    const type = bytes.readUInt8(start + 4);
    const size = bytes.readUInt32LE(start + 9);
    if (size !== end - start || size < HEAD) throw malformed('an event');
    const flags = bytes.readUInt16LE(start + 17);
    const place = { size, end: bytes.readUInt32LE(start + 13) };
    const isMadeUp = (flags & MADE_UP) !== 0 || place.end === 0;
    if (type === EVENT.FORMAT_DESCRIPTION) return this.#format(bytes, start, end, place, isMadeUp);
    const until = isInner ? end : end - this.#checksum(type, bytes, start, end);
    const cursor = this.#cursor.over(bytes, start + HEAD, until);
    const rows = ROWS.get(type);
    if (rows !== undefined) return this.#rows(cursor, place, rows);
    switch (type) {
      case EVENT.TABLE_MAP: {
        const id = cursor.u48();
        // Flags, which say nothing here.
        return { kind: 'table', ...place, id, bytes, at: cursor.at + 2, until };
      }
      case EVENT.GTID:
      case EVENT.ANONYMOUS_GTID:
        return this.#gtid(cursor, place, type === EVENT.GTID);
      case EVENT.GTID_TAGGED:
        return taggedGtid(cursor, place);
      case EVENT.MARIADB_GTID:
        return mariadbGtid(cursor, place, bytes.readUInt32LE(start + 5));
      case EVENT.QUERY:
      case EVENT.MARIADB_QUERY_COMPRESSED:
        return query(cursor, place, type === EVENT.MARIADB_QUERY_COMPRESSED);
      case EVENT.XID:
        return { kind: 'xid', ...place };
      case EVENT.XA_PREPARE:
        return { kind: 'xa-prepare', ...place, onePhase: cursor.u8() === 1 };
      case EVENT.ROTATE:
        return rotate(cursor, place, isMadeUp);
      case EVENT.HEARTBEAT:
      case EVENT.HEARTBEAT_V2:
        // It is not in the log: what it has for its end is where the server reads.
        return { kind: 'silent', size, end: 0 };
      default:
        if (SILENT.has(type) || (flags & MAY_BE_PASSED_OVER) !== 0) return { kind: 'silent', ...place };
        return unreadable(type, place);
    }
  }

  /** How many bytes of a checksum stand at the end of every event. */
  get checksum(): number {
    return this.#checked === true ? CHECKSUM : 0;
  }

  /** How many bytes of a checksum stand at the end. Before a file has told whether it has them, what fits counts. */
  #checksum(type: number, bytes: Buffer, start: number, end: number): number {
    if (this.#checked === false) return 0;
    const fits = checksumOf(bytes, start, end - CHECKSUM) === bytes.readUInt32LE(end - CHECKSUM);
    if (fits) return CHECKSUM;
    if (this.#checked === undefined) return 0;
    throw new MigrateError(
      'SOURCE.CONNECTION',
      `an event of type ${type} of the log arrived damaged: its checksum is wrong`,
    );
  }

  #format(bytes: Buffer, start: number, end: number, place: { size: number; end: number }, isMadeUp: boolean): Format {
    if (bytes.readUInt16LE(start + HEAD) !== 4 || bytes.readUInt8(start + HEAD + FORMAT_HEAD - 1) !== HEAD) {
      throw new MigrateError('STREAM.UNKNOWN', 'the log has a format older than version 4');
    }
    // Since MySQL 5.6 and MariaDB 5.3 it ends with the kind of the checksum, and a checksum even where the others have none.
    const kind = bytes.readUInt8(end - CHECKSUM - 1);
    if (kind > 1) throw new MigrateError('STREAM.UNKNOWN', `the log has checksums of kind ${kind}`);
    this.#checked = kind === 1;
    if (this.#checked) {
      // The mark of a file that is still written to is set after the checksum was made.
      const event = Buffer.from(bytes.subarray(start, end - CHECKSUM));
      event.writeUInt8(event.readUInt8(17) & ~IN_USE, 17);
      if (checksumOf(event, 0, event.length) !== bytes.readUInt32LE(end - CHECKSUM)) {
        throw new MigrateError('SOURCE.CONNECTION', 'the begin of a log file arrived damaged: its checksum is wrong');
      }
    }
    return {
      kind: 'format',
      ...place,
      born: bytes.readUInt32LE(start),
      server: bytes.readUInt32LE(start + 5),
      isMadeUp,
    };
  }

  #gtid(cursor: Cursor, place: { size: number; end: number }, isNumbered: boolean): Gtid {
    if (!isNumbered) return { kind: 'gtid', ...place, source: undefined, number: '', begins: false };
    const at = cursor.at + 1;
    // Nearly always that of the one before.
    if (this.#uuid.compare(cursor.bytes, at, at + 16) !== 0) {
      cursor.bytes.copy(this.#uuid, 0, at, at + 16);
      this.#uuidText = uuidText(this.#uuid, 0);
    }
    cursor.at = at + 16;
    return { kind: 'gtid', ...place, source: this.#uuidText, number: String(cursor.u64()), begins: false };
  }

  #rows(cursor: Cursor, place: { size: number; end: number }, { op, version, compressed }: RowsKind): Rows {
    const id = cursor.u48();
    // Flags.
    cursor.at += 2;
    if (version === 2) {
      const more = cursor.u16();
      cursor.at += more - 2;
    }
    return { kind: 'rows', ...place, op, id, bytes: cursor.bytes, at: cursor.at, until: cursor.end, compressed };
  }
}

function rotate(cursor: Cursor, place: { size: number; end: number }, isMadeUp: boolean): Rotate {
  const position = Number(cursor.u64());
  return { kind: 'rotate', ...place, file: cursor.utf8(cursor.end - cursor.at), position, isMadeUp };
}

function query(cursor: Cursor, place: { size: number; end: number }, compressed: boolean): Query {
  // The thread, and how long it took.
  cursor.at += 8;
  const schemaLength = cursor.u8();
  // The error it ended with, then settings of its session.
  cursor.at += 2;
  const settingsLength = cursor.u16();
  cursor.at += settingsLength;
  // Nearly all of them.
  if (!compressed && isBegin(cursor, cursor.at + schemaLength + 1))
    return { kind: 'query', ...place, schema: '', text: BEGIN };
  const schema = cursor.utf8(schemaLength);
  cursor.at += 1;
  const text = compressed ? inflated(cursor).toString('utf8') : cursor.utf8(cursor.end - cursor.at);
  return { kind: 'query', ...place, schema, text };
}

const BEGIN = 'BEGIN';

function isBegin({ bytes, end }: Cursor, at: number): boolean {
  if (end - at !== BEGIN.length) return false;
  for (let index = 0; index < BEGIN.length; index++) if (bytes[at + index] !== BEGIN.charCodeAt(index)) return false;
  return true;
}

function malformed(what: string): MigrateError {
  return new MigrateError('STREAM.UNKNOWN', `${what} in the log is malformed`);
}
